"""Running streams: their ends, who may end them, what they keep of a request (nothing), and how they are iterated."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from headrace.backends.journal import MemoryJournal
from headrace.common.streams.chat import EventStream
from headrace.common.streams.live import LiveStream, StreamOptions
from headrace.common.streams.sources import Trace
from headrace.errors import UpstreamError
from headrace.stream.events import (
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    Usage,
)
from tests.waiting import DEADLINE, until

Script = Callable[[Trace], AsyncIterator[list[Event]]]


class Scripted:
    """A source whose events the test writes; it notes whether it was closed."""

    provider = "scripted"
    model = "m"
    secrets = ("sk-canary-123456",)

    def __init__(self, script: Script) -> None:
        self._script = script
        self.closed = threading.Event()

    async def events(self, trace: Trace) -> AsyncIterator[list[Event]]:
        trace.attempts = 1
        try:
            async for events in self._script(trace):
                yield events
        finally:
            self.closed.set()


def stream_of(script: Script, **options: Any) -> tuple[EventStream, LiveStream, Scripted]:
    journal = MemoryJournal()
    source = Scripted(script)
    live = LiveStream("s", source, StreamOptions(**options), journal, lambda: None)
    return EventStream(journal, "s", live=live, idle=0), live, source


async def answer(_: Trace) -> AsyncIterator[list[Event]]:
    yield [ReasoningDelta("hm")]
    yield [TextDelta("a"), TextDelta("b")]
    yield [Finish("stop", "stop", Usage(1, 2))]


async def endless(_: Trace) -> AsyncIterator[list[Event]]:
    yield [TextDelta("a")]
    await asyncio.Event().wait()


def breaking(error: Exception) -> Script:
    async def script(_: Trace) -> AsyncIterator[list[Event]]:
        yield [ReasoningDelta("hm")]
        raise error

    return script


async def within(what: Awaitable[Any]) -> Any:
    async with asyncio.timeout(DEADLINE):
        return await what


async def gone(source: Scripted) -> None:
    await within(asyncio.to_thread(source.closed.wait, DEADLINE))


async def test_events_then_one_finish_with_figures() -> None:
    stream, live, _ = stream_of(answer)
    events = [event async for event in stream]
    assert events[:3] == [ReasoningDelta("hm"), TextDelta("a"), TextDelta("b")]
    finish = events[3]
    assert isinstance(finish, Finish)
    assert (finish.reason, finish.usage, finish.attempts) == ("stop", Usage(1, 2), 1)
    assert finish.timing is not None
    assert finish.timing.ttft_ms is not None
    assert live.readers == 0


def test_the_same_with_a_plain_for_and_no_thread_for_each_stream() -> None:
    list(stream_of(answer)[0])
    before = threading.active_count()
    for _ in range(20):
        assert [type(event) for event in stream_of(answer)[0]] == [ReasoningDelta, TextDelta, TextDelta, Finish]
    assert threading.active_count() == before


async def test_a_plain_for_inside_a_loop_says_what_to_write() -> None:
    with pytest.raises(RuntimeError, match="async for"):
        iter(stream_of(answer)[0])


async def test_a_second_iteration_replays_and_costs_nothing() -> None:
    stream, _, _ = stream_of(answer)
    first = [event async for event in stream]
    assert [event async for event in stream] == first


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamError("upstream_reset", "reset; key sk-canary-123456"), "upstream_reset"),
        (ZeroDivisionError("sk-canary-123456"), "internal"),
    ],
)
async def test_what_is_raised_ends_as_data_without_the_key(
    error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    stream, live, source = stream_of(breaking(error))
    _ = [event async for event in stream]
    entries = [entry async for batch in live._journal.read("s") for entry in batch.entries]
    assert [type(entry) for entry in entries] == [ReasoningStart, ReasoningDelta, ReasoningEnd, Failure, Finish]
    failure, finish = entries[3], entries[4]
    assert isinstance(failure, Failure)
    assert isinstance(finish, Finish)
    assert (failure.code, finish.reason) == (code, "error")
    assert "canary" not in failure.message + caplog.text
    await gone(source)


async def test_the_last_reader_to_leave_cancels_within_a_second() -> None:
    stream, live, source = stream_of(endless)
    events = aiter(stream)
    assert await within(anext(events)) == TextDelta("a")
    second = EventStream(live._journal, "s", live=live)
    await events.aclose()
    await asyncio.sleep(0)
    assert not source.closed.is_set()
    second.close()
    await gone(source)
    entries = [entry async for batch in live._journal.read("s") for entry in batch.entries]
    assert [type(entry) for entry in entries] == [TextDelta, Finish]
    assert entries[1].reason == "cancelled"
    assert entries[1].usage.source == "estimated"


async def test_leaving_before_the_first_event_cancels_too() -> None:
    async def silent(_: Trace) -> AsyncIterator[list[Event]]:
        await asyncio.Event().wait()
        yield []

    stream, _, source = stream_of(silent)
    stream.start(asyncio.get_running_loop())
    await asyncio.sleep(0)
    stream.close()
    await gone(source)


async def test_a_stream_that_is_dropped_unread_is_cancelled() -> None:
    stream, live, source = stream_of(endless)
    stream.start(asyncio.get_running_loop())
    await until(lambda: live.figures is not None and live.figures.entries)
    del stream
    gc.collect()
    await gone(source)


async def test_continue_outlives_its_readers_but_not_for_ever() -> None:
    stream, live, source = stream_of(endless, on_disconnect="continue", orphan_seconds=0.05)
    stream.start(asyncio.get_running_loop())
    stream.close()
    assert not source.closed.is_set()
    await gone(source)
    await until(lambda: live.finish)


async def test_continue_runs_to_its_end_without_readers() -> None:
    stream, live, _ = stream_of(answer, on_disconnect="continue")
    stream.start(asyncio.get_running_loop())
    stream.close()
    await until(lambda: live.finish)
    assert live.finish is not None
    assert live.finish.reason == "stop"


async def test_the_whole_is_bounded_in_time() -> None:
    stream, _, source = stream_of(endless, max_duration=0.02)
    events = [event async for event in stream]
    assert isinstance(events[1], Failure)
    assert events[1].code == "upstream_total_timeout"
    await gone(source)


async def test_shutting_down_says_so_and_keeps_what_came() -> None:
    stream, live, _ = stream_of(endless)
    events = aiter(stream)
    assert await within(anext(events)) == TextDelta("a")
    live.cancel("server_shutdown")
    rest = [event async for event in events]
    assert isinstance(rest[0], Failure)
    assert rest[0].code == "server_shutdown"


async def test_a_source_that_ends_without_an_end_is_truncated() -> None:
    async def cut(_: Trace) -> AsyncIterator[list[Event]]:
        yield [TextDelta("a")]

    events = [event async for event in stream_of(cut)[0]]
    assert isinstance(events[1], Failure)
    assert events[1].code == "upstream_truncated"


async def test_a_producer_sees_nothing_of_the_request() -> None:
    held = contextvars.ContextVar("held", default="")
    seen: list[str] = []

    async def script(_: Trace) -> AsyncIterator[list[Event]]:
        seen.append(held.get())
        yield [Finish()]

    held.set("a request's database connection")
    _ = [event async for event in stream_of(script)[0]]
    assert seen == [""]


async def test_one_stream_cancelled_and_failing_at_once_ends_once() -> None:
    for order in range(6):
        stream, live, _ = stream_of(breaking(UpstreamError("upstream_reset", "reset")))
        stream.start(asyncio.get_running_loop())
        for _ in range(order):
            await asyncio.sleep(0)
        live.cancel()
        entries = [entry async for batch in live._journal.read("s") for entry in batch.entries]
        assert [type(entry) for entry in entries].count(Finish) == 1
        assert isinstance(entries[-1], Finish)
        stream.close()
