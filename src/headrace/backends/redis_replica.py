"""A copy of another worker's log, filled from the mirror, that any number of readers follow like a log of our own.

It starts where its first reader's cursor stands, not at the first event. Where the producer is lost, every reader
gets the ending, one too that has seen more than was shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from headrace.backends import redis_keys as rk
from headrace.backends.endings import LOST, lost_ending
from headrace.backends.log import Batch, CursorError, Follower, Log, ending_of
from headrace.backends.redis_facts import Facts
from headrace.backends.redis_mirrored import unpack
from headrace.backends.waiting import Waiter
from headrace.stream.events import Entry, Failure, Finish


class ReplicaLog(Log):
    """A log whose first event may have another number than 1."""

    __slots__ = ("_ending", "_start")

    def __init__(self, start: int) -> None:
        super().__init__()
        self._total = self._start = start
        self._ending: tuple[int, Sequence[Entry]] | None = None

    def after(self, number: int) -> Batch | None:
        if self._ending is not None and number > self._ending[0]:
            return Batch(number + 1, self._ending[1])
        return super().after(number)

    def check(self, number: int) -> int:
        if number < self._start:
            raise CursorError("cursor_expired", f"Events before {self._start + 1} are no longer kept.")
        if self.ended and number > self.total and self._ending is None:
            raise CursorError("cursor_beyond_end", f"The stream ended with event {self.total}.")
        return number

    @contextmanager
    def follow(self, waiter: Waiter, after: int) -> Iterator[Follower]:
        with super().follow(waiter, after) as follower:
            follower.ended = follower.ended and self._ending is None
            yield follower

    def lose(self, ending: Sequence[Entry]) -> None:
        """The producer will not come back: this is the end, wherever a reader stands."""
        if not self.ended:
            self._ending = (self.total, ending)
            self.append(ending)


class Replica:
    """One stream's copy and how it is filled. `position` is where to read on in the mirror."""

    def __init__(self, stream_id: str, key: str, start: int) -> None:
        self.stream_id = stream_id
        self.key = key.encode()
        self.start = start
        self.log = ReplicaLog(start)
        self.worker = ""
        self.position = start
        self.readers = 0
        self.missing_since: float | None = None
        self._before: Entry | None = None
        self.opening: asyncio.Future[None] | None = None

    def open(self, facts: Facts) -> None:
        """Begin with what the server says of it."""
        known = facts.known()
        self.start = max(self.start, known.oldest - 1)
        if known.ended and not known.lost:
            self.start = min(self.start, known.total)
        if self.start != self.log.total:
            self.log = ReplicaLog(self.start)
        self.log.about.update(known.about)
        self.log.ended = known.ended and not known.lost and self.start == known.total
        self.worker = facts.worker
        self.position = min(self.start, facts.kept)
        self._before = facts.newest[-1] if facts.newest else None

    def check(self, after: int) -> None:
        """Raises `CursorError` where this cursor cannot be served."""
        self.log.check(after)

    def take(self, number: int, kind: bytes, data: bytes) -> None:
        """One batch of the mirror; `number` is its last event's. What is known already is passed over."""
        self.position = number
        log = self.log
        if log.ended:
            return
        try:
            entries = unpack(data)
        except (msgspec.DecodeError, msgspec.ValidationError):
            self.lose("Another version of Headrace wrote this stream, and this one cannot read it.")
            return
        if kind == rk.ENDING:
            log.lose(entries)
            return
        first = number - len(entries) + 1
        if first > log.total + 1:
            log.lose([Failure("upstream_limit", f"Events before {first} are no longer kept."), Finish("error")])
        elif number > log.total:
            log.append(entries[log.total + 1 - first :])
        elif ending := ending_of(entries):
            log.lose(ending)  # it ended short of where its readers wait

    def lose(self, message: str = LOST) -> None:
        """Tell this worker's readers that nothing more will come."""
        self.log.lose(lost_ending(self.log.last_entry or self._before, message))
