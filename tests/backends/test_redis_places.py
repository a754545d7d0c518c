"""Places among the streams of all workers: the right number gets in, and who is gone holds none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from headrace.backends import redis_keys as rk
from headrace.backends.redis_journal import RedisJournal
from headrace.backends.redis_server import FAILURES
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.waiting import until


@pytest.fixture
def server() -> object:
    running = RunningServer(valkey_binary())
    yield running
    running.close()


@asynccontextmanager
async def workers(url: str, number: int) -> AsyncIterator[list[RedisJournal]]:
    """Journals as so many workers have them; each has said that it lives."""
    made = [RedisJournal(url) for _ in range(number)]
    for each in made:
        await each.start()
    link = made[0]._tie()

    async def alive() -> int:
        return int(await link.server.ask("ZCARD", rk.Keys().leases))

    while await alive() < number:
        await asyncio.sleep(0.01)
    try:
        yield made
    finally:
        for each in made:
            await each.close()


async def test_all_workers_count_together(server: RunningServer) -> None:
    async with workers(server.url, 3) as journals:
        limits = {"project:a": 7, "person:7": 100}
        answers = await asyncio.gather(*(each.places.take(limits) for each in journals for _ in range(10)))
        assert sorted(answers) == [""] * 7 + ["project:a"] * 23
        assert await journals[0].places.take({"project:b": 1}) == "", "another project notices nothing"
        holder = next(each for each in journals if each.places._own["project:a"])
        holder.places.give(["project:a", "person:7"])
        holder.places.give(["project:b"]) if holder is journals[0] else journals[0].places.give(["project:b"])
        for each in journals:
            await until(lambda each=each: not each.places._unsaid)
        assert sorted([await each.places.take({"project:a": 7}) for each in journals]) == ["", "project:a", "project:a"]


async def test_a_worker_that_has_ended_holds_no_place(server: RunningServer) -> None:
    async with workers(server.url, 2) as (one, other):
        assert await other.places.take({"project:a": 1}) == ""
        assert await one.places.take({"project:a": 1}) == "project:a"
        await other.close()
        assert await one.places.take({"project:a": 1}) == ""


async def test_a_server_that_was_away_learns_what_it_missed(server: RunningServer) -> None:
    async with workers(server.url, 2) as (one, other):
        assert await one.places.take({"project:a": 1}) == ""
        server.stop()
        with pytest.raises(FAILURES):
            await other.places.take({"project:a": 1})
        one.places.give(["project:a"])
        server.start()
        await until(lambda: not one.places._unsaid)
        assert not one.places._own
        assert await other.places.take({"project:a": 1}) == ""
