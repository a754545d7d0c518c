"""What stays behind: whatever became of many streams, workers and journal hold as much after them as before."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from headrace.testing.history import History
from soak.client import Client, at_random
from soak.cluster import Cluster
from soak.scenarios import AT_ONCE, Figures
from soak.upstream import texts

Held = dict[str, int]

EVENTS = 20
PAUSE = 0.002
LONG_PAUSE = 0.2  # of an answer that nobody waits for
WARM = 3 * AT_ONCE  # until pools are full: what these leave is where the count begins
SETTLE_SECONDS = 90.0  # replays expire, and idle connections to the provider are closed
LOOK_SECONDS = 0.25
MEMORY = "megabytes"


async def nothing_stays(cluster: Cluster, streams: int) -> Figures:
    """Streams that end, break off and are resumed, are stopped, or deserted: in the end nothing of them is left."""
    history, outcomes = History(), Counter[str]()
    await _many(cluster, history, WARM, "warm", outcomes)
    before = await _held_when(cluster, _is_quiet)
    await _many(cluster, history, streams, "stay", outcomes)
    after = await _held_when(cluster, lambda held: all(held[name] <= before[name] for name in held if name != MEMORY))
    verdict = history.check()
    return {
        **outcomes,
        "events": verdict.events,
        **{f"{name} held": f"{before[name]} → {after[name]}" for name in after},
    }


async def _many(cluster: Cluster, history: History, number: int, name: str, outcomes: Counter[str]) -> None:
    client = cluster.client()
    for at in range(0, number, AT_ONCE):
        each = [_one(client, history, n, f"{name}{n}", outcomes) for n in range(at, min(at + AT_ONCE, number))]
        await asyncio.gather(*each)


async def _one(client: Client, history: History, number: int, name: str, outcomes: Counter[str]) -> None:
    match number % 4:
        case 0:
            outcome = "stopped"
            await client.stop(await client.start(name, EVENTS, LONG_PAUSE))
        case 1:
            outcome = "deserted"
            await client.start(name, EVENTS, LONG_PAUSE, streamOptions={"onDisconnect": "cancel"})
        case _:
            outcome = "read"
            history.wrote(name, texts(name, EVENTS))
            stream_id = await client.start(name, EVENTS, PAUSE)
            await client.read(history.reading(name), stream_id, at_random(0.1))
    outcomes[outcome] += not name.startswith("warm")


def _is_quiet(held: Held) -> bool:
    return not any(held.get(name) for name in ("streams", "readers", "logs", "logs_shared", "running_shared"))


async def _held_when(cluster: Cluster, true: Callable[[Held], bool]) -> Held:
    """What all hold together once this is true of it. AssertionError, with what they hold, where it never is."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        held = await _held(cluster)
        if true(held):
            return held
        assert time.monotonic() < deadline, f"this stays: {held}"
        await asyncio.sleep(LOOK_SECONDS)


async def _held(cluster: Cluster) -> Held:
    held = Counter[str]()
    for member in range(len(cluster.members)):
        held.update(await cluster.client(member).gauges())
    if cluster.journal is not None:
        held.update(await _shared(cluster.journal.url.removeprefix("unix://")))
    return dict(held)


async def _shared(path: str) -> Held:
    """What the journal's server keeps, by its own protocol: each answer begins with the number that we want."""
    asked = {
        "logs_shared": "KEYS headrace:log:*",
        "running_shared": "KEYS headrace:running:*",
        "leases": "ZCARD headrace:leases",
    }
    found: Held = {}
    for name, command in asked.items():
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(f"{command}\r\n".encode())
        found[name] = int((await reader.readline())[1:])
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return found
