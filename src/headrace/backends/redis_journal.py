"""The journal of several workers: the memory journal, and an ordered mirror of it on a Redis or Valkey server.

Readers on the producer's own worker read its memory and notice nothing of the server, not even its death. Others read
a copy that follows the mirror. Redis Cluster is not served: one script touches the keys of many streams.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from headrace.backends import redis_keys as rk
from headrace.backends.journal import (
    JOURNAL_BYTES,
    LISTED_STREAMS,
    REPLAY_SECONDS,
    JournalAwayError,
    MemoryJournal,
)
from headrace.backends.known import Known, known_here
from headrace.backends.log import Log
from headrace.backends.loops import background_loop
from headrace.backends.redis_facts import facts
from headrace.backends.redis_follow import CANCEL
from headrace.backends.redis_link import SETTLE_SECONDS, Link
from headrace.backends.redis_mirrored import Mirrored
from headrace.backends.redis_places import Places
from headrace.backends.redis_server import FAILURES
from headrace.backends.redis_wires import Wires

HELD_LOOK_SECONDS = 0.02  # at the end of a stream whose process has just woken up


class RedisJournal(MemoryJournal):
    """A `Journal` that workers share. `start` it on the event loop that serves, and `close` it there at the end.

    Without `start`, a process whose producers run on some loop mirrors from that loop; one that only reads uses the
    background loop. All other methods may be called on any loop, and those that do not wait from any thread.
    """

    shared = True

    def __init__(
        self,
        url: str,
        *,
        replay_seconds: float = REPLAY_SECONDS,
        max_bytes: int = JOURNAL_BYTES,
        prefix: str = rk.PREFIX,
    ) -> None:
        super().__init__(replay_seconds=replay_seconds, max_bytes=max_bytes)
        self._url = url
        self._keys = rk.Keys(prefix)
        self._link: Link | None = None
        self._link_lock = threading.Lock()
        self.places = Places(self._keys, self._tie)
        self._wires = Wires(self._keys, self._ask, replay_seconds)

    @property
    def lag(self) -> float:
        link = self._link
        return link.mirror.lag if link is not None else 0.0

    @property
    def away(self) -> bool:
        link = self._link
        return link is not None and link.server.away.lasts

    async def start(self) -> None:
        """Mirror from this event loop, and look after lost workers even before anybody reads here."""
        self._tie(asyncio.get_running_loop())

    async def close(self) -> None:
        """Let the server have what it lacks, within reason, and let go of it."""
        await self._wires.shared(SETTLE_SECONDS)
        link, self._link = self._link, None
        if link is not None and link.usable:
            await link.ask(link.close)

    @asynccontextmanager
    async def writer(self, stream_id: str, *, on_cancel: Callable[[], None]) -> AsyncIterator[Mirrored]:  # type: ignore[override]
        link = self._tie(asyncio.get_running_loop())
        mirrored: Mirrored | None = None
        try:
            async with super().writer(stream_id, on_cancel=on_cancel) as log:
                mirrored = link.mirror.add(stream_id, log)
                try:
                    yield mirrored
                    await _shown(mirrored)
                finally:
                    mirrored.held.clear()
        finally:
            if mirrored is not None and mirrored.fenced:
                self._forget(stream_id)

    async def known(self, stream_id: str) -> Known:
        """Whose this stream is and how far it came, wherever it runs. Raises like `read`."""
        log = self._logs.get(stream_id)
        if log is not None and self.holds(stream_id):
            return known_here(stream_id, log)
        link = self._tie()
        return (await link.ask(lambda: link.followers.find(stream_id))).known()

    async def wire(self, known: Known) -> Mapping[str, Any] | None:
        """Its own worker tells it at any time, the others when the stream has ended. Raises `JournalAwayError`."""
        return await (super().wire(known) if self.holds(known.stream_id) else self._wires.find(known))

    def share_wire(self, stream_id: str) -> None:
        """Have the shared server keep what was kept here, as long as the stream. On the producer's loop."""
        if (log := self._logs.get(stream_id)) is not None:
            self._wires.share(stream_id, log)

    async def listing(self, project: str, *, limit: int = LISTED_STREAMS) -> list[Known]:
        """The project's running and recent streams, newest first: this worker's own, and the others' if they answer."""
        own = [known_here(stream_id, log) for stream_id, log in self.find(project=project) if self.holds(stream_id)]
        link = self._tie()
        try:
            others = await link.ask(lambda: self._listed(link, project, limit))
        except FAILURES as error:
            link.server.away.begin(error)
            others = []
        here = {known.stream_id for known in own}
        found = own + [known for known in others if known.stream_id not in here]
        return sorted(found, key=lambda known: known.about.get("created") or 0, reverse=True)[:limit]

    async def cancel(self, stream_id: str) -> None:
        """Ask the producer to stop, wherever it runs. No error where it has ended. Raises like `read`."""
        if self.holds(stream_id):
            self._cancel_here(stream_id)
            return
        link = self._tie()
        await link.ask(lambda: self._cancel_there(link, stream_id))

    def cancel_now(self, stream_id: str) -> None:
        """`cancel` from a thread without an event loop."""
        if self.holds(stream_id):
            self._cancel_here(stream_id)
        else:
            link = self._tie()
            link.ask_blocking(lambda: self._cancel_there(link, stream_id))

    def _cancel_here(self, stream_id: str) -> None:
        """Stop a stream of this process. Harmless where it has ended or is none of ours."""
        log = self._logs.get(stream_id)
        on_cancel = log.on_cancel if log is not None else None
        if on_cancel is not None:
            on_cancel()

    async def claim(self, name: str, value: str, seconds: float) -> str:
        """As `Journal.claim`. Raises `JournalAwayError`."""
        taken = await self._ask("SET", self._keys.claim(name), value, "NX", "GET", "PX", int(seconds * 1000))
        return value if taken is None else str(taken, "utf-8")

    async def claimed(self, name: str) -> str | None:
        """As `Journal.claimed`. Raises `JournalAwayError`."""
        taken = await self._ask("GET", self._keys.claim(name))
        return None if taken is None else str(taken, "utf-8")

    async def release(self, name: str, value: str) -> None:
        """As `Journal.release`. Raises `JournalAwayError`."""
        await self._ask("EVAL", rk.RELEASE.text, 1, self._keys.claim(name), value)

    def holds(self, stream_id: str) -> bool:
        """Whether this process has the stream's own log, unexpired."""
        expiry = self._finished.get(stream_id)
        return stream_id in self._logs and (expiry is None or expiry > self._clock())

    def _forget_fenced(self) -> None:
        """Drop our logs of streams that were taken from us: they are read as on any other worker from now on.

        A log whose writer is still at work is dropped when that ends.
        """
        link = self._link
        for mirrored in link.mirror.all() if link is not None else ():
            if mirrored.fenced and mirrored.stream_id in self._finished:
                self._forget(mirrored.stream_id)

    def _forget(self, stream_id: str) -> None:
        with self._lock:
            self._drop(stream_id)

    async def _cancel_there(self, link: Link, stream_id: str) -> None:
        found = await link.followers.find(stream_id)
        if found.running:
            try:
                await link.followers.ask(found.worker, CANCEL, stream_id)
            except FAILURES as error:
                link.server.away.begin(error)
                raise JournalAwayError("The shared journal does not take requests now.") from None

    async def _ask(self, *parts: str | int) -> Any:
        link = self._tie()
        try:
            return await link.ask(lambda: link.server.ask(*parts))
        except FAILURES as error:
            link.server.away.begin(error)
            raise JournalAwayError("The shared journal does not answer now.") from None

    async def _listed(self, link: Link, project: str, limit: int) -> list[Known]:
        key = self._keys.project(project)
        names = [name.decode() for name in await link.server.ask("ZREVRANGE", key, 0, limit - 1)]
        found = await facts(link.server, self._keys, names)
        gone = [name for name, known in zip(names, found, strict=True) if known is None]
        if gone:
            await link.server.ask("ZREM", key, *gone)
        return [known.known() for known in found if known is not None]

    @asynccontextmanager
    async def _source(self, stream_id: str, after: int) -> AsyncIterator[Log]:
        """The log to read: our own, or a copy."""
        if self.holds(stream_id):
            yield self.log(stream_id)
            return
        link = self._tie()
        replica = await link.ask(lambda: link.followers.attach(stream_id, after))
        try:
            yield replica.log
        finally:
            link.release(replica)

    @contextmanager
    def _source_blocking(self, stream_id: str, after: int) -> Iterator[Log]:
        if self.holds(stream_id):
            yield self.log(stream_id)
            return
        link = self._tie()
        replica = link.ask_blocking(lambda: link.followers.attach(stream_id, after))
        try:
            yield replica.log
        finally:
            link.release(replica)

    def _tie(self, loop: asyncio.AbstractEventLoop | None = None) -> Link:
        """The link, made on this loop (or the background loop) if there is none."""
        with self._link_lock:
            link = self._link
            if link is None or not link.usable:
                link = self._link = Link(
                    self._url,
                    self._keys,
                    loop or background_loop(),
                    replay_seconds=self._replay,
                    cancel=self._cancel_here,
                    holds=self.holds,
                    fenced=self._forget_fenced,
                    on_reader=self.on_reader,
                    on_lost=self.on_lost,
                )
            return link


async def _shown(mirrored: Mirrored) -> None:
    """Wait until the writer holds nothing back any more."""
    while mirrored.held:
        await asyncio.sleep(HELD_LOOK_SECONDS)
        if not mirrored.vigil.doubtful:
            mirrored.release()
