"""Counts that add up: whatever became of many streams, killed workers among it, each has one row, with its outcome."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter

from soak.client import KEY, PLAYGROUND, Client
from soak.cluster import Cluster
from soak.scenarios import AT_ONCE, Figures

TOTALS = "/api/projects/default/stats/totals/?by=outcome"
EVENTS = 20
LONG_PAUSE = 0.3  # of an answer that outlives its worker
KILL_EVERY = 10  # rounds of `AT_ONCE` streams
KILLED = 20  # streams that a worker takes along
WRITTEN_SECONDS = 2.0  # a kill loses at most the last second: what ended before it is written by then
PATIENCE = 60.0
CLOSED = {"providerId": "openai", "endpoint": "http://127.0.0.1:1/v1", "apiKey": KEY, "modelId": "m"}


async def counts_add_up(cluster: Cluster, streams: int) -> Figures:
    """As many rows as streams that were started: ended, stopped, deserted, refused by the provider, killed."""
    started = kills = 0
    for at in range(0, streams, AT_ONCE):
        few = range(at, min(at + AT_ONCE, streams))
        await asyncio.gather(*(_one(cluster.client(), number) for number in few))
        started += len(few)
        if len(cluster.members) > 1 and at // AT_ONCE % KILL_EVERY == 0:
            started, kills = started + await _killed(cluster, kills), kills + 1
    outcomes = await _all_counted(cluster, started)
    return {
        "streams": started,
        "kills": kills,
        **{f"counted {name}": count for name, count in sorted(outcomes.items())},
    }


async def _one(client: Client, number: int) -> None:
    name = f"count{number}"
    match number % 4:
        case 0:
            await client.stop(await client.start(name, EVENTS, LONG_PAUSE))
        case 1:
            await client.start(name, EVENTS, LONG_PAUSE, streamOptions={"onDisconnect": "cancel"})
        case 2:
            await client.start(name, EVENTS, 0, model=CLOSED)
        case _:
            await client.start(name, EVENTS, 0)


async def _killed(cluster: Cluster, kills: int) -> int:
    """Kill a worker that produces streams, when what ended before is written; how many it took along."""
    client = cluster.client(0)
    await asyncio.gather(*(client.start(f"killed{kills}-{n}", EVENTS, LONG_PAUSE) for n in range(KILLED)))
    await asyncio.sleep(WRITTEN_SECONDS)
    cluster.signal(0, signal.SIGKILL)
    await cluster.again(0)
    return KILLED


async def _all_counted(cluster: Cluster, started: int) -> Counter[str]:
    """AssertionError, with what was counted, where it is another number in the end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        outcomes = await _counted(cluster.client())
        if outcomes.total() == started and not await _running(cluster.client()):
            return outcomes
        assert time.monotonic() < deadline, f"{started:,} started, and counted are {dict(outcomes)}"
        await asyncio.sleep(0.5)


async def _counted(client: Client) -> Counter[str]:
    groups = (await _asked(client, TOTALS))["groups"]
    return Counter({group["outcome"]: group["streams"] for group in groups})


async def _running(client: Client) -> int:
    listed = (await _asked(client, f"{PLAYGROUND}/streams/"))["streams"]
    return sum(each["state"] == "running" for each in listed)


async def _asked(client: Client, path: str) -> dict[str, list[dict[str, object]]]:
    reader, writer, head = await client.ask(None, f"GET {path}", "", b"")
    found: dict[str, list[dict[str, object]]] = json.loads(await reader.readexactly(int(head["content-length"])))
    writer.transport.abort()
    return found
