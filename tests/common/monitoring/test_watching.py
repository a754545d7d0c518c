"""What one process counts of its streams and requests, and that trouble in counting is nobody else's."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from headrace import LLMService, LLMStreamingService
from headrace.backends.metric_labels import BoundedModels
from headrace.backends.metrics import Metrics, start_metrics
from headrace.common.monitoring import watching
from headrace.common.monitoring.counting import sample
from headrace.common.streams.fallbacks import Candidate, FallbackSource
from headrace.common.streams.live import StreamOptions
from headrace.common.streams.records import Happening, observe
from headrace.common.streams.runtime import Streams, streams
from headrace.errors import UpstreamError
from headrace.stream.events import TextDelta, Usage
from headrace.stream.sketch import Sketch
from headrace.testing import FakeModel
from tests.common.test_fallbacks import Told, answer, failing
from tests.tools import needed
from tests.waiting import until

needed("prometheus_client", 'pip install "headrace[metrics]"')

PATIENCE = 20.0
QUESTION = [{"role": "user", "content": "Hi"}]


def values() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    active = start_metrics()
    assert active is not None
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in active.registry.collect()
        for sample in family.samples
    }


class Change:
    """By how much samples have changed."""

    def __init__(self) -> None:
        self._before = values()

    def __call__(self, name: str, **labels: str) -> float:
        """The sum over all samples of this name that have these labels."""
        wanted = set(labels.items())
        after = values()
        return sum(
            value - self._before.get(key, 0.0)
            for key, value in after.items()
            if key[0] == name and wanted <= set(key[1])
        )


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Change:
    gc.collect()  # readers that other tests have left are gone before we look
    monkeypatch.setattr(start_metrics(), "models", BoundedModels())  # other tests may have named too many
    return Change()


async def finished(source: Any) -> None:
    registry = Streams()
    live = registry.create(source, StreamOptions())
    async for _ in registry.journal.read(_started(live)):
        pass
    await until(lambda: len(registry) == 0, PATIENCE)


def _started(live: Any) -> str:
    live.start(asyncio.get_running_loop())
    return str(live.id)


async def test_an_answer_is_counted_with_its_tokens(changed: Change) -> None:
    model = FakeModel(["Hel", "lo"], usage=Usage(11, 22, 5))
    await LLMService(model).achat(QUESTION)
    named = {"gen_ai_provider_name": "fake", "gen_ai_request_model": model["modelId"]}
    await until(lambda: changed("headrace_streams_finished_total", outcome="stop", **named) == 1, PATIENCE)
    assert changed("headrace_streams_started_total") >= 1
    assert changed("gen_ai_client_operation_duration_seconds_count", error_type="", **named) == 1
    assert changed("gen_ai_client_operation_time_to_first_chunk_seconds_count", **named) == 1
    assert changed("gen_ai_client_token_usage_sum", gen_ai_token_type="input", **named) == 11
    assert changed("gen_ai_client_token_usage_sum", gen_ai_token_type="output", **named) == 22


async def test_a_model_that_was_passed_over_is_counted_as_that_and_the_other_as_the_one_that_answered(
    changed: Change,
) -> None:
    source = FallbackSource([Candidate("1", failing("acme")), Candidate("2", answer("beta"))])
    await finished(source)
    assert changed("headrace_fallbacks_total", gen_ai_provider_name="acme", error_type="upstream_auth") == 1
    assert changed("headrace_streams_finished_total", gen_ai_provider_name="beta", outcome="stop") == 1
    assert changed("headrace_streams_finished_total", gen_ai_provider_name="acme") == 0


async def test_a_failure_before_the_first_event_has_no_first_chunk(changed: Change) -> None:
    await finished(failing("acme", UpstreamError("upstream_quota", "no money", status=429)))
    assert changed("headrace_streams_finished_total", outcome="upstream_quota") == 1
    assert changed("gen_ai_client_operation_duration_seconds_count", error_type="upstream_quota") == 1
    assert changed("gen_ai_client_operation_time_to_first_chunk_seconds_count") == 0


@pytest.mark.parametrize("model", ["key-of-acme", "x/key-of-acme", "https://acme.example", "jane@example.com"])
async def test_a_key_an_address_or_a_person_in_the_place_of_the_model_is_not_shown(changed: Change, model: str) -> None:
    source = Told("acme", [TextDelta("Hi")], "end")
    source.model = model
    await finished(source)
    assert changed("headrace_streams_finished_total", gen_ai_provider_name="acme", gen_ai_request_model="other") == 1


async def test_what_goes_wrong_in_counting_reaches_no_reader(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("the disk is full")

    for broken in (Broken(), _broken_later()):
        monkeypatch.setattr(watching, "metrics", lambda found=broken: found)
        found = await LLMService(FakeModel(["Hel", "lo"])).achat(QUESTION)
        assert (found.content, found.failure) == ("Hello", None)
    assert "the disk is full" in caplog.text


def _broken_later() -> Any:
    class Later(Metrics):
        @property
        def models(self) -> Any:
            raise RuntimeError("the disk is full")

        @models.setter
        def models(self, value: Any) -> None:
            """Never kept."""

    from prometheus_client import CollectorRegistry

    return Later(CollectorRegistry())


@contextmanager
def reading(model: FakeModel) -> Iterator[Any]:
    stream = LLMStreamingService(model).stream_chat_sse(QUESTION)
    parts = iter(stream)
    next(parts)
    yield parts
    model.release()
    list(parts)


def test_readers_and_streams_are_counted_while_they_are_there(changed: Change) -> None:
    active = start_metrics()
    assert active is not None
    with reading(FakeModel(["Hel", "lo"], holds_after=1)):
        assert changed("headrace_readers") == 1
        sample(active, streams())
        assert active.open._value.get() == len(streams()) >= 1
    assert changed("headrace_readers") == 0
    assert changed("headrace_body_bytes_total", encoding="identity") == changed("headrace_sent_bytes_total") > 50


def test_a_limit_that_refuses_is_counted_by_its_code(changed: Change, headrace_settings: Any, database: None) -> None:
    headrace_settings.HEADRACE = {"MAX_STREAMS": 1}
    model = FakeModel(["Hel", "lo"], holds_after=1)
    with reading(model):
        response = Client(headers={"host": "localhost"}).post(
            "/api/projects/default/playground/chat/", {"messages": QUESTION, "model": model}, "application/json"
        )
    assert response.json()["code"] == "too_many_streams"
    assert changed("headrace_requests_refused_total", code="too_many_streams") == 1


async def test_cost_and_gaps_are_taken_from_the_record(changed: Change) -> None:
    seen: list[Happening] = []
    stop = observe(seen.append)
    await finished(answer("acme"))
    stop()
    end = next(each for each in seen if each.kind == "finished")
    assert end.record is not None
    priced = replace(end.record, cost=0.25, gaps=Sketch([0, 5, 15, 30, 30, 1000, 100_000]))
    watching._told(replace(end, record=priced))
    assert changed("headrace_cost_dollars_total", gen_ai_provider_name="acme") == 0.25
    name = "gen_ai_client_operation_time_per_output_chunk_seconds"
    assert changed(f"{name}_count", gen_ai_provider_name="acme") == 7
    assert changed(f"{name}_sum", gen_ai_provider_name="acme") == pytest.approx(101.08)
    edges = {"0.01": 2, "0.02": 3, "0.04": 5, "0.64": 5, "1.28": 6, "81.92": 6, "+Inf": 7}
    assert {edge: changed(f"{name}_bucket", le=edge, gen_ai_provider_name="acme") for edge in edges} == edges
