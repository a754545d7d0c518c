"""The shared journal where it hurts: workers that die or sleep, and a server that is emptied, paused, full or away."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from headrace.backends import redis_follow
from headrace.backends import redis_keys as rk
from headrace.backends.journal import JournalAwayError, UnknownStreamError
from headrace.backends.known import Known
from headrace.backends.log import CursorError
from headrace.backends.redis_journal import RedisJournal
from headrace.backends.redis_leases import Leases
from headrace.backends.redis_mirrored import pack
from headrace.backends.stream_ids import is_young, new_stream_id
from headrace.stream.events import Entry, Failure, Finish, ReasoningEnd, TextDelta
from tests.backends.journal_conformance import Numbered, collect, nothing, numbered, there, write
from tests.backends.redis_servers import RunningServer, redis_binary, valkey_binary
from tests.waiting import until

LOST_SECONDS = 10.0  # the contract's: a lost producer is told within this
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    running = RunningServer(valkey_binary() if request.param == "valkey" else redis_binary())
    yield running
    running.close()


@pytest.fixture
def valkey() -> Iterator[RunningServer]:
    running = RunningServer(valkey_binary())
    yield running
    running.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """All patience of this process a third of what it is, for what need not be shown at full length."""
    for name in ("COMMAND", "RETRY", "TICK", "LEASE", "SECOND_LOOK", "AWAY", "STALL"):
        monkeypatch.setattr(rk, f"{name}_SECONDS", getattr(rk, f"{name}_SECONDS") / 3)


@asynccontextmanager
async def workers(url: str, count: int = 2, **options: float) -> AsyncIterator[list[RedisJournal]]:
    journals = [RedisJournal(url, **options) for _ in range(count)]  # type: ignore[arg-type]
    for journal in journals:
        await journal.start()
    try:
        yield journals
    finally:
        for journal in journals:
            await journal.close()


@asynccontextmanager
async def producer(url: str, stream_id: str, *args: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that produces this stream; it has begun."""
    words = [str(arg) for arg in (url, stream_id, *args)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.backends.redis_producer",
        *words,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    try:
        assert await said(process) == "started"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode().strip()


async def until_total(journal: RedisJournal, stream_id: str, total: int) -> None:
    await until_known(journal, stream_id, lambda known: known.total >= total)


async def until_ended(journal: RedisJournal, stream_id: str) -> None:
    await until_known(journal, stream_id, lambda known: known.ended)


async def until_known(journal: RedisJournal, stream_id: str, condition: Callable[[Known], bool]) -> None:
    async with asyncio.timeout(15):
        while True:
            with suppress(UnknownStreamError, JournalAwayError):
                if condition(await journal.known(stream_id)):
                    return
            await asyncio.sleep(0.01)


def check_whole(found: Numbered, count: int) -> None:
    assert [number for number, _ in found] == list(range(1, count + 2))
    assert [entry for _, entry in found] == [*numbered(1, count), Finish()]


def check_lost(found: Numbered, ending: list[type[Entry]]) -> int:
    """A gapless prefix of what was produced, then this ending; the length of the prefix."""
    kept = len(found) - len(ending)
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    assert [entry.text for _, entry in found[:kept] if hasattr(entry, "text")][-1] == str(kept)
    assert [type(entry) for _, entry in found[kept:]] == ending
    failure = found[-2][1]
    assert isinstance(failure, Failure)
    assert failure.code == "producer_lost"
    return kept


async def test_two_processes_and_a_cancel_from_the_other(server: RunningServer) -> None:
    async with workers(server.url, 1) as [journal], producer(server.url, "s", 100_000, 0.002) as process:
        await there(journal, "s")
        reader = asyncio.create_task(collect(journal, "s"))
        await until_total(journal, "s", 50)
        known = await journal.known("s")
        assert known.about["project"] == "p"
        assert not known.ended
        begun = time.monotonic()
        await journal.cancel("s")
        assert (await said(process)).startswith("cancelled")
        assert time.monotonic() - begun < 1.0
        found = await reader
        assert found[-1][1] == Finish("cancelled")
        assert [number for number, _ in found] == list(range(1, len(found) + 1))
        assert [entry for _, entry in found[:-1]] == numbered(1, len(found) - 1)
        (listed,) = await journal.listing("p")
        assert (listed.stream_id, listed.total, listed.finish) == ("s", len(found), Finish("cancelled"))


async def test_a_lost_producer_is_told_and_everybody_agrees(valkey: RunningServer) -> None:
    """One is killed while another is stopped."""
    async with asyncio.TaskGroup() as group:
        group.create_task(killed(valkey))
        group.create_task(stopped(valkey))


async def killed(valkey: RunningServer) -> None:
    async with workers(valkey.url) as [here, other]:
        async with producer(valkey.url, "s", 100_000, 0.003, "reasoning") as process:
            await there(here, "s")
            live = asyncio.create_task(collect(here, "s"))
            ahead = asyncio.create_task(collect(other, "s", 1_000_000))
            await until_total(here, "s", 60)
            process.kill()
            begun = time.monotonic()
            found = await live
            assert time.monotonic() - begun < LOST_SECONDS
        kept = check_lost(found, [ReasoningEnd, Failure, Finish])
        assert kept >= 60
        ending = [entry for _, entry in found[kept:]]
        beyond = await ahead
        assert [number for number, _ in beyond] == [1_000_001, 1_000_002, 1_000_003]
        assert [entry for _, entry in beyond] == ending
        for journal in (here, other):
            assert await collect(journal, "s") == found
            assert await collect(journal, "s", kept - 1) == found[kept - 1 :]
            assert [entry for _, entry in await collect(journal, "s", kept + 1)] == ending
        known = await other.known("s")
        assert known.lost
        assert known.check(kept + 50) == kept + 50


async def stopped(valkey: RunningServer) -> None:
    """It wakes up, and appends nothing."""
    async with (
        workers(valkey.url, 1) as [journal],
        producer(valkey.url, "t", 100_000, 0.003) as process,
    ):
        await there(journal, "t")
        live = asyncio.create_task(collect(journal, "t"))
        await until_total(journal, "t", 30)
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        found = await live
        assert time.monotonic() - begun < LOST_SECONDS
        check_lost(found, [Failure, Finish])
        length = valkey.tell("XLEN", "headrace:log:t")
        process.send_signal(signal.SIGCONT)
        assert (await said(process)).startswith("cancelled")
        assert (await said(process)).startswith("over")
        await process.wait()
        assert valkey.tell("XLEN", "headrace:log:t") == length
        assert await collect(journal, "t") == found


async def test_a_client_may_be_faster_than_a_busy_mirror(valkey: RunningServer) -> None:
    """It has the stream's id from one worker, and asks another: that is no 404."""
    name = new_stream_id()
    async with workers(valkey.url) as [own, other]:
        reading = asyncio.create_task(collect(other, name))
        await asyncio.sleep(0.5)  # so late is the mirror
        assert not reading.done()
        await write(own, name, [3])
        check_whole(await reading, 3)
        with pytest.raises(UnknownStreamError):
            await collect(other, new_stream_id())


async def test_what_cannot_come_is_not_waited_for(valkey: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rk, "LOOK_AGAIN_SECONDS", (60.0,))
    monkeypatch.setattr(redis_follow, "is_young", is_young)
    async with workers(valkey.url, 1) as [journal], asyncio.timeout(10):
        for name in ("made-up", "b" * 28):
            with pytest.raises(UnknownStreamError):
                await journal.known(name)


async def test_who_comes_late_is_not_given_what_was_read_for_others(valkey: RunningServer) -> None:
    """A read for a copy that stands at event 150 is under way; one that stands at 10 joins it, and lacks 140 events."""
    async with workers(valkey.url) as [own, other]:
        async with own.writer("s", on_cancel=nothing) as writer:
            writer.append(numbered(1, 10))
            replica = await other._link.followers.attach("s", 0)  # type: ignore[union-attr]
            await until(lambda: replica.position == 10)
            late = [(b"151-0", (rk.DATA, pack(numbered(151, 1))))]
            other._link.followers._fill(replica.key, late, 150)  # type: ignore[union-attr]
            assert (replica.position, replica.log.total, replica.log.ended) == (10, 10, False)
            writer.append([Finish()])
        await until(lambda: replica.log.ended)
        other._link.release(replica)  # type: ignore[union-attr]


async def test_who_dies_before_the_first_heartbeat_is_found_out(
    valkey: RunningServer, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new worker on a busy machine: its stream is shared, and it is killed before it has said that it lives."""
    silent = RedisJournal(valkey.url)
    with monkeypatch.context() as patched:
        patched.setattr(Leases, "run", lambda _: asyncio.Event().wait())
        await silent.start()
        await until(lambda: silent._link is not None and silent._link._tasks)
    async with workers(valkey.url, 1) as [other], silent.writer("s", on_cancel=nothing) as writer:
        writer.append(numbered(1, 3))
        await until_total(other, "s", 3)
        async with asyncio.timeout(LOST_SECONDS):
            assert check_lost(await collect(other, "s"), [Failure, Finish]) == 3
    await silent.close()


async def test_a_fenced_producer_ends_for_its_own_readers_in_the_same_words(valkey: RunningServer) -> None:
    """The same as for a process that slept, seen from inside it."""
    async with workers(valkey.url) as [own, other]:
        asked = asyncio.Event()
        async with own.writer("s", on_cancel=asked.set) as writer:
            local = asyncio.create_task(collect(own, "s"))
            writer.append(numbered(1, 5))
            await until_total(other, "s", 5)
            name = own._link.mirror.worker  # type: ignore[union-attr]
            valkey.tell("SET", rk.Keys().dead(name), "1")
            async with asyncio.timeout(5):
                await asked.wait()
            writer.append(numbered(6, 3))
        assert check_lost(await local, [Failure, Finish]) == 5
        async with own.writer("t", on_cancel=nothing) as writer:  # under a new name
            writer.append([Finish()])
        await there(other, "t")
        assert await collect(other, "t") == [(1, Finish())]


def sleep(journal: RedisJournal) -> None:
    """As if the process had been stopped for longer than its lease."""
    assert journal._link is not None
    journal._link.mirror.vigil._beat -= 2 * rk.LEASE_SECONDS


async def test_who_slept_shows_nothing_that_others_will_never_have(valkey: RunningServer) -> None:
    async with workers(valkey.url) as [own, other]:
        asked = asyncio.Event()
        async with own.writer("s", on_cancel=asked.set) as writer:
            local = asyncio.create_task(collect(own, "s"))
            writer.append(numbered(1, 5))
            await until_total(other, "s", 5)
            valkey.tell("SET", rk.Keys().dead(own._link.mirror.worker), "1")  # type: ignore[union-attr]
            sleep(own)
            writer.append(numbered(6, 600))  # what had waited in the socket
            async with asyncio.timeout(5):
                await asked.wait()
        assert check_lost(await local, [Failure, Finish]) == 5


@pytest.mark.parametrize("away", [False, True])
async def test_who_slept_and_is_not_missed_goes_on(valkey: RunningServer, hasty: None, away: bool) -> None:
    async with workers(valkey.url, 1) as [own]:
        async with own.writer("s", on_cancel=nothing) as writer:
            writer.append(numbered(1, 5))
            await until_total(own, "s", 5)
            if away:
                valkey.pause()
            sleep(own)
            writer.append(numbered(6, 5))
            assert own.log("s").total == 5
            writer.append([Finish()])
        check_whole(await collect(own, "s"), 10)
        if away:
            valkey.resume()


async def test_a_server_that_is_emptied_is_filled_again(
    server: RunningServer, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with workers(server.url) as [own, other]:
        own.create("finished")
        await write(own, "finished", [4, 4])
        writing = asyncio.create_task(write(own, "s", [1] * 200, pause=0.01))
        own.create("s")
        await there(other, "s")
        readers = [asyncio.create_task(collect(journal, "s")) for journal in (own, other, other)]
        await until_total(other, "s", 50)
        server.stop()
        server.start()
        await writing
        for reader in readers:
            check_whole(await reader, 200)
        check_whole(await collect(other, "s"), 200)
        await there(other, "finished")
        check_whole(await collect(other, "finished"), 8)
    begun = [record for record in caplog.records if "is away (" in record.message]
    assert len(begun) == 2, "once for each worker"


async def test_a_pause_of_the_server_is_survived(
    valkey: RunningServer, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a lease and shorter than patience: everybody's lease is over at its end, and nobody is lost."""
    monkeypatch.setattr(rk, "AWAY_SECONDS", 3 * rk.LEASE_SECONDS)
    async with workers(valkey.url) as [own, other]:
        own.create("s")
        writing = asyncio.create_task(write(own, "s", [1] * 300, pause=0.01))
        await there(other, "s")
        readers = [asyncio.create_task(collect(journal, "s")) for journal in (own, other)]
        await until_total(other, "s", 20)
        valkey.pause()
        await asyncio.sleep(rk.LEASE_SECONDS + 0.1)
        valkey.resume()
        await writing
        for reader in readers:
            check_whole(await reader, 300)


async def test_a_server_that_stays_away_ends_readers_elsewhere_and_is_caught_up_with(
    valkey: RunningServer, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with workers(valkey.url) as [own, other]:
        own.create("s")
        writing = asyncio.create_task(write(own, "s", [1] * 400, pause=0.01))
        await there(other, "s")
        seen: Numbered = []
        local = asyncio.create_task(collect(own, "s"))
        remote = asyncio.create_task(collect(other, "s", found=seen))
        await until(lambda: len(seen) >= 20)
        valkey.pause()
        paused = time.monotonic()
        assert check_lost(await remote, [Failure, Finish]) >= 20
        assert time.monotonic() - paused < LOST_SECONDS
        with pytest.raises(JournalAwayError):
            await collect(other, "s")
        assert not local.done()
        valkey.resume()
        await writing
        check_whole(await local, 400)
        await until_ended(other, "s")
        check_whole(await collect(other, "s"), 400)
    shown = [record.levelno for record in caplog.records if record.name == "headrace.journal"]
    assert shown.count(logging.ERROR) == 2, "once for each worker"


@pytest.mark.parametrize("server", ["redis"], indirect=True)
async def test_a_full_server_ends_readers_elsewhere_and_is_caught_up_with(
    server: RunningServer, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with workers(server.url) as [own, other]:
        own.create("s")
        writing = asyncio.create_task(write(own, "s", [1] * 400, pause=0.01))
        await there(other, "s")
        local, remote = (asyncio.create_task(collect(journal, "s")) for journal in (own, other))
        await until_total(other, "s", 20)
        full = time.monotonic()
        server.tell("CONFIG", "SET", "maxmemory", "1")
        check_lost(await remote, [Failure, Finish])
        assert time.monotonic() - full < LOST_SECONDS
        assert not local.done()
        server.tell("CONFIG", "SET", "maxmemory", "0")
        await writing
        check_whole(await local, 400)
        await until_ended(other, "s")
        check_whole(await collect(other, "s"), 400)
    refusals = [record for record in caplog.records if "refuses to be written (" in record.message]
    assert len(refusals) == 1


async def test_a_full_server_drops_the_oldest_finished_streams(valkey: RunningServer) -> None:
    async with workers(valkey.url) as [own, other]:
        for name in "ab":
            own.create(name)
            await write(own, name, [5])
            await until_ended(other, name)
        own.create("s")
        async with own.writer("s", on_cancel=nothing) as writer:
            await there(other, "s")
            valkey.tell("CONFIG", "SET", "maxmemory", "1")
            writer.append(numbered(1, 3))
            async with asyncio.timeout(10):
                while valkey.tell("EXISTS", "headrace:log:a", "headrace:log:b") != b":0\r\n":
                    await asyncio.sleep(0.02)
            valkey.tell("CONFIG", "SET", "maxmemory", "0")
            writer.append([Finish()])
        await until_ended(other, "s")
        check_whole(await collect(other, "s"), 3)
        with pytest.raises(UnknownStreamError):
            await collect(other, "a")


async def test_a_mirror_over_its_bound_says_what_it_no_longer_has(
    valkey: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rk, "MIRROR_BYTES", 2000)
    monkeypatch.setattr(rk, "TRIM_BYTES", 500)
    async with workers(valkey.url) as [own, other]:
        own.create("s")
        async with own.writer("s", on_cancel=nothing) as writer:
            for number in range(1, 61):
                writer.append([TextDelta(str(number))])
                await until_total(other, "s", number)
            writer.append([Finish()])
        await until_ended(other, "s")
        oldest = (await other.known("s")).oldest
        assert 20 < oldest < 50
        with pytest.raises(CursorError) as caught:
            await collect(other, "s", oldest - 2)
        assert caught.value.code == "cursor_expired"
        assert [number for number, _ in await collect(other, "s", oldest - 1)] == list(range(oldest, 62))


async def test_a_thread_without_any_event_loop_is_served(valkey: RunningServer) -> None:
    """As under WSGI: nothing was started."""
    async with workers(valkey.url, 1) as [own]:
        own.create("s")
        writing = asyncio.create_task(write(own, "s", [2] * 50, pause=0.005))
        await there(own, "s")
        reader = RedisJournal(valkey.url)
        found = await asyncio.to_thread(
            lambda: [entry for batch in reader.read_blocking("s") for entry in batch.entries]
        )
        assert found == [*numbered(1, 100), Finish()]
        await writing
        await reader.close()


async def test_a_claim_is_held_by_one_worker_until_it_is_released(server: RunningServer) -> None:
    async with workers(server.url) as journals:
        held = await asyncio.gather(*(journal.claim("key", f"{n}", 60) for n, journal in enumerate(journals * 5)))
        assert len(set(held)) == 1
        await journals[0].release("key", "somebody else's")
        assert await journals[1].claim("key", "late", 60) == held[0]
        await journals[1].release("key", held[0])
        assert await journals[0].claim("key", "next", 0.05) == "next"
        async with asyncio.timeout(5):
            while await journals[1].claim("key", "after", 60) != "after":
                await asyncio.sleep(0.01)


async def test_nothing_is_left_when_everybody_has_gone(valkey: RunningServer) -> None:
    async with workers(valkey.url, replay_seconds=0.2) as [own, other]:
        for name in "abc":
            own.create(name, {"project": "p"})
            reader = asyncio.create_task(write(own, name, [3]))
            await there(other, name)
            await reader
        assert other._link is not None
        assert len(other._link.followers) == 0
    async with asyncio.timeout(10):
        while valkey.tell("KEYS", "headrace:[alrd]*") != b"*0\r\n":
            await asyncio.sleep(0.02)


async def test_a_server_that_was_never_there_does_not_hold_up_a_stream(caplog: pytest.LogCaptureFixture) -> None:
    async with workers("unix:///nowhere/at/all?password=hunter2", 1) as [journal]:
        journal.create("s")
        writing = asyncio.create_task(write(journal, "s", [2] * 20))
        check_whole(await collect(journal, "s"), 40)
        await writing
        with pytest.raises(JournalAwayError):
            await journal.known("other")
        assert [known.stream_id for known in await journal.listing("")] == []
    assert "is away" in caplog.text
    assert "hunter2" not in caplog.text


async def test_how_far_it_is_behind_and_away_is_told_to_whoever_watches(valkey: RunningServer, hasty: None) -> None:
    async with workers(valkey.url, 1) as (journal,), journal.writer("s", on_cancel=nothing) as writer:
        writer.append(numbered(1, 2))
        await until(lambda: journal.lag == 0.0)
        assert not journal.away
        valkey.stop()
        writer.append(numbered(3, 2))
        await until(lambda: journal.away and journal.lag > 0.5, LOST_SECONDS)
        valkey.start()
        await until(lambda: not journal.away and journal.lag == 0.0, LOST_SECONDS)
        writer.append([Finish()])
