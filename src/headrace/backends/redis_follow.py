"""Follows other workers' streams: one waiting read for all of them and for what is asked of this worker.

A reader costs a place in a log; a stream that is followed costs a name in the read. It never polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any

from headrace.backends import redis_keys as rk
from headrace.backends.journal import JournalAwayError, UnknownStreamError
from headrace.backends.redis_facts import Facts, event_number, facts
from headrace.backends.redis_presence import SAID_STREAMS, SAY_SECONDS, OnReader, RemoteReaders
from headrace.backends.redis_replica import Replica
from headrace.backends.redis_server import FAILURES, Server, raised
from headrace.backends.redis_wire import Wire, command
from headrace.backends.stream_ids import is_young

GROUP_SECONDS = 0.00005  # for each stream followed, between two reads: many streams are read in larger pieces
MAX_GROUP_SECONDS = 0.02
CANCEL, WAKE, JOIN, LEAVE = b"cancel", b"wake", b"join", b"leave"


class Followers:
    """The streams of other workers that somebody reads here, and theirs of ours.

    `cancel` stops a stream of ours by its id; `on_reader` is told who comes and goes elsewhere.
    """

    def __init__(
        self,
        server: Server,
        keys: rk.Keys,
        worker: str,
        loop: asyncio.AbstractEventLoop,
        *,
        cancel: Callable[[str], None],
        on_reader: OnReader,
    ) -> None:
        self.remote = RemoteReaders(on_reader)
        self._server = server
        self._keys = keys
        self._cancel = cancel
        self._loop = loop
        self._worker = worker
        self._asked = b"0-0"
        self._replicas: dict[str, Replica] = {}
        self._filling: dict[bytes, list[Replica]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._say_at = loop.time() + SAY_SECONDS

    def __len__(self) -> int:
        return sum(map(len, self._filling.values()))

    def rename(self, worker: str) -> None:
        """This worker is known under another name from now on."""
        self._worker, self._asked = worker, b"0-0"

    async def attach(self, stream_id: str, after: int) -> Replica:
        """A copy that serves this cursor. Raises `UnknownStreamError`, `CursorError`, `JournalAwayError`."""
        replica = self._replicas.get(stream_id)
        if replica is None or replica.start > after:
            replica = self._replicas[stream_id] = Replica(stream_id, self._keys.log(stream_id), after)
            replica.opening = self._loop.create_task(self._open(replica), context=Context())
            replica.opening.add_done_callback(_seen)
        assert replica.opening is not None
        replica.readers += 1
        try:
            await asyncio.shield(replica.opening)
            replica.check(after)
        except BaseException:
            self.detach(replica)
            raise
        return replica

    def detach(self, replica: Replica) -> None:
        """One reader less; with the last one the copy goes."""
        replica.readers -= 1
        if replica.readers == 0:
            self._stop_filling(replica)
            if self._replicas.get(replica.stream_id) is replica:
                del self._replicas[replica.stream_id]

    def lose(self, *, worker: str | None = None) -> None:
        """Tell the readers of this worker's streams (or of all) that nothing more will come."""
        for replica in self._all():
            if worker is None or replica.worker == worker:
                self._lose(replica)

    def restart(self) -> None:
        """The server has lost its data: what is written there again is read again, and what is known passed over."""
        for replica in self._all():
            replica.position = 0

    async def look_for_missing(self) -> None:
        """End the copies of streams that the server no longer knows, unless they come back soon."""
        replicas = self._all()
        if not replicas:
            return
        names = [self._keys.about(replica.stream_id) for replica in replicas]
        if await self._server.ask("EXISTS", *names) == len(names):
            for replica in replicas:
                replica.missing_since = None
            return
        there = await self._server.ask_all([command("EXISTS", name) for name in names])
        now = self._loop.time()
        for replica, found in zip(replicas, there, strict=True):
            since = replica.missing_since if replica.missing_since is not None else now
            replica.missing_since = None if found == 1 else since
            if found == 0 and now - since >= rk.AWAY_SECONDS:
                self._lose(replica)

    async def say_who_reads(self) -> None:
        """Now and then tell the producers that their streams are still read here, and forget who told us long ago."""
        now = self._loop.time()
        if now >= self._say_at:
            self._say_at = now + SAY_SECONDS
            self.remote.sweep(now)
            followed: dict[str, list[str]] = {}
            for stream_id, worker in {replica.stream_id: replica.worker for replica in self._all()}.items():
                followed.setdefault(worker, []).append(stream_id)
            for worker, names in followed.items():
                for at in range(0, len(names), SAID_STREAMS):
                    await self._say(worker, JOIN, ",".join(names[at : at + SAID_STREAMS]))

    async def find(self, stream_id: str) -> Facts:
        """What the server holds about this stream. Looks again for a new one: a client may know it a little sooner."""
        for delay in (0.0, *(rk.LOOK_AGAIN_SECONDS if is_young(stream_id) else ())):
            await asyncio.sleep(delay)
            try:
                (found,) = await facts(self._server, self._keys, [stream_id])
            except FAILURES as error:
                self._server.away.begin(error)
                raise JournalAwayError("The shared journal does not answer now.") from None
            if found is not None:
                return found
        raise UnknownStreamError(stream_id)

    async def ask(self, worker: str, what: bytes, about: str = "") -> None:
        """Send a message to a worker, which may be this one."""
        control = self._keys.control(worker)
        added = command("XADD", control, "MAXLEN", "~", rk.CONTROL_ENTRIES, "*", what, about)
        raised(await self._server.ask_all([added, command("PEXPIRE", control, int(rk.CONTROL_SECONDS * 1000))]))

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            wire: Wire | None = None
            try:
                wire = await self._server.connect()
                while True:
                    await self._read(wire)
            except FAILURES as error:
                self._server.away.begin(error)
                await asyncio.sleep(rk.RETRY_SECONDS)
            finally:
                if wire is not None:
                    wire.close()

    async def _open(self, replica: Replica) -> None:
        found = await self.find(replica.stream_id)
        replica.open(found)
        try:
            start = f"({replica.position}"
            page = await self._server.ask("XRANGE", replica.key, start, "+", "COUNT", rk.PAGE_BATCHES)
        except FAILURES as error:
            self._server.away.begin(error)
            raise JournalAwayError("The shared journal does not answer now.") from None
        if not (page or found.running or replica.log.ended):
            raise UnknownStreamError(replica.stream_id)  # it expired between the two questions
        for entry_id, (kind, data) in page:
            replica.take(event_number(entry_id), kind, data)
        if not replica.log.ended and replica.readers:
            self._filling.setdefault(replica.key, []).append(replica)
            await self._wake()
            await self._say(replica.worker, JOIN, replica.stream_id)

    async def _say(self, worker: str, what: bytes, streams: str) -> None:
        try:
            await self.ask(worker, what, f"{streams} {self._worker}")
        except FAILURES as error:  # what it has not heard it hears at the next time
            self._server.away.begin(error)

    async def _wake(self) -> None:
        """Have the waiting read begin anew, with the names that it does not know yet."""
        try:
            await self.ask(self._worker, WAKE)
        except FAILURES as error:  # it begins anew by itself before long
            self._server.away.begin(error)

    async def _read(self, wire: Wire) -> None:
        control = self._keys.control(self._worker).encode()
        since = {name: min(each.position for each in replicas) for name, replicas in self._filling.items()}
        names = [control, *since]
        ids = [self._asked, *(b"%d-0" % position for position in since.values())]
        block = int(rk.BLOCK_SECONDS * 1000)
        reading = command("XREAD", "COUNT", rk.PAGE_BATCHES, "BLOCK", block, "STREAMS", *names, *ids)
        (answer,) = raised(await wire.exchange([reading], rk.BLOCK_SECONDS + rk.COMMAND_SECONDS))
        for name, entries in answer or ():
            if name == control:
                self._answer(entries)
            else:
                self._fill(name, entries, since[name])
        group = min(GROUP_SECONDS * len(self._filling), MAX_GROUP_SECONDS)
        if answer and group > 0.001:
            await asyncio.sleep(group)

    def _answer(self, entries: Iterable[Any]) -> None:
        for entry_id, (what, about) in entries:
            self._asked = entry_id
            stream_id, _, worker = about.decode().partition(" ")
            if what == CANCEL:
                self._cancel(stream_id)
            elif what == JOIN:
                for each in stream_id.split(","):
                    self.remote.joined(each, worker, self._loop.time())
            elif what == LEAVE:
                self.remote.left(stream_id, worker)

    def _fill(self, name: bytes, entries: Iterable[Any], since: int) -> None:
        """What was read after this position. A copy that stands before it came meanwhile, and is read for next time."""
        for replica in list(self._filling.get(name, ())):
            if replica.position < since:
                continue
            for entry_id, (kind, data) in entries:
                number = event_number(entry_id)
                if number > replica.position:
                    replica.take(number, kind, data)
            if replica.log.ended:
                self._stop_filling(replica)

    def _leave(self, replica: Replica) -> None:
        leaving = self._loop.create_task(self._say(replica.worker, LEAVE, replica.stream_id), context=Context())
        self._telling.add(leaving)
        leaving.add_done_callback(self._telling.discard)

    def _all(self) -> list[Replica]:
        return [replica for replicas in self._filling.values() for replica in replicas]

    def _lose(self, replica: Replica) -> None:
        replica.lose()
        self._stop_filling(replica)
        if self._replicas.get(replica.stream_id) is replica:
            del self._replicas[replica.stream_id]  # whoever comes later sees what the server has by then

    def _stop_filling(self, replica: Replica) -> None:
        replicas = self._filling.get(replica.key, [])
        if replica in replicas:
            replicas.remove(replica)
            if not replicas:
                del self._filling[replica.key]
                if not replica.log.ended:
                    self._leave(replica)


def _seen(opening: asyncio.Future[None]) -> None:
    if not opening.cancelled():
        opening.exception()  # told to each reader that waits; without any, to nobody
