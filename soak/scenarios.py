"""What streams have to survive. Each scenario breaks something, checks the whole history, and says what it counted."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from headrace.testing.history import History, Reading, Verdict
from soak.client import ENCODINGS, PATIENCE, Client, Cut, RefusedError, at_random, decoded, never
from soak.cluster import Cluster
from soak.upstream import texts

Figures = dict[str, Any]
Scenario = Callable[[Cluster, int], Awaitable[Figures]]

LOST = frozenset({"producer_lost"})
LOST_SECONDS = 10.0  # the promise
TAIL_EVENTS = 50  # half a second of a paused answer: what was shown and not yet shared, on a busy machine
PAUSE_SECONDS = 7.0  # longer than a lease and the second look at it
AT_ONCE = 100  # streams that run at a time
LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Answer:
    """So many events, `pause` seconds between two."""

    events: int
    pause: float = 0.0


async def random_disconnects(cluster: Cluster, breaks: int) -> Figures:
    """About so many, ten a stream, at any event, resumed on any worker."""
    history, client = History(), cluster.client()
    names = [f"cut{n}" for n in range(max(1, breaks // 10))]
    for at in range(0, len(names), AT_ONCE):
        few = names[at : at + AT_ONCE]
        await asyncio.gather(*(_whole(history, client, name, Answer(100, 0.01), at_random(0.1)) for name in few))
    return _figures(history.check(), breaks=client.breaks, asked=_asked_once(cluster, names))


async def every_event(cluster: Cluster, events: int) -> Figures:
    """A cut after each event of a stream: while it runs, and when it has ended."""
    history, client, name = History(), cluster.client(), "each"
    history.wrote(name, texts(name, events))
    stream_id = await client.start(name, events, 0.01)
    await asyncio.gather(*(client.read(history.reading(name), stream_id, _once_at(n)) for n in range(1, events + 1)))
    await asyncio.gather(*(client.read(history.reading(name), stream_id, _once_at(n)) for n in range(1, events + 1)))
    await asyncio.gather(*(client.read(history.reading(name, n), stream_id) for n in range(events + 1)))
    return _figures(history.check(), breaks=client.breaks, asked=_asked_once(cluster, [name]))


async def every_byte(cluster: Cluster, events: int) -> Figures:
    """A cut after every byte, in each encoding: what has come decodes, and the rest follows from there."""
    client, name = cluster.client(), "bytes"
    stream_id = await client.start(name, events, 0)
    whole = await client.body(stream_id, "identity")
    resumed = {n: await client.body(stream_id, "identity", n) for n in range(events + 1)}
    cuts = 0
    for encoding in ENCODINGS:
        data = await client.body(stream_id, encoding)
        for at in range(len(data) + 1):
            seen = decoded(data[:at], encoding)
            read = seen.count(b"\n\n")
            kept = seen[: seen.rfind(b"\n\n") + 2] if read else b""
            assert kept + (resumed[read] if read <= events else b"") == whole, (encoding, at)
            cuts += 1
    return {"streams": 1, "cuts": cuts, "encodings": len(ENCODINGS)}


async def storm(cluster: Cluster, readers: int) -> Figures:
    """All at once on one stream, while it runs."""
    history, client, name = History(), cluster.client(), "storm"
    history.wrote(name, texts(name, 100))
    stream_id = await client.start(name, 100, 0.02)
    began = time.monotonic()
    await asyncio.gather(*(client.read(history.reading(name), stream_id) for _ in range(readers)))
    return _figures(history.check(), breaks=client.breaks, seconds=round(time.monotonic() - began, 1))


async def killed(cluster: Cluster, kills: int) -> Figures:
    """SIGKILL of the producing worker. Readers elsewhere are told in time; what they had is what later ones get."""
    slowest, tail = 0.0, 0
    verdicts: list[Verdict] = []
    for kill in range(kills):
        history, name = History(), f"kill{kill}"
        history.wrote(name, texts(name, 2000))
        stream_id = await cluster.client(0).start(name, 2000, 0.005)
        here, there = history.reading(name), history.reading(name)
        reading = [
            asyncio.create_task(cluster.client(0).read(here, stream_id)),
            asyncio.create_task(cluster.client(1).read(there, stream_id)),
        ]
        await _reached(1 + random.randrange(50), here, there)
        cluster.signal(0, signal.SIGKILL)
        began = time.monotonic()
        await reading[1]
        slowest = max(slowest, time.monotonic() - began)
        await cluster.again(0)
        await reading[0]
        later = history.reading(name)
        await cluster.client(1).read(later, stream_id)
        assert later.events == there.events
        tail = max(tail, here.cursor - later.cursor)
        verdicts.append(history.check(endings=LOST))
    assert slowest < LOST_SECONDS, slowest
    return _figures(*verdicts, kills=kills, slowest_ending_seconds=round(slowest, 1), longest_tail_events=tail)


async def paused(cluster: Cluster, pauses: int) -> Figures:
    """SIGSTOP of the producing worker, longer than its lease. It counts as lost, and appends nothing when it wakes."""
    tail, last = 0, 0 if len(cluster.members) == 2 else 2
    verdicts: list[Verdict] = []
    for pause in range(pauses):
        history, name, client = History(), f"pause{pause}", cluster.client(1)
        history.wrote(name, texts(name, 2000))
        stream_id = await cluster.client(last).start(name, 2000, 0.01)
        there = history.reading(name)
        reading = asyncio.create_task(client.read(there, stream_id))
        await _reached(5, there)
        cluster.signal(last, signal.SIGSTOP)
        try:
            await reading
            await asyncio.sleep(max(0.0, PAUSE_SECONDS - LOST_SECONDS))
        finally:
            cluster.signal(last, signal.SIGCONT)
        at_once, later = history.reading(name), history.reading(name)
        await cluster.client(last).read(at_once, stream_id)  # before it knows: what it had read meanwhile is its own
        tail = max(tail, at_once.cursor - there.cursor)
        await client.read(later, stream_id)
        assert later.events == there.events, "something was appended after the end"
        await _same_everywhere(cluster.client(last), history, there, stream_id)
        verdicts.append(history.check(endings=LOST))
    assert tail < TAIL_EVENTS, tail
    return _figures(*verdicts, pauses=pauses, longest_tail_events=tail)


async def journal_restarted(cluster: Cluster, restarts: int) -> Figures:
    """The shared server dies in mid-stream and comes back empty: no reader gets a gap, and the mirror catches up."""
    verdicts: list[Verdict] = []
    for restart in range(restarts):
        history, name = History(), f"journal{restart}"
        history.wrote(name, texts(name, 300))
        stream_id = await cluster.client(0).start(name, 300, 0.01)
        here, there = history.reading(name), history.reading(name)
        reading = [
            asyncio.create_task(cluster.client(0).read(here, stream_id)),
            asyncio.create_task(cluster.client(1).read(there, stream_id)),
        ]
        await _reached(20, here, there)
        cluster.restart_journal()
        await asyncio.gather(*reading)
        assert here.ending == "stop"
        later = history.reading(name)
        await _settled(cluster.client(1), later, stream_id)
        assert len(later.events) == 300
        verdicts.append(history.check(endings=LOST | {"stop"}))
    return _figures(*verdicts, restarts=restarts)


async def rolling_restart(cluster: Cluster, streams: int) -> Figures:
    """SIGTERM to one worker after the other, with a drain that is longer than the answers: no byte is lost."""
    history, client = History(), cluster.client()
    names = [f"roll{n}" for n in range(streams)]
    reading = [asyncio.create_task(_whole(history, client, name, Answer(100, 0.02), at_random(0.04))) for name in names]
    while len(cluster.upstream.asked) < streams:
        await asyncio.sleep(LOOK_SECONDS)
    for member in range(len(cluster.members)):
        cluster.signal(member, signal.SIGTERM)
        await cluster.again(member)
        name = f"after{member}"
        await _whole(history, cluster.client(member), name, Answer(5), never)
    await asyncio.gather(*reading)
    return _figures(history.check(), breaks=client.breaks, asked=_asked_once(cluster, names))


async def _whole(history: History, client: Client, name: str, answer: Answer, cut: Cut) -> None:
    """Start a stream and read it to its end."""
    history.wrote(name, texts(name, answer.events))
    stream_id = await client.start(name, answer.events, answer.pause)
    await client.read(history.reading(name), stream_id, cut)


async def _same_everywhere(client: Client, history: History, known: Reading, stream_id: str) -> None:
    """Returns when this worker has given up its own copy."""
    async with asyncio.timeout(PATIENCE):
        while True:
            reading = history.reading(known.stream)
            await client.read(reading, stream_id)
            if reading.events == known.events:
                return
            await asyncio.sleep(LOOK_SECONDS)


async def _settled(client: Client, reading: Reading, stream_id: str) -> None:
    """Read when the server has it again: until then it does not know the stream."""
    deadline = time.monotonic() + LOST_SECONDS
    while True:
        try:
            await client.read(reading, stream_id)
            return
        except RefusedError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


def _once_at(number: int) -> Cut:
    waiting = {number}

    def cut(reading: Reading) -> bool:
        if reading.cursor in waiting:
            waiting.clear()
            return True
        return False

    return cut


async def _reached(number: int, *readings: Reading) -> None:
    """Returns when all of them have come so far."""
    async with asyncio.timeout(PATIENCE):
        while any(reading.cursor < number for reading in readings):
            await asyncio.sleep(LOOK_SECONDS)


def _asked_once(cluster: Cluster, names: Iterable[str]) -> int:
    """The questions that went upstream; more than one for a stream would be paid twice."""
    counts = [cluster.upstream.asked[name] for name in names]
    assert set(counts) == {1}
    return len(counts)


def _figures(*verdicts: Verdict, **more: Any) -> Figures:
    endings: dict[str, int] = {}
    for verdict in verdicts:
        for ending, count in verdict.endings.items():
            endings[ending] = endings.get(ending, 0) + count
    return {
        "streams": sum(verdict.streams for verdict in verdicts),
        "readings": sum(verdict.readings for verdict in verdicts),
        "events": sum(verdict.events for verdict in verdicts),
        "endings": endings,
    } | more
