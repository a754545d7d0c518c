"""A resumable log for each stream: history and live are one read from a cursor, so there is no seam between them.

`MemoryJournal` serves one process, from any thread and event loop. It refuses to grow without bound: old entries are
packed, finished logs expire, and over the bounds below the oldest finished logs go first.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Protocol

from headrace.backends.claims import Claims
from headrace.backends.known import Known, known_here
from headrace.backends.log import Account, Batch, Log
from headrace.backends.waiting import TaskWaiter, ThreadWaiter
from headrace.errors import HeadraceError
from headrace.stream.events import Entry, Failure, Finish

REPLAY_SECONDS = 600.0  # a finished stream can be replayed this long: a phone in a tunnel, a reloaded tab
JOURNAL_BYTES = 512 * 1024 * 1024  # all logs of one process; over it the oldest finished ones are dropped
PACK_DELAY = 1.0  # after the end: those who follow live have taken the last entries by then
LISTED_STREAMS = 200  # of one project, newest first: more than a page shows, less than a megabyte
IDLE_SECONDS = 15.0  # silence after which a reader is told so, to send a keep-alive

EMPTY = Batch(0, ())


class UnknownStreamError(HeadraceError):
    """No such stream here: never was, expired, or lives on a worker that shares no journal with this one."""


class JournalAwayError(HeadraceError):
    """The shared journal does not answer: whether it knows the stream cannot be said now."""


class Writer(Protocol):
    def append(self, entries: Sequence[Entry]) -> None:
        """Number these entries and show them to every reader. Nothing may follow a `Finish`."""


class Journal(Protocol):
    def writer(self, stream_id: str, *, on_cancel: Callable[[], None]) -> AbstractAsyncContextManager[Writer]:
        """Take the lease on a new log. Left unfinished, the log ends with `producer_lost`."""

    def read(self, stream_id: str, after: int = 0, *, idle: float = IDLE_SECONDS) -> AsyncIterator[Batch]:
        """Entries after number `after`, history and then live, to the end. An empty batch is a heartbeat.

        Raises `UnknownStreamError`, and `CursorError` (see `backends.log`) for a cursor that cannot be served.
        """

    async def cancel(self, stream_id: str) -> None:
        """Ask the producer to stop, wherever it runs. No error where it has ended; `UnknownStreamError` otherwise."""

    async def known(self, stream_id: str) -> Known:
        """Whose this stream is and how far it came, wherever it runs. Raises `UnknownStreamError`."""

    async def listing(self, project: str, *, limit: int = LISTED_STREAMS) -> list[Known]:
        """The project's running and recent streams, newest first."""

    async def wire(self, known: Known) -> Mapping[str, Any] | None:
        """What went over the wire for this stream, without keys; None where nothing was kept, or not yet."""

    def share_wire(self, stream_id: str) -> None:
        """Let other workers have what was kept of a stream's wire, now that it has ended. Returns at once."""

    async def claim(self, name: str, value: str, seconds: float) -> str:
        """Claim a name, for all workers, if it is free. Returns the value that holds it now, perhaps another's."""

    async def claimed(self, name: str) -> str | None:
        """The value that holds this name on any worker; None where it is free."""

    async def release(self, name: str, value: str) -> None:
        """Free the name if this value holds it; harmless where another does."""


class MemoryJournal:
    """The journal of one process. `clock` is monotonic seconds."""

    shared = False
    """Whether other workers know the same streams. Where they do, what asks them may raise `JournalAwayError`."""

    def __init__(
        self,
        *,
        replay_seconds: float = REPLAY_SECONDS,
        max_bytes: int = JOURNAL_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._replay = replay_seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._account = Account()
        self._logs: dict[str, Log] = {}
        self._finished: dict[str, float] = {}  # in the order of their ends, with the time of expiry
        self._claims = Claims(clock)
        self.on_reader: Callable[[str, bool], None] = _nobody
        """Called with a stream's id when another worker's readers of it begin (True) or end (False)."""
        self.on_lost: Callable[[str, Mapping[str, Any]], None] = _nobody_lost
        """Called with a stream's id and what it is about when this process has ended it for a lost worker."""

    @property
    def replay_seconds(self) -> float:
        """How long a finished stream is kept."""
        return self._replay

    async def start(self) -> None:
        """Nothing to do here; a shared journal begins its work on the event loop that serves."""

    async def close(self) -> None:
        """The counterpart of `start`."""

    @asynccontextmanager
    async def writer(self, stream_id: str, *, on_cancel: Callable[[], None]) -> AsyncIterator[Log]:
        log = self.create(stream_id)
        if log.leased:
            raise KeyError(stream_id)
        log.leased, log.on_cancel = True, on_cancel
        try:
            yield log
        finally:
            log.on_cancel = None
            if not log.ended:
                log.append((Failure("producer_lost", "The stream's producer stopped unexpectedly."), Finish("error")))
            self._retire(stream_id)

    def create(self, stream_id: str, about: Mapping[str, Any] | None = None) -> Log:
        """The log of a stream that is about to be produced: a reader may come before the first entry."""
        self.sweep()
        with self._lock:
            log = self._logs.get(stream_id)
            if log is None:
                log = self._logs[stream_id] = Log(about, self._account)
            return log

    def find(self, **about: Any) -> list[tuple[str, Log]]:
        """The logs whose `about` has these values, newest first."""
        wanted = about.items()
        with self._lock:
            found = [(stream_id, log) for stream_id, log in self._logs.items() if wanted <= log.about.items()]
        return found[::-1]

    def log(self, stream_id: str) -> Log:
        """The log of a stream that is known and not expired."""
        log = self._logs.get(stream_id)
        expiry = self._finished.get(stream_id)
        if log is None or (expiry is not None and expiry <= self._clock()):
            raise UnknownStreamError(stream_id)
        return log

    async def wire(self, known: Known) -> Mapping[str, Any] | None:
        wire = self.log(known.stream_id).wire
        return None if wire is None else await asyncio.to_thread(wire.told)

    def share_wire(self, stream_id: str) -> None:
        """There is nobody to share it with."""

    async def read(self, stream_id: str, after: int = 0, *, idle: float = IDLE_SECONDS) -> AsyncIterator[Batch]:
        async with self._source(stream_id, after) as log:
            waiter = TaskWaiter(idle)
            with log.follow(waiter, after) as follower:
                while not follower.ended:
                    batch = follower.next()
                    if batch is not None:
                        yield batch
                    elif not await waiter.wait():
                        yield EMPTY

    def read_blocking(self, stream_id: str, after: int = 0, *, idle: float = IDLE_SECONDS) -> Iterator[Batch]:
        """`read` for a plain thread, where there is no event loop."""
        with self._source_blocking(stream_id, after) as log:
            waiter = ThreadWaiter(idle)
            with log.follow(waiter, after) as follower:
                while not follower.ended:
                    batch = follower.next()
                    if batch is not None:
                        yield batch
                    elif not waiter.wait():
                        yield EMPTY

    @asynccontextmanager
    async def _source(self, stream_id: str, after: int) -> AsyncIterator[Log]:  # noqa: ARG002 - a shared journal needs it
        """The log to read, from this cursor on, for as long as it is read."""
        yield self.log(stream_id)

    @contextmanager
    def _source_blocking(self, stream_id: str, after: int) -> Iterator[Log]:  # noqa: ARG002
        """`_source` for a plain thread."""
        yield self.log(stream_id)

    async def cancel(self, stream_id: str) -> None:
        self.cancel_now(stream_id)

    def cancel_now(self, stream_id: str) -> None:
        """`cancel` from any thread."""
        on_cancel = self.log(stream_id).on_cancel
        if on_cancel is not None:
            on_cancel()

    async def known(self, stream_id: str) -> Known:
        return known_here(stream_id, self.log(stream_id))

    async def listing(self, project: str, *, limit: int = LISTED_STREAMS) -> list[Known]:
        return [known_here(stream_id, log) for stream_id, log in self.find(project=project)[:limit]]

    async def claim(self, name: str, value: str, seconds: float) -> str:
        return self._claims.claim(name, value, seconds)

    async def claimed(self, name: str) -> str | None:
        return self._claims.get(name)

    async def release(self, name: str, value: str) -> None:
        self._claims.release(name, value)

    @property
    def size(self) -> int:
        """Bytes of packed entries held now."""
        return self._account.held

    @property
    def max_bytes(self) -> int:
        """Beyond this the oldest finished logs go."""
        return self._max_bytes

    @property
    def lag(self) -> float:
        """Seconds since the shared server last had everything of ours; 0 while it has, and where nothing is shared."""
        return 0.0

    @property
    def away(self) -> bool:
        """Whether the server that should share it does not answer."""
        return False

    def __len__(self) -> int:
        return len(self._logs)

    def sweep(self) -> None:
        """Drop what has expired, then the oldest finished logs while the whole is over its bound."""
        now = self._clock()
        with self._lock:
            while self._finished and next(iter(self._finished.values())) <= now:
                self._drop(next(iter(self._finished)))
            while self._finished and self.size > self._max_bytes:
                self._drop(next(iter(self._finished)))

    def _retire(self, stream_id: str) -> None:
        """The log has ended: start its replay time, after which it is dropped even if no other stream ever comes."""
        loop = asyncio.get_running_loop()
        loop.call_later(PACK_DELAY, self._logs[stream_id].pack)
        with self._lock:  # producers on other loops end, and sweep, at the same time
            self._finished[stream_id] = self._clock() + self._replay
        loop.call_later(self._replay + 0.01, self.sweep)
        self.sweep()

    def _drop(self, stream_id: str) -> None:
        self._finished.pop(stream_id, None)
        log = self._logs.pop(stream_id, None)
        if log is not None:
            log.forget()


def _nobody(_stream_id: str, _there: bool) -> None:
    """The default: nobody listens for readers elsewhere."""


def _nobody_lost(_stream_id: str, _about: Mapping[str, Any]) -> None:
    """The default: nobody listens for lost streams."""
