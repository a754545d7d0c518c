"""Several models for one question: who is asked when, who answers, and what the end says about it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.common.streams.chat import EventStream
from headrace.common.streams.fallbacks import Candidate, FallbackSource
from headrace.common.streams.live import StreamOptions
from headrace.common.streams.runtime import Streams
from headrace.common.streams.sources import Trace
from headrace.errors import RequestError, UpstreamError
from headrace.stream.events import Answered, Event, Failure, Finish, Passed, TextDelta, Usage

ERRORS: list[Exception] = [
    UpstreamError("upstream_auth", "bad key", status=401),
    UpstreamError("upstream_rate_limited", "slow down", status=429, retryable=True),
    RequestError("no images here", field="messages"),
]


class Told:
    """A source that does as it is told: yields these events, then raises, ends or waits without end."""

    def __init__(self, name: str, events: list[Event], then: Exception | str) -> None:
        self.provider, self.model, self.secrets = name, f"{name}-model", (f"key-of-{name}",)
        self.asked = 0
        self.closed = False
        self._events, self._then = events, then

    async def events(self, trace: Trace) -> Any:
        self.asked += 1
        trace.attempts += 1
        try:
            for event in self._events:
                trace.shown = True
                yield [event]
            if isinstance(self._then, Exception):
                trace.usage = Usage(1, 1)
                raise self._then
            if self._then == "hold":
                await asyncio.Event().wait()
            yield [Finish("stop", "stop")]
        finally:
            self.closed = True


def failing(name: str, error: Exception = ERRORS[0]) -> Told:
    return Told(name, [], error)


def answer(name: str) -> Told:
    return Told(name, [TextDelta("Hi")], "end")


async def run(*sources: Told) -> list[Any]:
    registry = Streams()
    live = registry.create(FallbackSource([Candidate(each.provider, each) for each in sources]), StreamOptions())
    return [event async for event in EventStream(registry.journal, live.id, live=live)]


async def test_the_first_one_that_answers_does_so_alone() -> None:
    sources = (answer("a"), answer("b"))
    events = await run(*sources)
    assert events[0] == TextDelta("Hi")
    assert events[-1].answered is None
    assert [source.asked for source in sources] == [1, 0]


@settings(deadline=None)
@given(failed=st.lists(st.sampled_from(ERRORS), min_size=1, max_size=4))
def test_each_is_asked_once_in_order_until_one_answers(failed: list[Exception]) -> None:
    sources = [failing(f"s{n}", error) for n, error in enumerate(failed)]
    last, never = answer("last"), answer("never")
    events = asyncio.run(run(*sources, last, never))
    finish = events[-1]
    assert events[:-1] == [TextDelta("Hi")]
    assert isinstance(finish, Finish)
    assert finish.usage is not None
    assert finish.usage.source == "estimated", "the usage of one that failed is not that of the answer"
    codes = [error.code if isinstance(error, UpstreamError) else "upstream_bad_request" for error in failed]
    passed = tuple(
        Passed(source.provider, source.provider, source.model, code)  # type: ignore[arg-type]
        for source, code in zip(sources, codes, strict=True)
    )
    assert finish.answered == Answered("last", "last", "last-model", passed)
    assert finish.attempts == len(failed) + 1
    assert [source.asked for source in (*sources, last, never)] == [1] * len(sources) + [1, 0]
    assert all(source.closed for source in sources)


async def test_after_the_first_event_nobody_else_is_asked() -> None:
    sources = (Told("a", [TextDelta("Hel")], ERRORS[1]), answer("b"))
    events = await run(*sources)
    assert events[0] == TextDelta("Hel")
    assert isinstance(events[1], Failure)
    assert events[1].code == "upstream_rate_limited"
    assert sources[1].asked == 0


async def test_where_all_fail_the_last_error_is_shown_and_all_are_named() -> None:
    events = await run(failing("a"), failing("b", ERRORS[1]))
    failure, finish = events
    assert failure.code == "upstream_rate_limited"
    assert finish.answered == Answered("b", "b", "b-model", (Passed("a", "a", "a-model", "upstream_auth"),))


async def test_leaving_while_a_later_one_is_asked_closes_it() -> None:
    held = Told("b", [], "hold")
    registry = Streams()
    source = FallbackSource([Candidate("a", failing("a")), Candidate("b", held)])
    live = registry.create(source, StreamOptions())
    live.start(asyncio.get_running_loop())
    async with asyncio.timeout(5):
        while not held.asked:
            await asyncio.sleep(0)
        live.cancel()
        while live.finish is None:
            await asyncio.sleep(0.001)
    assert live.finish.reason == "cancelled"
    assert held.closed
    assert source.provider == "b"


def test_no_key_of_any_of_them_is_shown() -> None:
    source = FallbackSource([Candidate("a", answer("a")), Candidate("b", answer("b"))])
    assert source.secrets == ("key-of-a", "key-of-b")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_single_one_fails_as_it_always_did(error: Exception) -> None:
    events = await run(failing("a", error))
    assert isinstance(events[0], Failure)
    assert events[-1].answered is None
