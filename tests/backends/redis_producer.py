"""A worker of its own for the shared journal's tests: produces one stream, and says on standard output what happens.

python -m tests.backends.redis_producer URL STREAM COUNT PAUSE [reasoning]
"""

from __future__ import annotations

import asyncio
import sys

from headrace.backends.redis_journal import RedisJournal
from headrace.stream.events import Entry, Finish, ReasoningDelta, ReasoningStart, TextDelta


def say(*words: object) -> None:
    print(*words, flush=True)


async def main(url: str, stream_id: str, count: int, pause: float, thinking: bool) -> None:
    journal = RedisJournal(url)
    await journal.start()
    log = journal.create(stream_id, {"project": "p"})
    task = asyncio.current_task()
    assert task is not None
    try:
        async with journal.writer(stream_id, on_cancel=task.cancel) as writer:
            say("started")
            try:
                if thinking:
                    writer.append([ReasoningStart()])
                kind = ReasoningDelta if thinking else TextDelta
                for number in range(log.total + 1, count + 1):
                    entry: Entry = kind(str(number))
                    writer.append([entry])
                    await asyncio.sleep(pause)
                writer.append([Finish()])
            except asyncio.CancelledError:
                task.uncancel()
                say("cancelled", log.total)
                writer.append([Finish("cancelled")])
    finally:
        say("over", log.total)
        await journal.close()


if __name__ == "__main__":
    url, stream_id, count, pause, *rest = sys.argv[1:]
    asyncio.run(main(url, stream_id, int(count), float(pause), bool(rest)))
