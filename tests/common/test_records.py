"""The record of a stream that has ended: against an upstream whose truth is known, and whatever the ending was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from statistics import quantiles
from typing import Any

import pytest

from headrace.common.compressed import CompressedStream
from headrace.common.monitoring.watching import watch_streams
from headrace.common.services.llm_service import LLMService
from headrace.common.streams import records
from headrace.common.streams.chat import EventStream, SSEStream
from headrace.common.streams.figures import Figures
from headrace.common.streams.records import Happening, StreamRecord, observe
from headrace.errors import UpstreamError
from headrace.stream.events import Finish, ReasoningDelta, TextDelta, Usage
from headrace.stream.wire import SSEFace
from headrace.testing import FakeModel
from headrace.testing.steps import Send, Sleep, chunk, response, sse, stream_head
from headrace.testing.upstream import ScriptedUpstream
from tests.common.test_live_streams import endless, stream_of
from tests.waiting import until

QUESTION = [{"role": "user", "content": "Hi"}]
STEPS = [0.03, 0.05, 0.02, 0.04, 0.06, 0.03, 0.02, 0.05]
"""Seconds of silence before each event of the answer."""


class Seen(list[Happening]):
    """Everything that observers are told."""

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self]

    @property
    def record(self) -> StreamRecord:
        (found,) = [each.record for each in self if each.record is not None]
        return found


@pytest.fixture
def seen() -> Iterator[Seen]:
    found = Seen()
    stop = observe(found.append)
    yield found
    stop()


def delta(**fields: str) -> bytes:
    return chunk(sse({"choices": [{"index": 0, "delta": fields}]}))


def paced() -> list[Any]:
    """Reasoning, then content, one event after each of `STEPS`, with the tokens that the provider reports."""
    usage = {"prompt_tokens": 7, "completion_tokens": 40, "completion_tokens_details": {"reasoning_tokens": 9}}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage}
    deltas = [delta(reasoning_content="a") if n < 3 else delta(content="b") for n in range(len(STEPS))]
    paced = [step for pause, data in zip(STEPS, deltas, strict=True) for step in (Sleep(pause), Send(data))]
    return [Send(stream_head()), *paced, Send(chunk(sse(end, "[DONE]")) + chunk(b""))]


def model_of(upstream: ScriptedUpstream) -> dict[str, str]:
    return {"providerId": "openai", "endpoint": upstream.url, "apiKey": "sk-test", "modelId": "m"}


def near(expected_ms: float) -> Any:
    """Right to 1 % or 2 ms, and what the upstream's own sleeping is late by."""
    return pytest.approx(expected_ms, rel=0.01, abs=2 + LATE_MS)


LATE_MS = 6.0
ATTEMPTS = 6
"""At an answer whose times nothing else on this machine has disturbed."""


def is_true(record: StreamRecord) -> bool:
    gaps = [each * 1000 for each in STEPS[1:]]
    return (
        record.ttft_ms == near(STEPS[0] * 1000)
        and record.first_content_ms == near(sum(STEPS[:4]) * 1000)
        and record.gaps.mean == near(sum(gaps) / len(gaps))
        and record.gaps.quantile(0.5) == near(quantiles(gaps, n=2)[0])
        and record.longest_silence_ms == near(max(gaps))
        and record.tokens_per_second == pytest.approx(40 / sum(STEPS[1:]), rel=0.25)
    )


@pytest.mark.parametrize(("lasts", "speed"), [(0.0, None), (0.001, None), (0.5, 40.0)])
def test_what_came_at_once_has_no_speed(lasts: float, speed: float | None) -> None:
    figures = Figures(started=10.0)
    figures.count([TextDelta("Hello")], 11.0)
    finish = figures.finish(Finish("stop"), now=11.0 + lasts, attempts=1, usage=Usage(1, 20, 0, 0), input_bytes=0)
    assert finish.timing is not None
    assert finish.timing.tokens_per_second == speed


async def test_figures_of_a_paced_answer_are_its_truth(seen: Seen) -> None:
    for _ in range(ATTEMPTS):
        seen.clear()
        with ScriptedUpstream(paced()) as upstream:
            answer = await LLMService(model_of(upstream)).achat(QUESTION)
        await until(lambda: "finished" in seen.kinds)
        if is_true(seen.record):
            break
    record = seen.record
    assert is_true(record), record
    assert record.ttft_ms == record.first_reasoning_ms
    assert record.gaps.count == len(STEPS) - 1
    assert (record.input_tokens, record.output_tokens, record.reasoning_tokens) == (7, 40, 9)
    assert (record.usage_source, record.outcome, record.attempts) == ("reported", "stop", 1)
    assert (record.stream_id, record.provider, record.model) == (answer.stream_id, "openai", "m")
    assert [moment.kind for moment in record.moments] == ["reasoning", "content", "ended"]
    assert record.duration_ms >= (record.first_content_ms or 0)


@pytest.mark.parametrize("times", [[0.0], [1.0, 1.5], [1.0, 1.001, 4.001, 4.5, 4.51]])
def test_figures_are_those_of_the_times_they_are_given(times: list[float]) -> None:
    figures = Figures(0.0)
    for now in times:
        figures.count([TextDelta("a"), TextDelta("b")], now)
    finish = figures.finish(Finish("stop"), now=9.0, attempts=1, usage=Usage(1, 10), input_bytes=0)
    gaps = [b - a for a, b in pairwise(times)]
    assert figures.gaps.count == 2 * len(times) - 1
    assert figures.gaps.total == pytest.approx(sum(gaps) * 1000)
    assert figures.longest == pytest.approx(max([*gaps, 9.0 - times[-1]]))
    assert sorted(at for _, at in figures.silences) == [
        at for at, after in zip(times, [*times[1:], 9.0], strict=True) if after - at >= 1
    ]
    assert finish.timing is not None
    assert finish.timing.duration_ms == 9000


def test_silences_are_bounded_and_the_longest_are_kept() -> None:
    figures, now = Figures(0.0), 0.0
    for n in range(100):
        now += 1 + n
        figures.count([TextDelta("a")], now)
    assert len(figures.silences) == 16
    assert max(figures.silences)[0] == figures.longest == 100


async def test_cancelled_and_broken_streams_have_figures_too(seen: Seen) -> None:
    events = aiter(LLMService(FakeModel(["a", "b"], holds_after=1)).stream_chat(QUESTION))
    await anext(events)
    await events.aclose()
    await until(lambda: "finished" in seen.kinds)
    assert (seen.record.outcome, seen.record.events, seen.record.usage_source) == ("cancelled", 1, "estimated")
    seen.clear()
    await LLMService(FakeModel(["a", "b"], fails_after=1)).achat(QUESTION)
    await until(lambda: "finished" in seen.kinds)
    assert (seen.record.outcome, seen.record.events) == ("upstream_reset", 1)
    assert seen.kinds == ["started", "first_token", "finished"]


async def test_retries_are_told_with_their_reasons(seen: Seen) -> None:
    busy = [Send(response(b"{}", status="503 Service Unavailable", headers="retry-after: 0.01\r\n"))]
    limited = [Send(response(b"{}", status="429 Too Many Requests"))]
    with ScriptedUpstream(busy, limited, []) as upstream:
        await LLMService(model_of(upstream)).achat(QUESTION)
    await until(lambda: "finished" in seen.kinds)
    assert seen.kinds == ["started", "retry", "retry", "first_token", "finished"]
    assert [each.detail for each in seen if each.kind == "retry"] == ["upstream_unavailable", "upstream_rate_limited"]
    assert (seen.record.attempts, seen.record.outcome) == (3, "stop")
    assert [(m.kind, m.detail) for m in seen.record.moments] == [
        ("retry", "upstream_unavailable"),
        ("retry", "upstream_rate_limited"),
        ("content", ""),
        ("ended", "stop"),
    ]


async def test_bytes_are_those_that_readers_were_given(seen: Seen) -> None:
    async def script(_: Any) -> AsyncIterator[list[Any]]:
        yield [ReasoningDelta("thinking")]
        yield [TextDelta("answer " * 50)]
        yield [Finish("stop")]

    stream, live, _ = stream_of(script, on_disconnect="continue")
    plain = b"".join([data async for data in stream.sse()])
    live.join()  # as if somebody still read
    face = SSEFace(ids=False, finish=False)
    squeezed = CompressedStream(SSEStream(live._journal, "s", live=live, idle=0, face=face), "gzip", live.delivery)
    sent = b"".join([data async for data in squeezed])
    assert live.delivery.raw_bytes == 2 * len(plain)
    assert live.delivery.sent_bytes == pytest.approx(len(plain) + len(sent), abs=20)  # gzip's own end comes after
    stream.close()
    live.leave()
    await until(lambda: "finished" in seen.kinds)
    assert seen.record.readers == 2
    assert seen.record.raw_bytes == 2 * len(plain)


async def test_readers_and_resumptions_are_counted(seen: Seen) -> None:
    stream, live, _ = stream_of(endless, on_disconnect="continue")
    events = aiter(stream)
    await anext(events)
    resumed = EventStream(live._journal, "s", live=live, after=1)
    resumed.start(asyncio.get_running_loop())
    live.cancel()
    _ = [event async for event in resumed]
    await events.aclose()
    await until(lambda: "finished" in seen.kinds)
    assert (seen.record.readers, seen.record.resumes) == (2, 1)
    assert seen.kinds == ["started", "first_token", "resumed", "finished"]
    assert "resumed" in [moment.kind for moment in seen.record.moments]


async def test_an_observer_that_fails_harms_nobody(seen: Seen, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Happening) -> None:
        raise ZeroDivisionError("broken observer")

    stop = observe(broken)
    answer = await LLMService(FakeModel(["a"])).achat(QUESTION)
    stop()
    await until(lambda: "finished" in seen.kinds)
    assert answer.content == "a"
    assert "broken observer" in caplog.text


async def test_where_nobody_observes_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    watch_streams()  # Prometheus' own comes with the first stream, and must outlive this test
    monkeypatch.setattr(records, "_observers", ())

    async def failing(_: Any) -> AsyncIterator[list[Any]]:
        yield [TextDelta("a")]
        raise UpstreamError("upstream_reset", "reset")

    stream, live, _ = stream_of(failing)
    _ = [event async for event in stream]
    assert not live.watched
    assert live.trace.on_moment is None
