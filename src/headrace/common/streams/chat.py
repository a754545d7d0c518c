"""A chat that can be iterated: as typed events or as the contract's bytes, with `async for` or a plain `for`.

Nothing is asked upstream before the first iteration (or `start`), so a stream may be made on any thread and is
produced where it is read. Every iteration reads the journal; a second one replays it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable
from typing import Any, Generic, TypeVar

from headrace.backends.journal import IDLE_SECONDS, MemoryJournal
from headrace.backends.log import Batch, Face
from headrace.backends.loops import background_loop
from headrace.common.monitoring.counting import count_reader, count_sent
from headrace.common.streams.figures import Delivery
from headrace.common.streams.live import LiveStream
from headrace.stream.answer import StreamEvent
from headrace.stream.compression import IDENTITY
from headrace.stream.events import ReasoningEnd, ReasoningStart
from headrace.stream.wire import DONE, KEEP_ALIVE, SSEFace

T = TypeVar("T")


class Subscription:
    """One reader's hold on a stream this process produces. Closing it may end the stream (`onDisconnect`)."""

    def __init__(self, live: LiveStream | None) -> None:
        self._live = live
        if live is not None:
            live.join()

    def close(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.leave()

    def __del__(self) -> None:
        self.close()


class _Reading(Generic[T]):
    """One reader of one stream, from a cursor. Close it, or read it to the end."""

    def __init__(
        self,
        journal: MemoryJournal,
        stream_id: str,
        *,
        live: LiveStream | None = None,
        after: int = 0,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self.stream_id = stream_id
        self._journal = journal
        self._live = live
        self._after = after
        self._idle = idle
        self._started = False
        self._subscription = Subscription(live)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask upstream now, on this loop. Harmless when it has been asked."""
        if self._started:
            return
        self._started = True
        if self._live is not None:
            self._live.read(resumed=self._after > 0)
            if not self._live.started:
                self._live.start(loop)

    def close(self) -> None:
        """Stop reading. The stream goes on only if it was asked to."""
        self._subscription.close()

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        self.start(asyncio.get_running_loop())
        ended = False
        count_reader(1)
        try:
            async for batch in self._journal.read(self.stream_id, self._after, idle=self._idle):
                ended = batch.ended
                for item in self._items(batch):
                    yield item
            for item in () if ended else self._nothing_more():
                yield item
        finally:
            count_reader(-1)
            self.close()

    def __iter__(self) -> Generator[T, None, None]:
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("a plain `for` would block this event loop: use `async for` here")
        return self._blocking()

    def _blocking(self) -> Generator[T, None, None]:
        self.start(background_loop())
        ended = False
        count_reader(1)
        try:
            for batch in self._journal.read_blocking(self.stream_id, self._after, idle=self._idle):
                ended = batch.ended
                yield from self._items(batch) if batch.entries else self._signs_of_life()
            yield from () if ended else self._nothing_more()
        finally:
            count_reader(-1)
            self.close()

    def _items(self, batch: Batch) -> Iterable[T]:
        """What this reader is shown of a batch; of an empty one, which is a heartbeat, too."""
        raise NotImplementedError

    def _signs_of_life(self) -> Iterable[T]:
        """What a blocking reader is shown of a heartbeat."""
        return ()

    def _nothing_more(self) -> Iterable[T]:
        """What a reader is shown whose cursor stands at the exact end of a finished stream."""
        return ()


class EventStream(_Reading[StreamEvent]):
    """Typed events, ending with one `Finish`; a `Failure` may stand before it. Faults upstream never raise."""

    def _items(self, batch: Batch) -> list[StreamEvent]:
        return [entry for entry in batch.entries if not isinstance(entry, ReasoningStart | ReasoningEnd)]

    def sse(self, *, include_usage: bool = False, include_ids: bool = False) -> SSEStream:
        """The same stream as the contract's bytes."""
        return SSEStream(
            self._journal,
            self.stream_id,
            live=self._live,
            after=self._after,
            idle=self._idle,
            face=SSEFace(ids=include_ids, finish=include_usage),
        )


class SSEStream(_Reading[bytes]):
    """The contract's bytes, one item for each batch, with keep-alive comments in between; ends with `[DONE]`."""

    def __init__(self, *args: Any, face: Face, **options: Any) -> None:
        super().__init__(*args, **options)
        self._face = face
        self.delivery = Delivery() if self._live is None else self._live.delivery
        self.encoded = False
        """Whether somebody encodes it on, and counts what is sent."""
        self._bytes = 0

    def close(self) -> None:
        size, self._bytes = self._bytes, 0
        if size and not self.encoded:
            count_sent(IDENTITY, size, size)
        super().close()

    def _items(self, batch: Batch) -> tuple[bytes, ...]:
        if not batch.entries:
            return (KEEP_ALIVE,)
        data = batch.encoded(self._face)
        size = len(data)
        self.delivery.raw_bytes += size
        self._bytes += size
        return (data,)

    def _signs_of_life(self) -> tuple[bytes, ...]:
        """In two writes: the first into a closed connection succeeds, and only the second one fails."""
        return (KEEP_ALIVE[:1], KEEP_ALIVE[1:])

    def _nothing_more(self) -> tuple[bytes, ...]:
        return (DONE,)
