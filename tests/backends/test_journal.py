"""The memory journal: numbers, cursors, many readers, threads, bounds."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.backends import log as log_module
from headrace.backends.journal import MemoryJournal, UnknownStreamError
from headrace.backends.log import CursorError, Log
from headrace.stream.events import Entry, Failure, Finish, TextDelta
from headrace.stream.wire import SSEFace
from tests.waiting import DEADLINE, until


def numbered(first: int, count: int) -> list[Entry]:
    return [TextDelta(str(n)) for n in range(first, first + count)]


def nothing() -> None:
    """A producer that cannot be asked to stop."""


async def collect(journal: MemoryJournal, stream_id: str, after: int = 0) -> list[tuple[int, Entry]]:
    found: list[tuple[int, Entry]] = []
    async with asyncio.timeout(DEADLINE):
        async for batch in journal.read(stream_id, after):
            found += enumerate(batch.entries, batch.first)
    return found


async def write(journal: MemoryJournal, stream_id: str, sizes: Sequence[int]) -> None:
    async with journal.writer(stream_id, on_cancel=nothing) as writer:
        first = 1
        for size in sizes:
            writer.append(numbered(first, size))
            first += size
            await asyncio.sleep(0)
        writer.append([Finish()])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.lists(st.integers(0, 400), min_size=1, max_size=6))
def test_every_cursor_sees_exactly_what_follows_it(sizes: list[int], cursors: list[int]) -> None:
    total = sum(sizes) + 1

    async def main() -> None:
        journal = MemoryJournal()
        journal.create("s")
        places = [cursor % (total + 1) for cursor in cursors]
        live = [asyncio.create_task(collect(journal, "s", place)) for place in places]
        await asyncio.sleep(0)
        await write(journal, "s", sizes)
        whole = await collect(journal, "s")
        assert [number for number, _ in whole] == list(range(1, total + 1))
        assert [entry.text for _, entry in whole[:-1]] == [str(n) for n in range(1, total)]
        for place, task in zip(places, live, strict=True):
            history = [] if place == total else await collect(journal, "s", place)
            if place == total:
                task.cancel()
                await asyncio.wait([task])
            else:
                assert await task == whole[place:] == history

    asyncio.run(main())


def test_at_the_exact_end_of_a_finished_stream_there_is_nothing_more() -> None:
    log = Log()
    log.append([TextDelta("a"), Finish()])
    assert log.after(log.check(2)) is None
    with pytest.raises(CursorError) as caught:
        log.check(3)
    assert caught.value.code == "cursor_beyond_end"


async def test_a_cursor_beyond_an_unfinished_log_waits_and_gets_only_what_is_beyond() -> None:
    journal = MemoryJournal()
    async with journal.writer("s", on_cancel=nothing) as writer:
        writer.append(numbered(1, 1))
        reader = asyncio.create_task(collect(journal, "s", 3))
        await asyncio.sleep(0)
        writer.append(numbered(2, 3))
        writer.append([Finish()])
    assert [number for number, _ in await reader] == [4, 5]


async def test_silence_is_an_empty_batch_and_loses_nothing() -> None:
    journal = MemoryJournal()
    async with journal.writer("s", on_cancel=nothing) as writer:
        batches = journal.read("s", idle=0.01)
        async with asyncio.timeout(DEADLINE):
            assert (await anext(batches)).entries == ()
            assert (await anext(batches)).entries == ()
            writer.append(numbered(1, 2))
            assert [entry.text for entry in (await anext(batches)).entries] == ["1", "2"]
        await batches.aclose()
        writer.append([Finish()])


async def test_a_producer_that_vanishes_leaves_an_ending() -> None:
    journal = MemoryJournal()
    with contextlib.suppress(ZeroDivisionError):
        async with journal.writer("s", on_cancel=nothing) as writer:
            writer.append(numbered(1, 1))
            raise ZeroDivisionError
    entries = [entry for _, entry in await collect(journal, "s")]
    assert isinstance(entries[1], Failure)
    assert entries[1].code == "producer_lost"
    assert entries[2] == Finish("error")


async def test_nothing_follows_the_finish() -> None:
    log = Log()
    log.append([Finish()])
    with pytest.raises(ValueError, match="ended"):
        log.append([TextDelta("late")])


async def test_a_stream_has_one_producer() -> None:
    journal = MemoryJournal()
    async with journal.writer("s", on_cancel=nothing) as writer:
        with pytest.raises(KeyError):
            async with journal.writer("s", on_cancel=nothing):
                pass
        writer.append([Finish()])


async def test_finished_streams_expire_and_leave_nothing() -> None:
    now = [0.0]
    journal = MemoryJournal(replay_seconds=60, clock=lambda: now[0])
    await write(journal, "s", [3])
    assert len(await collect(journal, "s")) == 4
    now[0] = 60.0
    with pytest.raises(UnknownStreamError):
        journal.log("s")
    journal.sweep()
    assert len(journal) == 0
    assert journal.size == 0


async def test_an_expired_log_goes_by_itself() -> None:
    journal = MemoryJournal(replay_seconds=0.01)
    await write(journal, "s", [3])
    await until(lambda: not len(journal))


async def test_over_its_bound_the_oldest_finished_logs_go_first_and_running_ones_stay() -> None:
    journal = MemoryJournal(max_bytes=1500)
    async with journal.writer("running", on_cancel=nothing) as writer:
        for name in "abcd":
            await write(journal, name, [100])
            journal.log(name).pack()
        journal.sweep()
        assert journal.size <= 1500
        with pytest.raises(UnknownStreamError):
            journal.log("a")
        assert len(await collect(journal, "d")) == 101
        assert journal.log("running") is not None
        writer.append([Finish()])


async def test_a_log_over_its_bound_tells_an_old_cursor_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "LOG_BYTES", 2000)
    log = Log()
    follower = log.after
    for n in range(40):
        log.append(numbered(n * 20 + 1, 20))
    assert log.packed_bytes <= 2000
    with pytest.raises(CursorError) as caught:
        log.check(0)
    assert caught.value.code == "cursor_expired"
    late = follower(0)
    assert late is not None
    assert late.ended
    assert isinstance(late.entries[0], Failure)


def test_threads_read_while_a_loop_writes() -> None:
    journal = MemoryJournal()
    journal.create("s")
    found: list[list[int]] = [[] for _ in range(4)]

    def read(into: list[int]) -> None:
        for batch in journal.read_blocking("s"):
            into += range(batch.first, batch.last + 1)

    readers = [threading.Thread(target=read, args=(into,)) for into in found]
    for reader in readers:
        reader.start()
    asyncio.run(write(journal, "s", [7] * 300))
    for reader in readers:
        reader.join(DEADLINE)
        assert not reader.is_alive()
    assert found == [list(range(1, 2102))] * 4


def test_readers_on_other_loops_are_woken() -> None:
    journal = MemoryJournal()
    journal.create("s")
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.append(len(asyncio.run(collect(journal, "s")))))
    reader.start()
    asyncio.run(write(journal, "s", [1] * 50))
    reader.join(DEADLINE)
    assert found == [51]


async def test_many_readers_share_one_encoding() -> None:
    log = Log()
    log.append(numbered(1, 3))
    first, second = log.after(0), log.after(0)
    assert first is not None
    assert second is not None
    assert first.encoded(SSEFace()) is second.encoded(SSEFace(ids=False))
    assert first.encoded(SSEFace(ids=True)) != first.encoded(SSEFace())


async def test_cancel_reaches_the_producer_and_is_harmless_after_the_end() -> None:
    journal = MemoryJournal()
    asked: list[bool] = []
    async with journal.writer("s", on_cancel=lambda: asked.append(True)) as writer:
        await journal.cancel("s")
        writer.append([Finish("cancelled")])
    await journal.cancel("s")
    assert asked == [True]
    with pytest.raises(UnknownStreamError):
        await journal.cancel("other")


async def test_a_log_is_retired_under_the_journals_lock() -> None:
    """Producers on several event loops end at the same time, and whoever sweeps walks over what has ended."""

    class Guarded(dict[str, float]):
        def __setitem__(self, stream_id: str, expiry: float) -> None:
            assert journal._lock.locked()
            super().__setitem__(stream_id, expiry)

    journal = MemoryJournal()
    journal._finished = Guarded()
    await write(journal, "s", [1])
    assert list(journal._finished) == ["s"]
