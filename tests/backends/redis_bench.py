"""What the mirror costs and how far it is behind, on this machine. Prints figures, asserts nothing.

    python -m tests.backends.redis_bench [STREAMS] [TOKENS_A_SECOND] [SECONDS]

CPU is that of the whole process and, apart from it, of the server. Each stream has one local reader that encodes.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path
from statistics import mean, quantiles

from headrace.backends.journal import MemoryJournal
from headrace.backends.redis_journal import RedisJournal
from headrace.backends.valkey import EmbeddedValkey
from headrace.stream.events import Finish, TextDelta
from headrace.stream.wire import SSEFace
from tests.backends.journal_conformance import nothing


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def spent_by(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def produce(journal: MemoryJournal, name: str, gap: float, delay: float, until: float) -> int:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(delay)
    count, due = 0, loop.time()
    async with journal.writer(name, on_cancel=nothing) as writer:
        while loop.time() < until:
            writer.append([TextDelta(" token")])
            count += 1
            due += gap
            await asyncio.sleep(due - loop.time())
        writer.append([Finish()])
    return count


async def consume(journal: MemoryJournal, name: str) -> None:
    async for batch in journal.read(name):
        batch.encoded(SSEFace())


async def load(journal: MemoryJournal, streams: int, rate: float, seconds: float) -> tuple[int, float]:
    """Events, and seconds of CPU for them."""
    until = asyncio.get_running_loop().time() + seconds
    names = [f"{id(journal)}-{n}" for n in range(streams)]
    for name in names:
        journal.create(name, {"project": "p"})
    before = spent()
    readers = [asyncio.create_task(consume(journal, name)) for name in names]
    counts = await asyncio.gather(
        *(produce(journal, name, 1 / rate, n / streams / rate, until) for n, name in enumerate(names))
    )
    await asyncio.gather(*readers)
    return sum(counts), spent() - before


async def lag(own: RedisJournal, other: RedisJournal) -> list[float]:
    """Milliseconds from an append here to the event there, at 20 a second."""
    name = f"lag-{id(own)}"
    own.create(name)
    shown: list[float] = []
    async with own.writer(name, on_cancel=nothing) as writer:
        await asyncio.sleep(0.2)
        batches = other.read(name)
        for _ in range(60):
            begun = time.perf_counter()
            writer.append([TextDelta("x")])
            await anext(batches)
            shown.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(0.05)
        await batches.aclose()
        writer.append([Finish()])
    return shown


async def main(streams: int, rate: float, seconds: float) -> None:
    with EmbeddedValkey() as valkey:
        for turn in range(2):
            events, alone = await load(MemoryJournal(), streams, rate, seconds)
            journal, other = RedisJournal(valkey.url), RedisJournal(valkey.url)
            await journal.start()
            assert valkey.pid is not None
            served = spent_by(valkey.pid)
            mirrored_events, mirrored = await load(journal, streams, rate, seconds)
            served = spent_by(valkey.pid) - served
            print(
                f"run {turn}: {events} events in memory {alone / events * 1e6:.1f} us of CPU each; "
                f"{mirrored_events} mirrored {mirrored / mirrored_events * 1e6:.1f} us, "
                f"the server {served / mirrored_events * 1e6:.1f} us"
            )
            await other.start()
            late = await lag(journal, other)
            most = quantiles(late, n=20)[18]
            print(f"an event is on another worker after {mean(late):.2f} ms, 95 % within {most:.2f} ms")
            await journal.close()
            await other.close()


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    asyncio.run(main(int(given[0]) if given else 500, *(given[1:2] or [20]), *(given[2:3] or [8])))
