"""The shared journal astray: a clock that goes back, a worker that ends in mid-stream, a server that forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from headrace.backends import redis_keys as rk
from headrace.backends import redis_link
from headrace.backends.redis_follow import Followers
from headrace.backends.redis_journal import RedisJournal
from headrace.stream.events import Failure, Finish
from tests.backends.journal_conformance import collect, nothing, numbered, there
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.backends.test_redis_journal import LOST_SECONDS, check_lost, check_whole, until_ended, until_total, workers
from tests.waiting import until

FAR_AHEAD = "9999999999999-0"  # in milliseconds: the year 2286


@pytest.fixture
def valkey() -> Iterator[RunningServer]:
    running = RunningServer(valkey_binary())
    yield running
    running.close()


async def test_a_worker_that_ends_in_mid_stream_leaves_nobody_waiting(valkey: RunningServer) -> None:
    async with workers(valkey.url) as [own, other], own.writer("s", on_cancel=nothing) as writer:
        writer.append(numbered(1, 3))
        await there(other, "s")
        reader = asyncio.create_task(collect(other, "s"))
        await own.close()
        async with asyncio.timeout(2 * LOST_SECONDS):
            assert check_lost(await reader, [Failure, Finish]) == 3


async def test_a_stop_is_heard_after_the_servers_clock_went_back(valkey: RunningServer) -> None:
    """What is asked of a worker is numbered by that clock, as long as its list is kept."""
    async with workers(valkey.url) as [own, other]:
        control = rk.Keys().control(_name(own))
        valkey.tell("XADD", control, FAR_AHEAD, "wake", "")
        await until(lambda: _asked(own) == FAR_AHEAD.encode())
        valkey.tell("PEXPIRE", control, "5000")
        await until(lambda: int(valkey.tell("PTTL", control)[1:]) > 10_000, within=20)
        stopped = asyncio.Event()
        async with own.writer("s", on_cancel=stopped.set) as writer:
            await there(other, "s")
            await other.cancel("s")
            async with asyncio.timeout(5):
                await stopped.wait()
            writer.append([Finish("cancelled")])


async def test_an_end_that_the_server_has_lost_is_told_again(valkey: RunningServer) -> None:
    """A replica that takes over, or a restart from the disk, lacks what came last, and bears the same name."""
    async with workers(valkey.url) as [own, other]:
        async with own.writer("s", on_cancel=nothing) as writer:
            writer.append(numbered(1, 3))
            await until_total(other, "s", 3)
            await until(lambda: own.lag == 0)
            valkey.tell("SAVE")
            writer.append([Finish()])
        await until_ended(other, "s")
        await until(lambda: own.lag == 0)
        valkey.stop()
        valkey.start()
        await until_ended(other, "s")
        check_whole(await collect(other, "s"), 3)


async def test_a_server_that_only_follows_another_by_now_is_left(valkey: RunningServer) -> None:
    """Its connections still work, and the address has moved on."""
    async with workers(valkey.url, 1) as [own]:
        link = own._link
        assert link is not None
        await until(lambda: link.server._wire)
        before = link.server._wire
        valkey.tell("REPLICAOF", "127.0.0.1", "1")
        await until(lambda: link.server._wire is not before, within=20)
        valkey.tell("REPLICAOF", "NO", "ONE")
        await until(lambda: not own.away, within=20)


async def test_a_thread_that_waits_no_longer_leaves_nothing_behind(
    valkey: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "ASK_SECONDS", 0.05)
    given_up = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    async with workers(valkey.url, 1) as [own]:
        assert own._link is not None
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(own._link.ask_blocking, endless)
        async with asyncio.timeout(5):
            await given_up.wait()


async def test_who_reads_thousands_says_so_in_few_words(valkey: RunningServer) -> None:
    """A word for each took longer than a heartbeat may, and who was never named counted as gone."""
    names = [f"s{number}" for number in range(600)]
    async with workers(valkey.url) as [own, other], AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(own.writer(name, on_cancel=nothing))
        readers = [asyncio.create_task(collect(other, name)) for name in names if not await there(other, name)]
        said, heard = _followers(other), _followers(own).remote
        await until(lambda: len(heard) == len(names), within=20)
        before = words_to(valkey, _name(own))
        said._say_at = 0.0
        heard._heard.clear()
        await said.say_who_reads()
        await until(lambda: len(heard) == len(names))
        assert words_to(valkey, _name(own)) - before < 10
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


def words_to(server: RunningServer, worker: str) -> int:
    """How many words were ever left for this worker."""
    told = server.tell("XINFO", "STREAM", rk.Keys().control(worker)).split(b"\r\n")
    return int(told[told.index(b"entries-added") + 1][1:])


def _name(journal: RedisJournal) -> str:
    assert journal._link is not None
    return journal._link.mirror.worker


def _asked(journal: RedisJournal) -> bytes:
    return _followers(journal)._asked


def _followers(journal: RedisJournal) -> Followers:
    assert journal._link is not None
    return journal._link.followers
