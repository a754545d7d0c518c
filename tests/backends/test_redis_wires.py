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


async def told(journal: RedisJournal, name: str) -> Any:
    return await journal.wire(await journal.known(name))


async def test_another_worker_tells_it_and_it_expires_with_the_stream(server: RunningServer) -> None:
    async with workers(server.url, 2) as (one, other):
        await produce(one, "a", "p")
        assert await told(one, "a") == await told(other, "a") == {"name": "a"}
        left = [await one._ask("PTTL", key) for key in (rk.Keys().wire("a"), rk.Keys().wires, rk.Keys().wire_sizes)]
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
        assert await one._ask("ZCARD", rk.Keys().wires) == await one._ask("HLEN", rk.Keys().wire_sizes) == 6
        monkeypatch.setattr(rk, "LOOK_AGAIN_SECONDS", ())
        assert await told(other, "noisy0") is None


async def test_one_that_is_just_being_written_is_waited_for(server: RunningServer) -> None:
    async with workers(server.url, 2) as (one, other):
        log = one.create("late", {"project": "p", "wire": True})
        log.wire = Told("late")
        async with one.writer("late", on_cancel=lambda: None) as writer:
            writer.append([Finish("stop")])
        while not (await other.known("late")).ended:
            await asyncio.sleep(0.01)
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
