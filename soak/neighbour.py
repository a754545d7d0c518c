"""One project that asks for more than its share, beside one that stays within it: what the other notices of it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from soak.client import KEY, Client, RefusedError, blocks
from soak.cluster import Cluster
from soak.scenarios import Figures
from soak.upstream import question

LIMIT = 8
"""Streams that a project may have at once: `SETTINGS`."""
SETTINGS = {"HEADRACE_PROJECT_STREAMS": str(LIMIT)}
QUIET = 8  # streams of the quiet project at a time: its full share
EVENTS, PAUSE = 40, 0.02
NOISE = 4 * LIMIT  # what the noisy one tries at once
AGAIN_SECONDS = 0.2  # about: far less than the Retry-After that it is told
APART = 0.05  # seconds between two starts of the quiet one
NOISY = "noisy"


@dataclass(slots=True)
class Timed:
    """Seconds from one event to the next; the first from the question."""

    firsts: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Noise:
    streams: int = 0
    refused: int = 0


async def noisy_neighbour(cluster: Cluster, rounds: int) -> Figures:
    """The quiet project's p99 alone, and beside the noisy one: the median of so many rounds of each, by turns."""
    client, noise = cluster.client(), Noise()
    await _make_project(client)
    await _quiet(client)  # warms up
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(await _quiet(client))
        beside.append(await _beside(client, noise))
    assert noise.refused, "the noisy project was within its limits: nothing was tried"
    first, first_beside = (median(_p99(each.firsts) for each in some) for some in (alone, beside))
    gap, gap_beside = (median(_p99(each.gaps) for each in some) for some in (alone, beside))
    return {
        "streams": 2 * rounds * QUIET,
        "noisy_streams": noise.streams,
        "noisy_refused": noise.refused,
        "p99_first_event": f"{first * 1000:.1f} ms, beside it {first_beside * 1000:.1f} ms",
        "p99_gap": f"{gap * 1000:.1f} ms, beside it {gap_beside * 1000:.1f} ms",
        "times": f"{max(first_beside / first, gap_beside / gap):.2f}",
    }


async def _beside(client: Client, noise: Noise) -> Timed:
    over = asyncio.Event()
    noisy = [asyncio.create_task(_noisy(client, noise, over)) for _ in range(NOISE)]
    try:
        before = noise.refused
        while noise.refused < before + NOISE:  # it has come to its limit
            await asyncio.sleep(APART)
        return await _quiet(client)
    finally:
        over.set()
        await asyncio.gather(*noisy)


async def _make_project(client: Client) -> None:
    body = json.dumps({"id": NOISY, "name": "Noisy"}).encode()
    headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    _, writer, _ = await client.ask(None, "POST /api/projects/", headers, body)
    writer.transport.abort()


async def _quiet(client: Client) -> Timed:
    timed = Timed()

    async def one(place: int) -> None:
        await asyncio.sleep(place * APART)
        await _read(client, "default", EVENTS, PAUSE, timed)

    await asyncio.gather(*map(one, range(QUIET)))
    return timed


async def _noisy(client: Client, noise: Noise, over: asyncio.Event) -> None:
    while not over.is_set():
        try:
            await _read(client, NOISY, EVENTS, PAUSE, Timed())
            noise.streams += 1
        except RefusedError as error:
            if error.status != 429:
                raise
            noise.refused += 1
            await asyncio.sleep(AGAIN_SECONDS * (0.5 + random.random()))


async def _read(client: Client, project: str, events: int, pause: float, timed: Timed) -> None:
    """One stream to its end. Raises RefusedError."""
    body = json.dumps(
        {
            "messages": [{"role": "user", "content": question(project, events, pause)}],
            "model": {"providerId": "openai", "endpoint": client.upstream, "apiKey": KEY, "modelId": "m"},
        }
    ).encode()
    headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    before = time.perf_counter()
    path = f"POST /api/projects/{project}/playground/chat/stream/"
    reader, writer, _ = await client.ask(None, path, headers, body)
    count = 0
    try:
        async for block in blocks(reader):
            if block == "data: [DONE]":
                break
            now = time.perf_counter()
            (timed.gaps if count else timed.firsts).append(now - before)
            before, count = now, count + 1
    finally:
        writer.transport.abort()
    assert count == events, (project, count)


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]
