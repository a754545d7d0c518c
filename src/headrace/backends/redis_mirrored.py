"""One log of this process and how far its mirror is, with the commands that write it. It sends nothing itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from headrace.backends import redis_keys as rk
from headrace.backends.endings import lost_ending
from headrace.backends.log import Log
from headrace.backends.redis_server import evaluate
from headrace.backends.redis_vigil import Vigil
from headrace.backends.redis_wire import bulk
from headrace.stream.events import Entry

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(list[Entry]).decode
_describe = msgspec.json.Encoder(enc_hook=str).encode


class Mirrored:
    """The producer's writer, and one of the log's waiters: an append wakes the mirror and returns."""

    __slots__ = (
        "_mark",
        "acked",
        "dirty",
        "done",
        "ending",
        "fenced",
        "held",
        "key",
        "lock",
        "log",
        "marks",
        "next_mark",
        "opened",
        "sent",
        "stream_id",
        "told",
        "vigil",
    )

    def __init__(self, stream_id: str, log: Log, key: str, mark: Callable[[Mirrored], None], vigil: Vigil) -> None:
        self.stream_id = stream_id
        self.log = log
        self.key = bulk(key)
        self.acked = 0  # the number of the last event that the server has
        self.opened = False  # taken up on the present connection
        self.dirty = False
        self.ending = False  # the end is there, its bookkeeping not yet
        self.done = False
        self.fenced = False
        self.told = 0.0  # when the server had its end, in seconds of the loop
        self.sent = 0
        self.marks: list[tuple[int, int]] = []  # now and then: the number and the bytes sent by then
        self.next_mark = rk.TRIM_BYTES
        self._mark = mark
        self.vigil = vigil
        self.lock = threading.Lock()
        self.held: list[Sequence[Entry]] = []  # until it is known whether the stream is still ours

    def append(self, entries: Sequence[Entry]) -> None:
        """Number these entries and show them. Of a stream that was given up as lost, nothing more is shown."""
        with self.lock:
            if self.vigil.doubtful:
                self.held.append(entries)
                return
            if self.held:
                self._release()
            self._show(entries)

    def release(self) -> None:
        """Show what was held back."""
        with self.lock:
            self._release()

    def _release(self) -> None:
        held, self.held = self.held, []
        for entries in held:
            self._show(entries)

    def _show(self, entries: Sequence[Entry]) -> None:
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

    def take_up(self, top: int) -> None:
        """The server has it up to this event."""
        self.opened = True
        self.acked = min(top, self.log.total)
        self.ending = self.log.ended and self.acked == self.log.total

    def finish(self) -> None:
        """Nothing more is to be mirrored. Log and mirror hold each other no longer: their text goes when they do."""
        self.done = True
        self.log.waiters.discard(self)

    def fence(self) -> None:
        """Somebody has declared this producer lost, and told the readers. It ends here too, in the same words."""
        self.fenced = True
        self.finish()
        ending = lost_ending(self.log.last_entry)
        if ending and not self.log.ended:
            self.log.append(ending)
        if self.log.on_cancel is not None:
            self.log.on_cancel()

    def restart(self) -> None:
        """The server has lost what it had."""
        self.opened = self.ending = self.done = False
        self.acked = self.sent = 0
        self.marks.clear()
        self.next_mark = rk.TRIM_BYTES

    def count(self, last: int, ended: bool, size: int) -> int:
        """Note what the server has taken; returns the number up to which it must now be trimmed, or 0."""
        self.acked = last
        self.ending = ended
        self.sent += size + rk.BATCH_BYTES
        if self.sent < self.next_mark:
            return 0
        self.next_mark = self.sent + rk.TRIM_BYTES
        self.marks.append((last, self.sent))
        trim = 0
        while self.sent - self.marks[0][1] > rk.MIRROR_BYTES:
            trim = self.marks.pop(0)[0]
        return trim


Sending = tuple[Mirrored, int, bool, bytes]
"""A log, the number of the last event to send, whether it is the end, and the events packed."""


def append_command(keys: rk.Keys, worker: str, sent: Sequence[Sending], *, by_text: bool = False) -> bytes:
    """The command that appends all of these in one call. `by_text`: for a server that does not know the script yet."""
    count = len(sent) + 1
    parts = [b"*%d\r\n" % (3 * count + 1)]
    parts += (bulk("EVAL"), bulk(rk.APPEND.text)) if by_text else (bulk("EVALSHA"), bulk(rk.APPEND.sha))
    parts += (bulk(count), bulk(keys.dead(worker)))
    parts += [mirrored.key for mirrored, _, _, _ in sent]
    for _, last, _, data in sent:
        number = b"%d" % last
        parts.append(b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(number), number, len(data), data))
    return b"".join(parts)


def open_command(keys: rk.Keys, worker: str, mirrored: Mirrored) -> bytes:
    stream_id, about = mirrored.stream_id, mirrored.log.about
    project = str(about.get("project") or "")
    names = (
        keys.about(stream_id),
        keys.log(stream_id),
        keys.running(worker),
        keys.dead(worker),
        keys.project(project),
        keys.leases,
    )
    args = (
        worker,
        stream_id,
        _describe(about),
        str(about.get("created") or 0),
        int(rk.RUNNING_SECONDS * 1000),
        rk.LISTED_STREAMS if project else "",
        int(rk.PROJECT_SECONDS * 1000),
        int(rk.LEASE_SECONDS * 1000),
    )
    return evaluate(rk.OPEN, names, *args)


def end_command(keys: rk.Keys, worker: str, stream_id: str, replay_seconds: float) -> bytes:
    names = (keys.about(stream_id), keys.log(stream_id), keys.running(worker), keys.ended)
    return evaluate(rk.END, names, worker, stream_id, int(replay_seconds * 1000))


def trim_command(keys: rk.Keys, stream_id: str, number: int) -> bytes:
    """Drop everything up to this event, and say so."""
    return evaluate(rk.TRIM, (keys.about(stream_id), keys.log(stream_id)), number)


def described(data: bytes | None) -> Mapping[str, Any]:
    """What a stream was created with, as the worker that opened it wrote it."""
    return msgspec.json.decode(data, type=dict[str, Any]) if data else {}
