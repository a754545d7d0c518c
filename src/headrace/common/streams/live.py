"""One running stream: the detached producer, and the one decision whether it goes on when its readers have gone.

A producer runs in an empty context (a request's would keep its thread and its database connection alive) and never
touches the ORM. Past `failure_of`, what went wrong is data.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from contextvars import Context
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from msgspec.structs import replace

from headrace.backends.journal import MemoryJournal, Writer
from headrace.backends.log import Batch
from headrace.common.cost import cost_of, load_prices
from headrace.common.streams.capture import Capture, CapturingWriter
from headrace.common.streams.ending import failure_of, log_stream
from headrace.common.streams.fallbacks import answering
from headrace.common.streams.figures import Delivery, Figures
from headrace.common.streams.records import Happening, HappeningKind, StreamRecord, observed, record_of, tell
from headrace.common.streams.sources import Source, Trace
from headrace.stream.brackets import Bracketing
from headrace.stream.digest import DigestingWriter
from headrace.stream.events import Event, Failure, Finish, TextDelta

OnDisconnect = Literal["cancel", "continue"]
Ending = Literal["cancelled", "server_shutdown"]
ORPHAN_SECONDS = 300.0
MAX_DURATION = 3600.0
RECORD_SECONDS = 0.4
"""After the end, for readers to take the last batch: what they were sent is part of the record."""

Conclude = Callable[["LiveStream", Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What the caller decided about one stream. Durations in seconds."""

    on_disconnect: OnDisconnect = "cancel"
    max_duration: float = MAX_DURATION
    orphan_seconds: float = ORPHAN_SECONDS
    project: str = ""
    caller: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    input_bytes: int = 0
    include_digest: bool = False
    include_wire: bool = False
    question: str | None = field(default=None, repr=False)
    """What was asked, only where the operator wants text in the log."""
    parent: Any = field(default=None, repr=False)
    """The context of OpenTelemetry that the stream's span belongs to; None where nobody wants spans."""
    conclude: Conclude | None = field(default=None, repr=False)
    """What is done with the stream when it has ended. It must not wait, and calls what it is given when it is done."""
    leave_place: Callable[[], None] | None = field(default=None, repr=False)
    """Gives back its place among the streams that all workers count, where they do."""


class LiveStream:
    """A stream that this process produces. Made on any thread; everything else happens on `loop`."""

    def __init__(
        self, stream_id: str, source: Source, options: StreamOptions, journal: MemoryJournal, on_end: Callable[[], None]
    ) -> None:
        self.id = stream_id
        self.options = options
        self.source = source
        self.trace = Trace(wire=Capture(options.project) if options.include_wire else None)
        self.asked_at = 0.0
        """Seconds since 1970; 0 before it has started."""
        self.figures: Figures | None = None
        self.delivery = Delivery()
        self.finish: Finish | None = None
        self.failure: Failure | None = None
        self._journal = journal
        self._on_end = on_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending: Ending | None = None
        self._readers = 0
        self._lock = threading.Lock()
        self._orphan_timer: asyncio.TimerHandle | None = None
        self._recorded = False
        self.watched = False
        """Whether anybody observes streams: else nothing is made for them."""
        self._log = journal.create(stream_id, self._about())
        self._log.wire = self.trace.wire

    def _about(self) -> dict[str, Any]:
        return {
            "project": self.options.project,
            "caller": self.options.caller,
            "provider": self.source.provider,
            "model": self.source.model,
            "created": time.time(),
            "metadata": dict(self.options.metadata),
            "wire": self.options.include_wire,
        }

    @property
    def started(self) -> bool:
        return self._loop is not None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where it is produced; None before it has started."""
        return self._loop

    @property
    def running(self) -> bool:
        """Whether it is being produced by a loop that can still do so."""
        return self._loop is not None and not self._loop.is_closed() and self.finish is None

    @property
    def outcome(self) -> str:
        """The failure's code, or the reason of its end; `internal` where it has none."""
        return self.failure.code if self.failure else self.finish.reason if self.finish else "internal"

    @property
    def readers(self) -> int:
        return self._readers

    def text(self) -> str:
        """The answer so far, without its reasoning."""
        entries = chain.from_iterable(batch.entries for batch in self.batches())
        return "".join(entry.text for entry in entries if isinstance(entry, TextDelta))

    def batches(self) -> Iterator[Batch]:
        """All that the journal keeps of it now."""
        return self._log.batches()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the producer on this loop, from whatever thread."""
        self._loop = loop
        if _runs_here(loop):
            self._start()
        else:
            loop.call_soon_threadsafe(self._start, context=Context())

    def cancel(self, ending: Ending = "cancelled") -> None:
        """End the stream: the upstream call is closed at once. From any thread; harmless when it has ended."""
        self._on_loop(lambda: self._cancel(ending))

    def join(self) -> None:
        """A reader has come."""
        with self._lock:
            self._readers += 1
        self._on_loop(self._stop_orphan_timer)

    def leave(self) -> None:
        """A reader has gone. The only place where that may end a stream."""
        with self._lock:
            self._readers -= 1
            last = self._readers == 0
        if last and self.finish is None:
            self._on_loop(self._deserted)
        elif last and self in _unrecorded:
            self._on_loop(self.record)

    def read(self, *, resumed: bool) -> None:
        """A reader has begun to read, from the first event or, `resumed`, from a later one."""
        with self._lock:
            self.delivery.readers += 1
            self.delivery.resumes += resumed
        if resumed and self.finish is None:
            self._on_loop(self._note_resumed)

    def record(self) -> None:
        """Tell the observers that it has ended, once."""
        _unrecorded.discard(self)
        if not self._recorded:
            self._recorded = True
            self.trace.on_moment = None  # it refers to us
            self._tell("finished", record=record_of(self))

    def _note_resumed(self) -> None:
        self.trace.note("resumed")

    def _tell(self, kind: HappeningKind, detail: str = "", record: StreamRecord | None = None) -> None:
        tell(Happening(kind, self, time.time(), detail, record))

    def _start(self) -> None:
        assert self._loop is not None
        self._task = self._loop.create_task(self._run(), name=f"headrace-{self.id}", context=Context())

    def _cancel(self, ending: Ending) -> None:
        if self._ending is None and self.finish is None:
            self._ending = ending
            if self._task is not None and self.figures is not None:  # a task cancelled before its first step never ends
                self._task.cancel()

    def _on_loop(self, call: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if _runs_here(loop):
            call()
        else:
            loop.call_soon_threadsafe(call)

    def _deserted(self) -> None:
        if self._readers or self.finish is not None or self._loop is None:
            return
        if self.options.on_disconnect == "cancel":
            self._cancel("cancelled")
        elif self._orphan_timer is None:
            self._orphan_timer = self._loop.call_later(self.options.orphan_seconds, self._abandoned)

    def _abandoned(self) -> None:
        self._orphan_timer = None
        if not self._readers:
            self._cancel("cancelled")

    def _stop_orphan_timer(self) -> None:
        if self._orphan_timer is not None:
            self._orphan_timer.cancel()
            self._orphan_timer = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        load_prices(self.source)
        self.figures, self.asked_at = Figures(loop.time()), time.time()
        self.watched = observed()
        if self.watched:
            self.trace.on_moment = self._tell
            self._tell("started")
        bracketing = Bracketing()
        try:
            async with self._journal.writer(self.id, on_cancel=self.cancel) as writer:
                out = self._in_front_of(writer)
                ending = await self._produce(out, bracketing, self.figures, loop)
                end = self._end(ending, self.figures, loop.time())
                out.append(bracketing.feed(await self._priced(end)))
        finally:
            self._stop_orphan_timer()
            self._journal.share_wire(self.id)
            log_stream(self)
            if self.watched:
                self._record_soon(loop)
            if (conclude := self.options.conclude) is None:
                self._on_end()
            else:
                conclude(self, self._on_end)

    def _in_front_of(self, writer: Writer) -> Writer:
        """What the entries go through on their way to the journal."""
        if self.options.include_digest:
            writer = DigestingWriter(writer)
        if self.trace.wire is not None:
            self.trace.wire.begin()
            writer = CapturingWriter(writer, self.trace.wire)
        return writer

    def _record_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Record it when its last reader has gone, or in a moment."""
        if self._readers:
            _unrecorded.add(self)
            loop.call_later(RECORD_SECONDS, self.record)
        else:
            self.record()

    async def _produce(
        self, writer: Writer, bracketing: Bracketing, figures: Figures, loop: asyncio.AbstractEventLoop
    ) -> list[Event]:
        """Write what the source yields as it comes; returns the events that end the stream."""
        if self._ending is not None:
            return self._cancelled()
        try:
            async with asyncio.timeout(self.options.max_duration), aclosing(self.source.events(self.trace)) as batches:
                async for events in batches:
                    end = _split_end(events)
                    if entries := bracketing.feed(events):
                        is_first = figures.first_event is None
                        figures.count(entries, loop.time())
                        writer.append(entries)
                        if is_first and self.watched:
                            self._tell("first_token")
                    if end is not None:
                        return end
        except asyncio.CancelledError:
            return self._cancelled()
        except Exception as error:
            return [failure_of(error, self.source.secrets, self.options.max_duration), Finish("error")]
        return [Failure("upstream_truncated", "The provider's answer ended without saying so."), Finish("error")]

    def _cancelled(self) -> list[Event]:
        if self._ending == "server_shutdown":
            message = "The server is shutting down; what had arrived is kept. Ask again."
            return [Failure("server_shutdown", message, retryable=True), Finish("error")]
        return [Finish("cancelled")]

    def _end(self, events: list[Event], figures: Figures, now: float) -> list[Event]:
        *before, last = events
        self.failure = next((event for event in before if isinstance(event, Failure)), None)
        finish = last if isinstance(last, Finish) else Finish("error")
        self.finish = figures.finish(
            finish,
            now=now,
            attempts=max(1, self.trace.attempts),
            usage=self.trace.usage,
            input_bytes=self.options.input_bytes,
        )
        return [*before, self.finish]

    async def _priced(self, end: list[Event]) -> list[Event]:
        """The ending events with what the answer cost and who gave it, as far as that is known."""
        assert self.finish is not None
        cost = await cost_of(answering(self.source), self.finish.usage)
        if cost is not None or self.trace.answered is not None:
            self.finish = replace(self.finish, cost=cost, answered=self.trace.answered)
        return [*end[:-1], self.finish]


_unrecorded: set[LiveStream] = set()


def record_all() -> None:
    """Record now whatever has ended and still waits for its readers: the process is about to end."""
    for stream in list(_unrecorded):
        stream.record()


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    return asyncio._get_running_loop() is loop


def _split_end(events: list[Event]) -> list[Event] | None:
    """Take the ending events off this list, if the stream ends in it: an optional `Failure`, then the `Finish`."""
    if type(events[-1]) is not Finish:
        return None
    at = len(events) - (2 if len(events) > 1 and type(events[-2]) is Failure else 1)
    end = events[at:]
    del events[at:]
    return end
