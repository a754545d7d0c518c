"""The soak in its short form: every scenario once, small. `make soak` is the same with the numbers that prove it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soak import scenarios
from soak.cluster import cluster
from soak.counting import KILLED, counts_add_up
from soak.day.living import FEWEST, Day, live
from soak.inputs import hostile_inputs
from soak.neighbour import LIMIT, SETTINGS, noisy_neighbour
from soak.noise import CLIENTS
from soak.scenarios import Scenario
from soak.staying import nothing_stays

from headrace.testing.history import History, HistoryError, Reading
from tests.backends.redis_servers import valkey_binary
from tests.corpus import WIRE, needs_corpus

TEXTS = ["a", "b", "c", "d"]
BOTH: list[tuple[Scenario, int]] = [
    (scenarios.random_disconnects, 100),
    (scenarios.every_event, 25),
    (scenarios.storm, 50),
]


async def test_one_worker() -> None:
    async with cluster(1) as running:
        for scenario, size in BOTH:
            assert (await scenario(running, size))["events"]
        assert (await scenarios.every_byte(running, 12))["cuts"] > 1000


@pytest.mark.timeout(120)
async def test_several_workers() -> None:
    valkey_binary()
    async with cluster(3) as running:
        for scenario, size in (*BOTH, (scenarios.journal_restarted, 1)):
            assert (await scenario(running, size))["events"]
        broken = await asyncio.gather(scenarios.killed(running, 1), scenarios.paused(running, 1))
        assert all(figures["events"] for figures in broken)


async def test_a_rolling_restart_loses_no_byte() -> None:
    valkey_binary()
    async with cluster(2, HEADRACE_DRAIN_SECONDS="20") as running:
        figures = await scenarios.rolling_restart(running, 10)
        assert figures["endings"] == {"stop": 12}


@pytest.mark.timeout(180)
async def test_no_input_is_answered_by_a_fault_or_ends_a_worker() -> None:
    async with cluster(1) as running:
        assert (await hostile_inputs(running, 500))["inputs"] == 500


async def test_a_noisy_project_is_refused_and_its_neighbour_is_not() -> None:
    async with cluster(1, **SETTINGS) as running:
        figures = await noisy_neighbour(running, 1)
    assert figures["noisy_refused"] > CLIENTS - LIMIT


async def test_every_stream_is_counted_once_whatever_became_of_it() -> None:
    valkey_binary()
    async with cluster(2) as running:
        figures = await counts_add_up(running, 40)
    assert figures["streams"] == 40 + KILLED
    assert figures["counted producer_lost"] == KILLED
    assert (figures["counted stop"], figures["counted upstream_unreachable"]) == (10, 10)


@needs_corpus
@pytest.mark.timeout(180)
async def test_a_day_of_mixed_traffic_is_counted_as_it_was_seen(tmp_path: Path) -> None:
    figures = await live(Day(10, 8, WIRE, tmp_path, local=False))
    assert figures["outcomes"]["stop"]
    assert figures["attempts"] >= figures["streams"] >= FEWEST
    assert figures["groups_compared"] > 5


async def test_streams_leave_nothing_behind() -> None:
    valkey_binary()
    async with cluster(2, HEADRACE_REPLAY_SECONDS="1") as running:
        figures = await nothing_stays(running, 40)
        assert (figures["stopped"], figures["deserted"], figures["read"]) == (10, 10, 20)


def history(numbers: list[int], ending: str = "stop", start: int = 0) -> tuple[History, Reading]:
    found = History()
    found.wrote("s", TEXTS)
    reading = found.reading("s", start)
    for number in numbers:
        reading.saw(number, TEXTS[(number - 1) % 4])
    if ending:
        reading.ended(ending)
    return found, reading


@given(st.integers(0, 4))
def test_a_history_from_any_cursor_is_right(start: int) -> None:
    found, _ = history(list(range(start + 1, 5)), start=start)
    assert found.check().events == 4 - start


@pytest.mark.parametrize(
    ("numbers", "ending", "fault"),
    [
        ([1, 3, 4], "stop", "event 3 where 2 was due"),
        ([1, 2, 2, 3, 4], "stop", "event 2 where 3 was due"),
        ([1, 2, 3, 4, 5], "stop", "event 5 was never written"),
        ([1, 2, 3], "stop", "ended after 3 of 4"),
        ([1, 2, 3], "", "ended with 'nothing'"),
        ([1, 2], "producer_lost", "ended with 'producer_lost'"),
    ],
)
def test_a_wrong_history_is_found(numbers: list[int], ending: str, fault: str) -> None:
    found, _ = history(numbers, ending)
    with pytest.raises(HistoryError, match=fault):
        found.check()


@pytest.mark.parametrize("wrong", [lambda r: r.saw(5, "x"), lambda r: r.ended("stop")])
def test_nothing_may_follow_the_end(wrong: Callable[[Reading], None]) -> None:
    found, reading = history([1, 2, 3, 4])
    wrong(reading)
    with pytest.raises(HistoryError, match="after the end"):
        found.check()


def test_a_foreign_byte_is_found() -> None:
    found, _ = history([])
    found.reading("s").saw(1, "z")
    with pytest.raises(HistoryError, match="event 1 is not what was written"):
        found.check()
