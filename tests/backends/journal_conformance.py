"""What every journal must do, whatever it is made of: one suite, run over each by `test_redis_journal_conformance`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.backends.journal import MemoryJournal, UnknownStreamError
from headrace.backends.log import CursorError
from headrace.stream.events import (
    Citation,
    Entry,
    Failure,
    Finish,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
)

DEADLINE = 15.0
Numbered = list[tuple[int, Entry]]


@dataclass
class Pair:
    """The journal of the worker that produces, and that of the worker that reads: they may be the same."""

    producer: MemoryJournal
    reader: MemoryJournal

    @property
    def apart(self) -> bool:
        return self.producer is not self.reader


Opening = Callable[..., AbstractAsyncContextManager[Pair]]


def numbered(first: int, count: int) -> list[Entry]:
    return [TextDelta(str(n)) for n in range(first, first + count)]


def nothing() -> None:
    """A producer that cannot be asked to stop."""


async def collect(journal: MemoryJournal, stream_id: str, after: int = 0, *, found: Numbered | None = None) -> Numbered:
    """All to the end; `found` can be looked at meanwhile."""
    found = [] if found is None else found
    async with asyncio.timeout(DEADLINE), aclosing(_batches(journal, stream_id, after)) as batches:
        async for entries in batches:
            found += entries
    return found


async def _batches(journal: MemoryJournal, stream_id: str, after: int) -> AsyncIterator[Numbered]:
    async for batch in journal.read(stream_id, after):
        yield list(enumerate(batch.entries, batch.first))


async def write(journal: MemoryJournal, stream_id: str, sizes: Sequence[int], pause: float = 0) -> None:
    async with journal.writer(stream_id, on_cancel=nothing) as writer:
        first = 1
        for size in sizes:
            writer.append(numbered(first, size))
            first += size
            await asyncio.sleep(pause)
        writer.append([Finish()])


async def there(journal: MemoryJournal, stream_id: str) -> None:
    """Returns when this journal knows the stream."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await anext(journal.read(stream_id, 0, idle=0.001))
            except UnknownStreamError:
                await asyncio.sleep(0.005)
            else:
                return


class JournalConformance:
    @pytest.fixture
    async def pair(self, opening: Opening) -> AsyncIterator[Pair]:
        async with opening() as pair:
            yield pair

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.lists(st.integers(0, 400), min_size=1, max_size=6))
    def test_every_cursor_sees_exactly_what_follows_it(
        self, opening: Opening, sizes: list[int], cursors: list[int]
    ) -> None:
        total = sum(sizes) + 1
        places = [cursor % (total + 1) for cursor in cursors]

        async def main() -> None:
            async with opening() as pair:
                pair.producer.create("s")
                writing = asyncio.create_task(write(pair.producer, "s", sizes, pause=0.001))
                await there(pair.reader, "s")
                live = [asyncio.create_task(collect(pair.reader, "s", place)) for place in places if place < total]
                await writing
                whole = await collect(pair.reader, "s")
                assert [number for number, _ in whole] == list(range(1, total + 1))
                assert [entry.text for _, entry in whole[:-1]] == [str(n) for n in range(1, total)]
                assert await asyncio.gather(*live) == [whole[place:] for place in places if place < total]
                for place in places:
                    assert await collect(pair.reader, "s", place) == whole[place:]

        asyncio.run(main())

    async def test_every_kind_of_entry_arrives_as_it_was_written(self, pair: Pair) -> None:
        entries: list[Entry] = [
            ReasoningStart(),
            ReasoningDelta("\u2028 \0 \U0001f600"),
            ReasoningEnd(),
            TextDelta(" 你好\n"),
            ToolCallDelta(1, "id", "name", '{"a":'),
            Citation("https://book.example", "Book", "text", "quote", 0, None),
            Failure("upstream_reset", "broke", 502, True, 1.5),
            Finish("error", "word", Usage(1, 2, 3, 4, "estimated"), Timing(1.5, None, 2.0), 0.25, 3),
        ]
        async with pair.producer.writer("s", on_cancel=nothing) as writer:
            writer.append(entries[:3])
            writer.append(entries[3:])
        await there(pair.reader, "s")
        assert [entry for _, entry in await collect(pair.reader, "s")] == entries

    async def test_a_cursor_inside_a_batch_slices_it(self, pair: Pair) -> None:
        async with pair.producer.writer("s", on_cancel=nothing) as writer:
            writer.append(numbered(1, 10))
            await there(pair.reader, "s")
            batch = await anext(pair.reader.read("s", 4))
            assert batch.first == 5
            assert list(batch.entries) == numbered(5, 6)
            writer.append([Finish()])

    async def test_a_cursor_beyond_an_unfinished_log_waits_and_gets_only_what_is_beyond(self, pair: Pair) -> None:
        async with pair.producer.writer("s", on_cancel=nothing) as writer:
            writer.append(numbered(1, 1))
            await there(pair.reader, "s")
            reader = asyncio.create_task(collect(pair.reader, "s", 3))
            await asyncio.sleep(0)
            writer.append(numbered(2, 3))
            writer.append([Finish()])
        assert [number for number, _ in await reader] == [4, 5]

    @pytest.mark.parametrize("after", [3, 4, 50])
    async def test_a_cursor_that_an_unfinished_log_never_reaches_gets_the_ending(self, pair: Pair, after: int) -> None:
        ending = [Failure("upstream_reset", "gone"), Finish("error")]
        async with pair.producer.writer("s", on_cancel=nothing) as writer:
            writer.append(numbered(1, 1))
            await there(pair.reader, "s")
            reading = pair.reader.read("s", after, idle=0.02)
            assert (await anext(reading)).entries == ()
            writer.append(ending)
        async with asyncio.timeout(DEADLINE):
            batches = [batch async for batch in reading if batch.entries]
        assert [(batch.first, list(batch.entries)) for batch in batches] == [(after + 1, ending)]

    async def test_at_the_exact_end_there_is_nothing_more_and_beyond_it_an_error(self, pair: Pair) -> None:
        await write(pair.producer, "s", [2])
        await there(pair.reader, "s")
        assert len(await collect(pair.reader, "s")) == 3
        assert await collect(pair.reader, "s", 3) == []
        with pytest.raises(CursorError) as caught:
            await collect(pair.reader, "s", 4)
        assert caught.value.code == "cursor_beyond_end"

    async def test_silence_is_an_empty_batch_and_loses_nothing(self, pair: Pair) -> None:
        async with pair.producer.writer("s", on_cancel=nothing) as writer:
            await there(pair.reader, "s")
            batches = pair.reader.read("s", idle=0.02)
            async with asyncio.timeout(DEADLINE):
                assert (await anext(batches)).entries == ()
                assert (await anext(batches)).entries == ()
                writer.append(numbered(1, 2))
                while not (batch := await anext(batches)).entries:
                    pass
                assert list(batch.entries) == numbered(1, 2)
            await batches.aclose()
            writer.append([Finish()])

    async def test_a_producer_that_vanishes_leaves_an_ending(self, pair: Pair) -> None:
        with contextlib.suppress(ZeroDivisionError):
            async with pair.producer.writer("s", on_cancel=nothing) as writer:
                writer.append(numbered(1, 1))
                await there(pair.reader, "s")
                raise ZeroDivisionError
        entries = [entry for _, entry in await collect(pair.reader, "s")]
        assert isinstance(entries[1], Failure)
        assert entries[1].code == "producer_lost"
        assert entries[2] == Finish("error")

    async def test_nothing_follows_the_finish(self, pair: Pair) -> None:
        async with pair.producer.writer("s", on_cancel=nothing) as writer:
            writer.append([Finish()])
            with pytest.raises(ValueError, match="ended"):
                writer.append([TextDelta("late")])

    async def test_a_stream_has_one_producer(self, pair: Pair) -> None:
        async with pair.producer.writer("s", on_cancel=nothing) as writer:
            with pytest.raises(KeyError):
                async with pair.producer.writer("s", on_cancel=nothing):
                    pass
            writer.append([Finish()])

    async def test_what_was_never_there_is_unknown(self, pair: Pair) -> None:
        with pytest.raises(UnknownStreamError):
            await collect(pair.reader, "s")
        with pytest.raises(UnknownStreamError):
            await pair.reader.cancel("s")

    async def test_streams_do_not_mix(self, pair: Pair) -> None:
        await asyncio.gather(*(write(pair.producer, name, [size] * 9, 0.001) for size, name in enumerate("abc", 1)))
        for size, name in enumerate("abc", 1):
            await there(pair.reader, name)
            assert [entry for _, entry in await collect(pair.reader, name)] == [*numbered(1, 9 * size), Finish()]

    async def test_many_readers_come_and_go(self, pair: Pair) -> None:
        pair.producer.create("s")
        writing = asyncio.create_task(write(pair.producer, "s", [3] * 100, pause=0.001))
        await there(pair.reader, "s")
        readers = [asyncio.create_task(collect(pair.reader, "s", place)) for place in range(0, 300, 6)]
        for reader in readers[1::2]:
            await asyncio.sleep(0)
            reader.cancel()
        await writing
        for place, reader in zip(range(0, 300, 6)[::2], readers[::2], strict=True):
            assert [number for number, _ in await reader] == list(range(place + 1, 302))

    async def test_cancel_reaches_the_producer_and_is_harmless_after_the_end(self, pair: Pair) -> None:
        asked = asyncio.Event()
        async with pair.producer.writer("s", on_cancel=asked.set) as writer:
            await there(pair.reader, "s")
            await pair.reader.cancel("s")
            async with asyncio.timeout(1.0):
                await asked.wait()
            writer.append([Finish("cancelled")])
        assert [entry for _, entry in await collect(pair.reader, "s")] == [Finish("cancelled")]
        asked.clear()
        await pair.reader.cancel("s")
        assert not asked.is_set()

    async def test_a_thread_reads_and_cancels(self, pair: Pair) -> None:
        pair.producer.create("s")
        asked, found = asyncio.Event(), list[int]()
        loop = asyncio.get_running_loop()

        def work() -> None:
            for batch in pair.reader.read_blocking("s"):
                found.extend(range(batch.first, batch.last + 1))
                if found[-1] == 5:
                    pair.reader.cancel_now("s")

        async with pair.producer.writer("s", on_cancel=lambda: loop.call_soon_threadsafe(asked.set)) as writer:
            await there(pair.reader, "s")
            thread = threading.Thread(target=work)
            thread.start()
            writer.append(numbered(1, 5))
            async with asyncio.timeout(DEADLINE):
                await asked.wait()
            writer.append([Finish("cancelled")])
        await asyncio.to_thread(thread.join, DEADLINE)
        assert found == list(range(1, 7))

    async def test_readers_on_other_loops_are_served(self, pair: Pair) -> None:
        pair.producer.create("s")
        writing = asyncio.create_task(write(pair.producer, "s", [1] * 50, pause=0.001))
        await there(pair.reader, "s")
        found = await asyncio.to_thread(lambda: asyncio.run(collect(pair.reader, "s")))
        await writing
        assert [number for number, _ in found] == list(range(1, 52))

    async def test_finished_streams_expire(self, opening: Opening) -> None:
        async with opening(replay_seconds=0.3) as pair:
            pair.producer.create("s")
            writing = asyncio.create_task(write(pair.producer, "s", [3]))
            await there(pair.reader, "s")
            await writing
            async with asyncio.timeout(DEADLINE):
                with pytest.raises(UnknownStreamError):  # noqa: PT012 - it is asked until it is gone
                    while True:
                        await asyncio.sleep(0.02)
                        await collect(pair.reader, "s")
