"""The ordered mirror of this process's logs on a shared server: one reader more of each log, and never in its way.

It keeps no queue of its own, only where it stands in each log. So a server that is slow or away costs no memory, and
catching up is reading on. It writes under a worker's name, and nothing more once that name is fenced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from headrace.backends import redis_keys as rk
from headrace.backends.log import Log
from headrace.backends.redis_mirrored import (
    Mirrored,
    Sending,
    append_command,
    end_command,
    open_command,
    pack,
    trim_command,
)
from headrace.backends.redis_server import FAILURES, Server, Trouble, raised
from headrace.backends.redis_vigil import Vigil
from headrace.backends.redis_wire import ReplyError, Wire, command
from headrace.stream.events import Finish


class FullError(Exception):
    """The server has no room."""


class Mirror:
    """All of a process's mirrored logs, written by one task. `fenced` is called when our name was taken from us."""

    def __init__(
        self,
        server: Server,
        keys: rk.Keys,
        worker: str,
        loop: asyncio.AbstractEventLoop,
        *,
        replay_seconds: float,
        fenced: Callable[[], None],
    ) -> None:
        self.worker = worker
        self.streams: dict[str, Mirrored] = {}
        self._server = server
        self._keys = keys
        self._replay = replay_seconds
        self._fenced = fenced
        self._loop = loop
        self._wire: Wire | None = None
        self._dirty: dict[str, Mirrored] = {}
        self._wanted = asyncio.Event()
        self._clean = asyncio.Event()
        self._clean.set()
        self._failing = False
        self.recovered = asyncio.Event()
        self.vigil = Vigil(self._release)
        self._next = 0.0
        self._behind_since = 0.0
        self._refused = Trouble(
            "refuses to be written", "this worker's streams go on, and no other worker can follow them"
        )

    @property
    def stalled(self) -> bool:
        """Whether what others can read is older than they should wait for."""
        return self.lag > rk.STALL_SECONDS

    @property
    def lag(self) -> float:
        """Seconds since the server was last known to have everything; 0 while it has."""
        return 0.0 if self._clean.is_set() else self._loop.time() - self._behind_since

    @property
    def unfinished(self) -> bool:
        """Whether a stream has not come to its end here."""
        return any(not mirrored.done for mirrored in self.all())

    def all(self) -> list[Mirrored]:
        """The streams that are mirrored now. Producers on other event loops may add more at any time."""
        return list(self.streams.values())

    def add(self, stream_id: str, log: Log) -> Mirrored:
        """Mirror this log from its first entry on, until its end."""
        mirrored = Mirrored(stream_id, log, self._keys.log(stream_id), self._mark, self.vigil)
        self.streams[stream_id] = mirrored
        log.waiters.add(mirrored)
        self._mark(mirrored)
        return mirrored

    def forget(self, stream_id: str) -> None:
        """Its log has expired here: stop mirroring it, whatever the server still lacks."""
        self._dirty.pop(stream_id, None)
        self.streams.pop(stream_id).finish()

    def restart(self) -> None:
        """The server has lost its data: everything we still have goes there again."""
        for mirrored in self.all():
            if not mirrored.fenced:
                mirrored.restart()
                self._mark(mirrored)

    def fence(self, worker: str) -> None:
        """Give up all streams that run under our old name; new ones run under this one."""
        self.worker = worker
        for mirrored in self.all():
            if not mirrored.done:
                self._give_up(mirrored)

    async def settled(self) -> None:
        """Returns when the server has everything."""
        await self._clean.wait()

    async def run(self) -> None:
        """Write whatever comes, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                delay = self._next - self._loop.time()
                if delay > 0:
                    await asyncio.sleep(delay)
                self._next = self._loop.time() + rk.FLUSH_SECONDS
                if await self._flushed():
                    if self._failing:
                        self.recovered.set()
                    self._failing = False
                else:
                    self._failing = True
                    await asyncio.sleep(rk.RETRY_SECONDS)
        finally:
            self._disconnect()

    def _mark(self, mirrored: Mirrored) -> None:
        if asyncio._get_running_loop() is not self._loop:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._mark, mirrored)
            return
        if mirrored.done:
            return
        if self._clean.is_set():
            self._behind_since = self._loop.time()
            self._clean.clear()
            self._wanted.set()
        mirrored.dirty = True
        self._dirty[mirrored.stream_id] = mirrored

    async def _flushed(self) -> bool:
        """One flush; whether it went well. What did not get through stays marked."""
        picked = self._pick()
        try:
            if self._wire is None:
                self._wire = await self._server.connect()
                self._wire.on_break = self._doubt
            await self._flush(self._wire, picked)
        except FullError as error:
            self._again(picked)
            self._refused.begin(error)
            await self._relieve()
            return False
        except FAILURES as error:
            self._again(picked)
            (self._refused if isinstance(error, ReplyError) else self._server.away).begin(error)
            self._disconnect()
            return False
        self._refused.end()
        self._behind_since = self._loop.time()
        if not self._dirty:
            self._wanted.clear()
            self._clean.set()
        return True

    def _pick(self) -> list[Mirrored]:
        picked = list(self._dirty.values())[: rk.FLUSH_STREAMS]
        for mirrored in picked:
            mirrored.dirty = False
            del self._dirty[mirrored.stream_id]
        if self._dirty:
            self._next = 0.0
        return picked

    def _again(self, picked: Sequence[Mirrored]) -> None:
        for mirrored in picked:
            self._mark(mirrored)

    def _disconnect(self) -> None:
        """After this nobody knows what got through: every stream is taken up again with what is there."""
        wire, self._wire = self._wire, None
        for mirrored in self.all():
            mirrored.opened = mirrored.opened and mirrored.done
        if wire is not None:
            wire.close()

    def _doubt(self) -> None:
        """The connection broke, and the server may have lost what it was told last: tell it the latest ends again."""
        since = self._loop.time() - rk.FORGOTTEN_SECONDS
        for mirrored in self.all():
            if mirrored.done and not mirrored.fenced and mirrored.told > since:
                mirrored.restart()
                self._mark(mirrored)

    async def _flush(self, wire: Wire, picked: Sequence[Mirrored]) -> None:
        await self._open(wire, [mirrored for mirrored in picked if not mirrored.opened])
        sent = self._collect(picked)
        after = self._acknowledge(sent, await self._append(wire, sent)) if sent else []
        ending = [mirrored for mirrored in picked if mirrored.ending and not mirrored.done]
        after += [end_command(self._keys, self.worker, mirrored.stream_id, self._replay) for mirrored in ending]
        if after:
            await self._exchange(wire, after)
        for mirrored in ending:
            mirrored.told = self._loop.time()
            mirrored.finish()
            self._dirty.pop(mirrored.stream_id, None)

    async def _open(self, wire: Wire, streams: Sequence[Mirrored]) -> None:
        if not streams:
            return
        opening = [open_command(self._keys, self.worker, mirrored) for mirrored in streams]
        answers = await self._exchange(wire, opening)
        if rk.FENCED in answers:
            self._fenced()
            return
        for mirrored, top in zip(streams, answers, strict=True):
            if top == rk.NOT_OURS:
                self._give_up(mirrored)
            elif not mirrored.fenced:
                mirrored.take_up(top)

    def _collect(self, picked: Sequence[Mirrored]) -> list[Sending]:
        """The new entries of each of these logs, up to what one flush may carry; logs with more are marked again."""
        sent: list[Sending] = []
        size = 0
        for mirrored in picked:
            if mirrored.done or mirrored.ending:
                continue
            log, last = mirrored.log, mirrored.acked
            batch = log.after(last) if size < rk.FLUSH_BYTES else None
            if batch is not None:
                entries = batch.entries
                data, last = pack(entries), batch.first + len(entries) - 1
                size += len(data)
                sent.append((mirrored, last, type(entries[-1]) is Finish, data))
            if log.total > last:
                self._mark(mirrored)
                self._next = 0.0
        return sent

    async def _append(self, wire: Wire, sent: Sequence[Sending]) -> Any:
        try:
            (answer,) = await self._exchange(wire, [append_command(self._keys, self.worker, sent)])
        except ReplyError as refusal:
            if not str(refusal).startswith("NOSCRIPT"):
                raise
            (answer,) = await self._exchange(wire, [append_command(self._keys, self.worker, sent, by_text=True)])
        return answer

    async def _exchange(self, wire: Wire, commands: Sequence[bytes]) -> list[Any]:
        """The answers; raises `FullError` and what is in `FAILURES`."""
        try:
            return raised(await wire.exchange(commands, rk.COMMAND_SECONDS))
        except ReplyError as refusal:
            if "OOM" in str(refusal):
                raise FullError("out of memory") from None
            raise

    def _acknowledge(self, sent: Sequence[Sending], answer: Any) -> list[bytes]:
        """Note what the server has taken; returns the commands that trim it. Raises `FullError` if it had no room."""
        if answer == rk.FENCED:
            self._fenced()
            return []
        failed: dict[int, bytes] = dict(zip(answer[::2], answer[1::2], strict=True))
        trims: list[bytes] = []
        for at, (mirrored, last, ended, data) in enumerate(sent):
            if failed and (why := failed.get(at)) is not None:
                mirrored.opened = b"OOM" in why
                self._mark(mirrored)
            elif trim := mirrored.count(last, ended, len(data)):
                trims.append(trim_command(self._keys, mirrored.stream_id, trim))
        if any(b"OOM" in why for why in failed.values()):
            raise FullError("out of memory")
        return trims

    async def _relieve(self) -> None:
        """Make room: of all workers' finished streams the oldest go, as in a full memory journal."""
        try:
            ids = await self._server.ask("ZRANGE", self._keys.ended, 0, rk.RELIEVED_STREAMS - 1)
            if ids:
                names = [stream_id.decode() for stream_id in ids]
                held = (self._keys.about, self._keys.log, self._keys.wire)
                keys = [key(name) for name in names for key in held]
                await self._server.ask_all([command("UNLINK", *keys), command("ZREM", self._keys.ended, *ids)])
        except FAILURES as error:
            self._server.away.begin(error)

    def _release(self) -> None:
        for mirrored in self.all():
            if mirrored.held:
                mirrored.release()

    def _give_up(self, mirrored: Mirrored) -> None:
        mirrored.fence()
        self._dirty.pop(mirrored.stream_id, None)
