"""What went over the wire of ended streams, on the shared server: found by others, bounded, fair between projects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headrace.backends import redis_keys as rk
from headrace.backends.journal import JournalAwayError
from headrace.backends.redis_journal import RedisJournal
from headrace.stream.events import Finish, TextDelta
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.backends.test_redis_places import workers
from tests.waiting import DEADLINE

LEAST = 100


class Told:
    """A wire that says its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def told(self) -> dict[str, Any]:
        return {"name": self._name}


@pytest.fixture
def server() -> object:
    running = RunningServer(valkey_binary())
    yield running
    running.close()


async def produce(journal: RedisJournal, name: str, project: str) -> None:
    """A stream that has ended, its wire shared."""
    log = journal.create(name, {"project": project, "wire": True})
    log.wire = Told(name)
    async with journal.writer(name, on_cancel=lambda: None) as writer:
        writer.append([TextDelta("x"), Finish("stop")])
    journal.share_wire(name)
    await journal._wires.shared(5)
    await mirrored(journal)


async def mirrored(journal: RedisJournal) -> None:
    """Returns when the server has all events: other workers know only such streams."""
    link = journal._tie()
    async with asyncio.timeout(DEADLINE):
        await link.ask(link.mirror.settled)


async def told(journal: RedisJournal, name: str) -> Any:
    return await journal.wire(await journal.known(name))


async def test_another_worker_tells_it_and_it_expires_with_the_stream(server: RunningServer) -> None:
    async with workers(server.url, 2) as (one, other):
        await produce(one, "a", "p")
        assert await told(one, "a") == await told(other, "a") == {"name": "a"}
        names = await one._ask("KEYS", rk.Keys().wire("*").replace("wire:", "wire"))
        assert len(names) == 5
        left = [await one._ask("PTTL", name) for name in names]
        assert all(0 < each <= one.replay_seconds * 1000 for each in left)


async def test_a_project_that_captures_much_pushes_out_its_own(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rk, "WIRE_LEAST", LEAST)
    monkeypatch.setattr(rk, "WIRES_BYTES", 6 * LEAST)
    async with workers(server.url, 2) as (one, other):
        for name, project in (("quiet1", "quiet"), ("other1", "other project")):
            await produce(one, name, project)
        for n in range(10):
            await produce(one, f"noisy{n}", "noisy")
        await produce(one, "quiet2", "quiet")
        kept = {key.decode().rpartition(":")[2] for key in await one._ask("KEYS", rk.Keys().wire("*"))}
        assert kept == {"quiet1", "other1", "quiet2", "noisy7", "noisy8", "noisy9"}
        wires, sizes, held, of, _ = rk.Keys().wire_books
        assert await one._ask("ZCARD", wires) == await one._ask("HLEN", sizes) == 6
        for project, count in (("quiet", 2), ("other project", 1), ("noisy", 3)):
            assert int(await one._ask("HGET", held, project)) == count * LEAST
            assert await one._ask("ZCARD", of + project) == count
        known = await other.known("noisy0")
        monkeypatch.setattr(rk, "LOOK_AGAIN_SECONDS", ())
        assert await other.wire(known) is None


async def test_what_has_expired_makes_room(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rk, "WIRE_LEAST", LEAST)
    monkeypatch.setattr(rk, "WIRES_BYTES", 2 * LEAST)
    async with workers(server.url, 1) as (one,):
        wires, sizes, held, *_ = rk.Keys().wire_books
        for name in ("a", "b"):
            await produce(one, name, "p")
        await one._ask("ZADD", wires, 1, "b")  # its time is over
        await produce(one, "c", "q")
        assert sorted(await one._ask("HKEYS", sizes)) == [b"a", b"c"]
        assert await one._ask("HGETALL", held) == [b"p", b"100", b"q", b"100"]


async def test_one_that_is_just_being_written_is_waited_for(server: RunningServer) -> None:
    async with workers(server.url, 2) as (one, other):
        log = one.create("late", {"project": "p", "wire": True})
        log.wire = Told("late")
        async with one.writer("late", on_cancel=lambda: None) as writer:
            writer.append([Finish("stop")])
        await mirrored(one)
        asking = asyncio.create_task(told(other, "late"))
        await asyncio.sleep(0)
        one.share_wire("late")
        assert await asking == {"name": "late"}


async def test_a_server_that_is_away_is_no_missing_wire(server: RunningServer) -> None:
    async with workers(server.url, 2) as (one, other):
        await produce(one, "a", "p")
        known = await other.known("a")
        server.stop()
        assert await one.wire(known) == {"name": "a"}, "its own worker has it in memory"
        with pytest.raises(JournalAwayError):
            await other.wire(known)
