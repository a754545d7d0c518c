"""One stream's entries in memory: canonical batches, numbered from 1; recent ones ready to send, old ones packed.

Safe to append from one thread and to read from others. It never waits: `waiters` are woken, whoever they are.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Protocol

import msgspec

from headrace.backends.waiting import Waiter
from headrace.errors import HeadraceError
from headrace.stream.events import Entry, Failure, Finish

RECENT_ENTRIES = 32  # kept unpacked for readers that follow live: unpacked, an entry takes ten times its text
LOG_BYTES = 64 * 1024 * 1024  # of one stream, packed; over it the oldest entries go, and their cursors expire

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Entry]).decode


class CursorError(HeadraceError):
    """A cursor that cannot be served; `code` is `cursor_expired` (older than what is kept) or `cursor_beyond_end`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Face(Protocol, Hashable):
    """How entries look to one kind of client. Equal faces give equal bytes, so a batch is encoded once for each."""

    def __call__(self, entries: Sequence[Entry], first: int) -> bytes: ...


class Batch:
    """Entries that arrived together; `first` is the number of the first one. Encodings are cached here."""

    __slots__ = ("_encodings", "entries", "first")

    def __init__(self, first: int, entries: Sequence[Entry]) -> None:
        self.first = first
        self.entries = entries
        self._encodings: dict[Face, bytes] | None = None

    @property
    def last(self) -> int:
        return self.first + len(self.entries) - 1

    @property
    def ended(self) -> bool:
        return bool(self.entries) and type(self.entries[-1]) is Finish

    def forget_encodings(self) -> None:
        """A newer batch has come: whoever has not read this one will be given both as one."""
        self._encodings = None

    def encoded(self, face: Face) -> bytes:
        """These entries as this face shows them."""
        cache = self._encodings
        if cache is None:
            cache = self._encodings = {}
        data = cache.get(face)
        if data is None:
            data = cache[face] = face(self.entries, self.first)
        return data


class _Packed:
    __slots__ = ("data", "first")

    def __init__(self, first: int, data: bytes) -> None:
        self.first = first
        self.data = data


class Follower:
    """One reader's place in a log."""

    __slots__ = ("_log", "cursor", "ended")

    def __init__(self, log: Log, cursor: int) -> None:
        self._log = log
        self.cursor = cursor
        self.ended = log.ended and cursor >= log.total

    def next(self) -> Batch | None:
        """The entries since the last call, or None. Where the log ended before it reached the cursor, its ending."""
        over = self._log.ended  # looked at first: it may end between the two
        batch = self._log.after(self.cursor) or (self._log.ending(self.cursor) if over else None)
        if batch is not None:
            self.cursor = batch.last
            self.ended = batch.ended
        return batch


class Account:
    """The packed bytes of all logs of one journal, as a running total: nobody has to add them up."""

    __slots__ = ("_lock", "held")

    def __init__(self) -> None:
        self.held = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.held += count


def ending_of(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The `Finish` at their end, with the failure before it."""
    return [entry for entry in entries[-2:] if isinstance(entry, Failure | Finish)]


class Wire(Protocol):
    """What went over the wire for a stream."""

    def told(self) -> dict[str, Any]:
        """All of it as values for JSON, without keys. Slow: for a thread, not for an event loop."""


class Log:
    """Append-only until its `Finish`. `about` says whose it is and what it asks: never a key, never text."""

    __slots__ = (
        "_account",
        "_lock",
        "_packed",
        "_recent",
        "_recent_entries",
        "_total",
        "about",
        "ended",
        "leased",
        "on_cancel",
        "packed_bytes",
        "waiters",
        "wire",
    )

    def __init__(self, about: Mapping[str, Any] | None = None, account: Account | None = None) -> None:
        self._account = account or Account()
        self.about: dict[str, Any] = dict(about or {})
        self._lock = threading.Lock()
        self._packed: list[_Packed] = []
        self._recent: list[Batch] = []
        self._recent_entries = 0
        self._total = 0
        self.packed_bytes = 0
        self.ended = False
        self.leased = False
        self.on_cancel: Callable[[], None] | None = None
        self.waiters: set[Waiter] = set()
        self.wire: Wire | None = None
        """What its producer was asked to keep of the wire: it is here as long as the log."""

    @property
    def total(self) -> int:
        """The number of the newest entry; 0 when there is none."""
        return self._total

    @property
    def oldest(self) -> int:
        """The number of the oldest entry that is kept."""
        with self._lock:
            return self._oldest()

    @property
    def last_entry(self) -> Entry | None:
        """The newest entry: the `Finish` of a log that has ended."""
        with self._lock:
            if self._recent:
                return self._recent[-1].entries[-1]
            return _unpack(self._packed[-1].data)[-1] if self._packed else None

    def append(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        with self._lock:
            if self.ended:
                raise ValueError("the log has ended: nothing may follow its Finish")
            if self._recent:
                self._recent[-1].forget_encodings()
            self._recent.append(Batch(self._total + 1, entries))
            self._total += len(entries)
            self._recent_entries += len(entries)
            self.ended = type(entries[-1]) is Finish
            if self._recent_entries > RECENT_ENTRIES and len(self._recent) > 1:
                self._pack(self._recent[:-1])
        for waiter in tuple(self.waiters):
            waiter.wake()

    def after(self, number: int) -> Batch | None:
        """Everything kept after this number, up to one packed block; None where there is nothing yet."""
        with self._lock:
            if number >= self._total:
                return None
            if not self._recent or number < self._recent[0].first - 1:
                return self._unpacked(number)
            newest = self._recent[-1]
            if number == newest.first - 1:
                return newest
            return self._joined(number)

    def ending(self, number: int) -> Batch:
        """The ending, for a reader whose cursor lies beyond the last entry: what it waited for never came."""
        with self._lock:
            last = self._joined(self._total - 2) if self._recent else self._unpacked(max(self._total - 2, 0))
        return Batch(number + 1, ending_of(last.entries))

    def check(self, number: int) -> int:
        """The cursor itself, if it can be served; raises `CursorError`. Beyond an unfinished log it waits."""
        with self._lock:
            if self.ended and number > self._total:
                raise CursorError("cursor_beyond_end", f"The stream ended with event {self._total}.")
            oldest = self._oldest()
            if number < oldest - 1:
                raise CursorError("cursor_expired", f"Events before {oldest} are no longer kept.")
            return number

    def batches(self) -> Iterator[Batch]:
        """All that is kept now, in order."""
        number = self.oldest - 1
        while (batch := self.after(number)) is not None:
            number = batch.last
            yield batch

    @contextmanager
    def follow(self, waiter: Waiter, after: int) -> Iterator[Follower]:
        """Read from this number on; `waiter` is woken whenever there is more. Raises `CursorError`."""
        follower = Follower(self, self.check(after))
        self.waiters.add(waiter)
        try:
            yield follower
        finally:
            self.waiters.discard(waiter)
            waiter.close()

    def pack(self) -> None:
        """Pack everything: the stream has ended and its followers have read it, or will read it as history."""
        with self._lock:
            self._pack(self._recent)

    def forget(self) -> None:
        """The journal has dropped this log: what readers still hold of it is no longer the journal's to count."""
        with self._lock:
            self._account.add(-self.packed_bytes)
            self._account = Account()

    def _oldest(self) -> int:
        kept = self._packed or self._recent
        return kept[0].first if kept else 1

    def _pack(self, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        data = _pack(list(chain.from_iterable(batch.entries for batch in batches)))
        self._packed.append(_Packed(batches[0].first, data))
        self._weigh(len(data))
        del self._recent[: len(batches)]
        self._recent_entries = sum(len(batch.entries) for batch in self._recent)
        while self.packed_bytes > LOG_BYTES and len(self._packed) > 1:
            self._weigh(-len(self._packed.pop(0).data))

    def _weigh(self, count: int) -> None:
        self.packed_bytes += count
        self._account.add(count)

    def _unpacked(self, number: int) -> Batch:
        at = bisect_right(self._packed, number + 1, key=lambda packed: packed.first) - 1
        block = self._packed[max(at, 0)]
        entries = _unpack(block.data)
        skip = number + 1 - block.first
        if skip < 0:
            # The reader was slower than the bound on one log: what it missed is gone, and it must be told.
            lost = Failure("upstream_limit", f"Events before {block.first} are no longer kept.")
            return Batch(number + 1, (lost, Finish("error")))
        return Batch(block.first + skip, entries[skip:])

    def _joined(self, number: int) -> Batch:
        entries: list[Entry] = []
        for batch in self._recent:
            if batch.last > number:
                entries += batch.entries[max(0, number + 1 - batch.first) :]
        return Batch(number + 1, entries)
