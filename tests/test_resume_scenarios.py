"""The resume scenarios of other projects: each is tried somewhere here, and those that were nowhere are tried below."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any

import pytest

from headrace.backends import redis_keys as rk
from headrace.backends.journal import MemoryJournal, UnknownStreamError
from headrace.backends.redis_facts import Facts
from headrace.backends.redis_journal import RedisJournal
from headrace.backends.redis_mirrored import pack
from headrace.backends.redis_replica import Replica
from headrace.backends.waiting import TaskWaiter
from headrace.stream.events import Failure, Finish
from tests.backends.journal_conformance import Pair, collect, nothing, numbered, there, write
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.backends.test_redis_journal_conformance import on_server
from tests.corpus import CASES, needs_corpus, rows
from tests.waiting import until

SUITE = "backends.journal_conformance:JournalConformance."
EVERY_CURSOR = SUITE + "test_every_cursor_sees_exactly_what_follows_it"
TRIED = {
    "join-late": EVERY_CURSOR,
    "join-three-times": EVERY_CURSOR,
    "streams-isolated": SUITE + "test_streams_do_not_mix",
    "resume-after-done": "integration.test_workers:test_every_cursor_is_served_by_both_workers",
    "producer-outlives-reader": (
        "integration.test_endpoint:test_a_stream_told_to_continue_outlives_its_reader_and_is_resumed"
    ),
    "insufficient-state": "test_resume_scenarios:test_a_batch_that_is_missing_is_told",
    "seam-race": EVERY_CURSOR,
    "idempotent-publish": "test_resume_scenarios:test_a_batch_that_comes_twice_or_late_is_passed_over",
    "metrics-zero": "test_resume_scenarios:test_readers_that_came_and_went_leave_nothing",
    "known-id-echo": "integration.test_endpoint:test_every_cursor_of_a_finished_stream",
    "shutdown-readers": "integration.test_draining:test_workers_and_their_journal_end_in_order",
    "heartbeat": SUITE + "test_silence_is_an_empty_batch_and_loses_nothing",
    "paging-no-loop": "test_resume_scenarios:test_more_than_a_page_is_read_once",
    "mid-publish-crash": "test_soak:test_several_workers",
    "stream-reset": "backends.test_redis_journal:test_a_mirror_over_its_bound_says_what_it_no_longer_has",
    "lc-cross-replica-404": "integration.test_workers:test_the_other_worker_follows_live_lists_and_stops",
    "lc-reconnect-x3": "test_soak:test_one_worker",
    "lc-get-window-race": EVERY_CURSOR,
    "lc-late-pubsub": "test_resume_scenarios:test_a_batch_that_comes_twice_or_late_is_passed_over",
    "lc-abort-other-replica": "integration.test_workers:test_the_other_worker_follows_live_lists_and_stops",
    "lc-new-generation-same-id": (
        "backends.test_redis_journal:test_a_fenced_producer_ends_for_its_own_readers_in_the_same_words"
    ),
    "lc-stale-job-reaping": "integration.test_workers:test_a_killed_producer_is_told_to_readers_elsewhere",
    "lc-idempotency": "integration.test_idempotency:test_of_many_at_once_one_asks",
    "lc-owner": "integration.test_workers:test_foreign_unknown_and_impossible_streams_are_one_404",
    "ld-partial-discarded": "test_soak:test_one_worker",
    "own-redis-restart": "test_soak:test_several_workers",
    "own-worker-pause": "test_soak:test_several_workers",
    "own-expiry-mid-replay": "test_resume_scenarios:test_a_replay_that_has_begun_outlives_the_expiry",
    "own-reader-storm": "test_soak:test_several_workers",
    "own-no-reader": "test_resume_scenarios:test_a_stream_that_nobody_reads_ends_and_goes",
    "own-terminal-once": "common.test_live_streams:test_one_stream_cancelled_and_failing_at_once_ends_once",
}
_POSITION = re.compile(r"ttl (\d+)s, publish (\d+), sleep (\d+)s, resume since (\d+)")
SCENARIOS = rows(CASES / "resume_scenarios.jsonl")
POSITIONS = [(row["id"], found) for row in SCENARIOS if (found := _POSITION.search(row["do"]))]
TTL_SECONDS = 0.02  # for one of theirs


@needs_corpus
@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: row["id"])
def test_each_scenario_is_tried(row: dict[str, Any]) -> None:
    if _POSITION.search(row["do"]):
        return
    module, _, path = TRIED[row["id"]].partition(":")
    found: Any = import_module(f"tests.{module}")
    for name in path.split("."):
        found = getattr(found, name)


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningServer]:
    server = RunningServer(valkey_binary())
    yield server
    server.close()


@pytest.fixture
async def pair(shared: RunningServer) -> AsyncIterator[Pair]:
    async with on_server(shared.url, 2)() as opened:
        yield opened


@pytest.mark.parametrize(("name", "position"), POSITIONS, ids=lambda value: value if isinstance(value, str) else "")
async def test_from_a_position(name: str, position: re.Match[str]) -> None:
    """What is there is served; what has expired is said, never passed over in silence."""
    ttl, published, slept, since = map(int, position.groups())
    journal = MemoryJournal(replay_seconds=ttl * TTL_SECONDS)
    async with journal.writer("s", on_cancel=nothing) as writer:
        writer.append(numbered(1, published))
        writer.append([Finish()])
    await asyncio.sleep(slept * TTL_SECONDS)
    if slept > ttl:
        with pytest.raises(UnknownStreamError):
            await collect(journal, "s", since)
    else:
        assert [number for number, _ in await collect(journal, "s", since)] == list(range(since + 1, published + 2))


def replica(after: int = 0) -> Replica:
    copy = Replica("s", "log:s", after)
    copy.open(Facts("s", "w", rk.RUNNING, b"", 1, 3, 3, numbered(3, 1)))
    return copy


def test_a_batch_that_is_missing_is_told() -> None:
    copy = replica()
    copy.take(2, rk.DATA, pack(numbered(1, 2)))
    copy.take(6, rk.DATA, pack(numbered(5, 2)))
    batch = copy.log.after(2)
    assert batch is not None
    failure, finish = batch.entries
    assert isinstance(failure, Failure)
    assert (failure.code, finish) == ("upstream_limit", Finish("error"))


def test_a_batch_that_comes_twice_or_late_is_passed_over() -> None:
    copy = replica()
    for first, count in ((1, 2), (1, 2), (2, 2), (1, 1), (4, 1), (1, 4)):
        copy.take(first + count - 1, rk.DATA, pack(numbered(first, count)))
    batch = copy.log.after(0)
    assert batch is not None
    assert list(batch.entries) == numbered(1, 4)


async def test_more_than_a_page_is_read_once(pair: Pair) -> None:
    total = 2 * rk.PAGE_BATCHES + 2
    async with pair.producer.writer("s", on_cancel=nothing) as writer:
        for number in range(1, total + 1):
            writer.append(numbered(number, 1))
            await asyncio.sleep(0 if number % 8 else 0.021)  # so that it is many batches there too
        writer.append([Finish()])
    await there(pair.reader, "s")
    assert [number for number, _ in await collect(pair.reader, "s")] == list(range(1, total + 2))


async def test_readers_that_came_and_went_leave_nothing(pair: Pair) -> None:
    async with pair.producer.writer("s", on_cancel=nothing) as writer:
        writer.append(numbered(1, 3))
        await there(pair.reader, "s")
        assert isinstance(pair.reader, RedisJournal)
        for journal in (pair.producer, pair.reader):
            for _ in range(500):
                reading = journal.read("s")
                await anext(reading)
                await reading.aclose()
        log, link = pair.producer.log("s"), pair.reader._link
        assert link is not None
        await until(lambda: not any(isinstance(waiter, TaskWaiter) for waiter in log.waiters))
        await until(lambda: len(link.followers) == 0)
        writer.append([Finish()])


@pytest.mark.parametrize("apart", [False, True], ids=["same worker", "another"])
async def test_a_replay_that_has_begun_outlives_the_expiry(shared: RunningServer, apart: bool) -> None:
    async with on_server(shared.url, 2)(replay_seconds=0.5) as pair:
        journal = pair.reader if apart else pair.producer
        await write(pair.producer, "s", [10] * 300)
        await there(journal, "s")
        reading = journal.read("s")
        found = list((await anext(reading)).entries)
        while True:
            try:
                await journal.known("s")
            except UnknownStreamError:
                break
            await asyncio.sleep(0.02)
        async for batch in reading:
            found += batch.entries
        assert len(found) == 3001
        assert found[:-1] == numbered(1, 3000)


async def test_a_stream_that_nobody_reads_ends_and_goes() -> None:
    journal = MemoryJournal(replay_seconds=0.05)
    await write(journal, "s", [100])
    async with asyncio.timeout(5):
        while len(journal):
            await asyncio.sleep(0.01)
    assert journal.size == 0
    with pytest.raises(UnknownStreamError):
        journal.log("s")
