"""What the shared journal holds in a worker's memory: nothing of a stream that has expired, without a search for it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from headrace.backends import redis_leases
from headrace.backends.log import Log
from headrace.backends.redis_journal import RedisJournal
from headrace.backends.redis_mirrored import Mirrored
from tests.backends.journal_conformance import write
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.waiting import until

NOWHERE = "unix:///nowhere/at/all"


@pytest.fixture(params=["there", "away"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server, or none: a worker that is alone for an hour may not keep all that it has not told."""
    if request.param == "away":
        yield NOWHERE
        return
    running = RunningServer(valkey_binary())
    yield running.url
    running.close()


def logs() -> int:
    return sum(type(each) is Log for each in gc.get_objects())


async def test_a_streams_text_goes_with_its_log(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_leases, "PRUNE_SECONDS", 0.05)
    journal = RedisJournal(url, replay_seconds=0.2)
    await journal.start()
    await write(journal, "first", [3])  # the server is shown its script, or is found away
    link = journal._link
    assert link is not None
    await until(lambda: not link.mirror.streams, within=20)
    gc.collect()
    gc.disable()  # nobody looks for circles: what waits for that stays
    try:
        before = logs()
        for name in "abc":
            await write(journal, name, [3])
        assert logs() == before + 3
        await until(lambda: logs() == before, within=20)
    finally:
        gc.enable()
        await journal.close()


async def test_a_producer_on_another_loop_may_begin_while_the_mirror_looks_through_its_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a thread may do between two steps of the walk is done in one of them."""
    link = RedisJournal(NOWHERE)._tie(asyncio.get_running_loop())
    link.mirror.add("first", Log())
    began = iter(("second",))
    monkeypatch.setattr(Mirrored, "restart", lambda _: [link.mirror.add(name, Log()) for name in began])
    link.mirror.restart()
    assert list(link.mirror.streams) == ["first", "second"]
    await link.close()
