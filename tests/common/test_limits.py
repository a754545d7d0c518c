"""Limits: the right number gets in, whoever is over it is told when to come back, and the others notice nothing."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from headrace.common.conf import load
from headrace.common.identity import Program
from headrace.common.limits import LimitError, OpenStreams, _limiter, check_limits
from headrace.common.streams.bounded import bounded
from headrace.common.streams.sources import Trace
from headrace.errors import UpstreamError
from headrace.stream.events import Event, Finish, ReasoningDelta, TextDelta
from tests.backends.redis_servers import RunningServer, valkey_binary

TOKEN = Program("token:abc", "default", frozenset({"chat"}))


@pytest.fixture
def limits(headrace_settings: Any) -> Any:
    def use(**values: int) -> None:
        headrace_settings.HEADRACE = values
        _limiter.cache_clear()

    return use


def test_streams_at_once(limits: Any) -> None:
    limits(PROJECT_STREAMS=3, PERSON_STREAMS=2, TOKEN_STREAMS=1)
    streams = OpenStreams()
    streams.take("a", "7")
    streams.take("a", "7")
    with pytest.raises(LimitError, match="person has 2 streams at once"):
        streams.take("a", "7")
    streams.take("a", "token:x")
    with pytest.raises(LimitError, match=r"project has 3 streams .*HEADRACE_PROJECT_STREAMS"):
        streams.take("a", "8")
    streams.take("b", "8")  # another project notices nothing
    with pytest.raises(LimitError, match="HEADRACE_TOKEN_STREAMS"):
        streams.take("b", "token:x")
    streams.give("a", "7")
    streams.take("a", "7")


def test_no_burst_gets_past(limits: Any) -> None:
    limits(PROJECT_STREAMS=5)
    streams, taken = OpenStreams(), []
    start = threading.Barrier(16)

    def ask() -> None:
        start.wait(5)
        try:
            streams.take("a", "")
            taken.append(1)
        except LimitError:
            pass

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(taken) == 5
    for _ in taken:
        streams.give("a", "")
    assert not streams._projects


def test_requests_a_minute(limits: Any) -> None:
    limits(PROJECT_REQUESTS=5, TOKEN_REQUESTS=3)
    for _ in range(3):
        check_limits(TOKEN, "default")
    with pytest.raises(LimitError, match=r"token asks more than 3 times a minute") as caught:
        check_limits(TOKEN, "default")
    assert 1 <= caught.value.retry_after <= 60
    check_limits(None, "default")
    with pytest.raises(LimitError, match="project"):
        check_limits(None, "default")
    check_limits(None, "another")


def test_the_answer_is_the_contracts(database: None, limits: Any) -> None:
    limits(PROJECT_REQUESTS=2)
    path = "/api/projects/default/models/"
    answers = [Client(headers={"host": "localhost"}).get(path) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert set(answers[2].json()) == {"error", "code", "field"}
    assert answers[2].json()["code"] == "too_many_requests"
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert Client(headers={"host": "localhost"}).get("/healthz").status_code == 200


def test_workers_share_the_minute(limits: Any) -> None:
    with closing(RunningServer(valkey_binary())) as server:
        limits(PROJECT_REQUESTS=4, REDIS_URL=server.url)
        for _ in range(4):
            _limiter.cache_clear()  # another worker
            check_limits(None, "default")
        with pytest.raises(LimitError):
            check_limits(None, "default")
    check_limits(None, "default")  # a store that has gone stops nobody


def test_nothing_is_paid_where_no_limit_is_set() -> None:
    assert not load({}, {}).limited
    assert load({"TOKEN_STREAMS": 1}, {}).limited
    streams = OpenStreams()
    start = time.perf_counter()
    for _ in range(10_000):
        streams.take("a", "7")
        streams.give("a", "7")
    assert (time.perf_counter() - start) / 10_000 < 100e-6  # some 3 µs; a slow machine's worst


class Given:
    provider, model, secrets = "p", "m", ()

    def __init__(self, batches: list[list[Event]]) -> None:
        self._batches = batches

    async def events(self, _: Trace) -> Any:
        for batch in self._batches:
            yield list(batch)


texts = st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=3), max_size=6)


@given(texts, st.integers(1, 40))
async def test_an_answer_is_cut_at_its_length(pieces: list[list[str]], most: int) -> None:
    made: list[list[Event]] = [
        [TextDelta(text) if at % 2 else ReasoningDelta(text) for at, text in enumerate(batch)] for batch in pieces
    ]
    whole = "".join("".join(batch) for batch in pieces)
    shown, cut = "", False
    try:
        async for events in bounded(Given([*made, [Finish("stop")]]), most).events(Trace()):  # type: ignore[arg-type]
            assert events
            shown += "".join(getattr(event, "text", "") for event in events)
    except UpstreamError as error:
        cut = error.code == "upstream_limit"
    assert shown == whole[:most]
    assert cut is (len(whole) > most)


def test_without_a_bound_the_source_is_the_source() -> None:
    source = Given([])
    assert bounded(source, 0) is source  # type: ignore[comparison-overlap,arg-type]
