"""The ordered mirror of this process's logs on a shared server: one reader more of each log, and never in its way.

Appending wakes it and returns; it keeps no queue of its own, only where it stands in each log. So a server that is
slow or away costs no memory, and catching up is reading on. It writes under a worker's name, and nothing more once
that name is fenced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from headrace.backends import redis_keys as rk
from headrace.backends.endings import last_entry, lost_ending
from headrace.backends.log import Batch, Log
from headrace.backends.redis_server import FAILURES, Server, Trouble, Wire, bulk, command
from headrace.stream.events import Entry

pack = msgspec.msgpack.Encoder().encode
_described = msgspec.json.Encoder(enc_hook=str).encode


class FullError(Exception):
    """The server has no room."""


class Mirrored:
    """One log of ours and how far its mirror is. It is the producer's writer, and one of the log's waiters."""

    __slots__ = (
        "_mark",
        "acked",
        "dirty",
        "done",
        "ending",
        "fenced",
        "key",
        "log",
        "marks",
        "opened",
        "sent",
        "stream_id",
    )

    def __init__(self, stream_id: str, log: Log, key: bytes, mark: Callable[[Mirrored], None]) -> None:
        self.stream_id = stream_id
        self.log = log
        self.key = bulk(key)
        self.acked = 0
        self.opened = False
        self.dirty = False
        self.ending = False  # the end is there, its bookkeeping not yet
        self.done = False
        self.fenced = False
        self.sent = 0
        self.marks: list[tuple[int, int]] = []
        self._mark = mark

    def append(self, entries: Sequence[Entry]) -> None:
        """Number these entries and show them. Of a stream that was given up as lost, nothing more is shown."""
        if self.fenced:
            return
        try:
            self.log.append(entries)
        except ValueError:
            if not self.fenced:
                raise

    def wake(self) -> None:
        if not self.dirty:
            self._mark(self)

    def close(self) -> None:
        """Nothing is held."""

    def fence(self) -> None:
        """Somebody has declared this producer lost, and told the readers. It ends here too, with the same words."""
        self.fenced = self.done = True
        ending = lost_ending(last_entry(self.log))
        if ending and not self.log.ended:
            self.log.append(ending)
        if self.log.on_cancel is not None:
            self.log.on_cancel()

    def restart(self) -> None:
        """What the server has of it is not known any more."""
        self.opened = False
        self.acked = self.sent = 0
        self.marks.clear()

    def count(self, batch: Batch, size: int) -> int:
        """Take note of what was sent; the number up to which the mirror must now be trimmed, or 0."""
        self.acked = batch.last
        self.ending = batch.ended
        self.sent += size + rk.BATCH_BYTES
        if not self.marks or self.sent - self.marks[-1][1] >= rk.TRIM_BYTES:
            self.marks.append((batch.last, self.sent))
        trim = 0
        while self.sent - self.marks[0][1] > rk.MIRROR_BYTES:
            trim = self.marks.pop(0)[0]
        return trim


class Mirror:
    """All of a process's mirrored logs, written by one task. `fenced` is called when our name was taken from us."""

    def __init__(
        self, server: Server, keys: rk.Keys, worker: str, *, replay_seconds: float, fenced: Callable[[], None]
    ) -> None:
        self.worker = worker
        self.streams: dict[str, Mirrored] = {}
        self._server = server
        self._keys = keys
        self._replay = int(replay_seconds * 1000)
        self._fenced = fenced
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._dirty: dict[str, Mirrored] = {}
        self._wanted = asyncio.Event()
        self._clean = asyncio.Event()
        self._clean.set()
        self._next = 0.0
        self._behind_since = 0.0
        self._refused = Trouble(
            "refuses to be written", "this worker's streams go on, and no other worker can follow them"
        )
        self.away = Trouble(
            "is away", "streams go on for readers on their own worker; on others they end until it is back"
        )

    @property
    def stalled(self) -> bool:
        """Whether what others can read is older than they should wait for."""
        return bool(self._dirty) and self._loop.time() - self._behind_since > rk.STALL_SECONDS

    def add(self, stream_id: str, log: Log) -> Mirrored:
        """Mirror this log from its first entry on, until its end."""
        mirrored = Mirrored(stream_id, log, self._keys.log(stream_id).encode(), self._mark)
        self.streams[stream_id] = mirrored
        log.waiters.add(mirrored)
        self._mark(mirrored)
        return mirrored

    def restart(self) -> None:
        """The server has lost its data: everything we still have goes there again."""
        for mirrored in self.streams.values():
            mirrored.restart()
            mirrored.done = False
            self._mark(mirrored)

    def fence(self, worker: str) -> list[Mirrored]:
        """Give up all streams that run under our old name; new ones run under this one."""
        lost = [mirrored for mirrored in self.streams.values() if not mirrored.done]
        self.worker = worker
        for mirrored in lost:
            self._give_up(mirrored)
        return lost

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
                if not await self._flushed():
                    await asyncio.sleep(rk.RETRY_SECONDS)
        finally:
            await self._disconnect()

    def _mark(self, mirrored: Mirrored) -> None:
        if asyncio._get_running_loop() is not self._loop:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._mark, mirrored)
            return
        if mirrored.done:
            return
        if not self._dirty:
            self._behind_since = self._loop.time()
            self._wanted.set()
            self._clean.clear()
        mirrored.dirty = True
        self._dirty[mirrored.stream_id] = mirrored

    async def _flushed(self) -> bool:
        """One flush; whether it went well. What did not get through stays marked."""
        picked = self._pick()
        try:
            if self._wire is None:
                self._wire = await self._server.connect()
            await self._flush(self._wire, picked)
        except FullError as error:
            self._again(picked)
            self._refused.begin(error)
            await self._relieve()
            return False
        except FAILURES as error:
            self._again(picked)
            self.away.begin(error)
            await self._disconnect()
            return False
        except BaseException:
            self._again(picked)
            raise
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
        return picked

    def _again(self, picked: Sequence[Mirrored]) -> None:
        for mirrored in picked:
            self._mark(mirrored)

    async def _disconnect(self) -> None:
        """After this nobody knows what got through: every stream is taken up again with what is there."""
        wire, self._wire = self._wire, None
        for mirrored in self.streams.values():
            mirrored.opened = mirrored.opened and mirrored.done
        if wire is not None:
            await wire.close()

    async def _flush(self, wire: Wire, picked: Sequence[Mirrored]) -> None:
        await self._open(wire, [mirrored for mirrored in picked if not mirrored.opened])
        sent = self._collect(picked)
        after: list[bytes] = []
        if sent:
            after = self._acknowledge(sent, await self._append(wire, sent))
        ending = [mirrored for mirrored in picked if mirrored.ending and not mirrored.done]
        after += [self._end_command(mirrored) for mirrored in ending]
        if after:
            answers = await wire.exchange(after)
            _raise_refusal(answers)
            for mirrored in ending:
                mirrored.done = True
                mirrored.log.waiters.discard(mirrored)

    async def _open(self, wire: Wire, streams: Sequence[Mirrored]) -> None:
        if not streams:
            return
        answers = await wire.exchange([self._open_command(mirrored) for mirrored in streams])
        _raise_refusal(answers)
        if -1 in answers:
            self._fenced()
            return
        for mirrored, top in zip(streams, answers, strict=True):
            if top == -2:
                self._give_up(mirrored)
            else:
                mirrored.opened = True
                mirrored.acked = min(int(top), mirrored.log.total)

    def _collect(self, picked: Sequence[Mirrored]) -> list[tuple[Mirrored, Batch, bytes]]:
        """What each of these logs has to tell, as much as one flush may carry; the rest is marked again."""
        sent: list[tuple[Mirrored, Batch, bytes]] = []
        size = 0
        for mirrored in picked:
            if mirrored.done or mirrored.ending:
                continue
            if size > rk.FLUSH_BYTES:
                self._mark(mirrored)
                continue
            batch = mirrored.log.after(mirrored.acked)
            if batch is not None:
                data = pack(batch.entries)
                size += len(data)
                sent.append((mirrored, batch, data))
        return sent

    async def _append(self, wire: Wire, sent: Sequence[tuple[Mirrored, Batch, bytes]]) -> Any:
        for name, source in ((b"EVALSHA", rk.APPEND.sha), (b"EVAL", rk.APPEND.text.encode())):
            count = len(sent) + 1
            parts = [b"*%d\r\n" % (3 * count + 1), bulk(name), bulk(source), bulk(b"%d" % count)]
            parts.append(bulk(self._keys.dead(self.worker).encode()))
            parts += [mirrored.key for mirrored, _, _ in sent]
            for _, batch, data in sent:
                number = b"%d" % batch.last
                parts.append(b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(number), number, len(data), data))
            (answer,) = await wire.exchange([b"".join(parts)])
            if not (isinstance(answer, Exception) and _is_unknown_script(answer)):
                break
        _raise_refusal([answer])
        return answer

    def _acknowledge(self, sent: Sequence[tuple[Mirrored, Batch, bytes]], answer: Any) -> list[bytes]:
        """Move on in what got through; the commands that trim. Raises `FullError` when it was room that lacked."""
        if answer == -1:
            self._fenced()
            return []
        failed: dict[int, bytes] = dict(zip(answer[::2], answer[1::2], strict=True))
        trims: list[bytes] = []
        for at, (mirrored, batch, data) in enumerate(sent):
            why = failed.get(at)
            if why is not None:
                mirrored.opened = b"OOM" in why
                self._mark(mirrored)
                continue
            trim = mirrored.count(batch, len(data))
            if trim:
                trims += self._trim_commands(mirrored, trim)
            if mirrored.log.total > mirrored.acked:
                self._next = 0.0
                self._mark(mirrored)
        if any(b"OOM" in why for why in failed.values()):
            raise FullError("out of memory")
        return trims

    async def _relieve(self) -> None:
        """Make room: of all workers' finished streams the oldest go, as in a full memory journal."""
        try:
            ids = await self._server.client.zrange(self._keys.ended, 0, rk.RELIEVED_STREAMS - 1)
            if ids:
                names = [stream_id.decode() for stream_id in ids]
                keys = [key(name) for name in names for key in (self._keys.about, self._keys.log)]
                await self._server.pipeline([("UNLINK", *keys), ("ZREM", self._keys.ended, *ids)])
        except FAILURES as error:
            self.away.begin(error)

    def _give_up(self, mirrored: Mirrored) -> None:
        mirrored.fence()
        mirrored.log.waiters.discard(mirrored)
        self._dirty.pop(mirrored.stream_id, None)

    def _open_command(self, mirrored: Mirrored) -> bytes:
        keys, stream_id, about = self._keys, mirrored.stream_id, mirrored.log.about
        project = str(about.get("project") or "")
        names = (
            keys.about(stream_id),
            keys.log(stream_id),
            keys.running(self.worker),
            keys.dead(self.worker),
            keys.project(project),
        )
        args = (
            self.worker,
            stream_id,
            _described(about).decode(),
            str(about.get("created") or 0),
            str(int(rk.RUNNING_SECONDS * 1000)),
            "1",
            str(rk.LISTED_STREAMS) if project else "",
            str(int(rk.PROJECT_SECONDS * 1000)),
        )
        return _evaluate(rk.OPEN, names, args)

    def _end_command(self, mirrored: Mirrored) -> bytes:
        keys, stream_id = self._keys, mirrored.stream_id
        names = (keys.about(stream_id), keys.log(stream_id), keys.running(self.worker), keys.ended)
        return _evaluate(rk.END, names, (self.worker, stream_id, str(self._replay)))

    def _trim_commands(self, mirrored: Mirrored, number: int) -> list[bytes]:
        log = self._keys.log(mirrored.stream_id).encode()
        about = self._keys.about(mirrored.stream_id).encode()
        oldest = b"%d" % (number + 1)
        return [command(b"XTRIM", log, b"MINID", oldest), command(b"HSET", about, b"oldest", oldest)]


def _evaluate(script: rk.Script, keys: Sequence[str], args: Sequence[str]) -> bytes:
    return command(b"EVAL", script.text.encode(), b"%d" % len(keys), *(part.encode() for part in (*keys, *args)))


def _is_unknown_script(answer: Exception) -> bool:
    return type(answer).__name__ == "NoScriptError" or str(answer).startswith("NOSCRIPT")


def _raise_refusal(answers: Sequence[Any]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            if "OOM" in str(answer) or "maxmemory" in str(answer):
                raise FullError("out of memory")
            raise answer


def described(data: bytes | None) -> Mapping[str, Any]:
    """What a stream was created with, as another worker wrote it."""
    return msgspec.json.decode(data, type=dict[str, Any]) if data else {}
