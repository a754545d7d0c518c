"""One project that asks for more than its share, beside one that stays within it: what the other notices of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from soak import noise
from soak.client import Client
from soak.cluster import ROOT, Cluster
from soak.scenarios import Figures
from soak.upstream import question

LIMIT = 8
"""Streams that a project may have at once: `SETTINGS`."""
SETTINGS = {"HEADRACE_PROJECT_STREAMS": str(LIMIT)}
QUIET = 8  # streams of the quiet project at a time: its full share
EVENTS, PAUSE = 40, 0.02
FIRST = 0.15  # seconds until its provider says anything: as soon as a quick one does
APART = 0.05  # seconds between two starts of the quiet one
END_SECONDS = 10.0


@dataclass(slots=True)
class Timed:
    """Seconds from one event to the next; the first from the question."""

    firsts: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


async def noisy_neighbour(cluster: Cluster, rounds: int) -> Figures:
    """The quiet project's p99 alone, and beside the noisy one, of so many rounds each, by turns."""
    client, alone, beside = cluster.client(), Timed(), Timed()
    await _make_project(client)
    await _quiet(client, Timed())  # warms up
    async with _noisy(cluster.ports[0]) as noisy:
        for _ in range(rounds):
            await _quiet(client, alone)
            await _told(noisy, "on")
            await _quiet(client, beside)
            noisy_figures = await _told(noisy, "off")
    return {
        "streams": 2 * rounds * QUIET,
        "noisy_streams": noisy_figures["streams"],
        "noisy_refused": noisy_figures["refused"],
        "p99_first_event": _compared(_p99(alone.firsts), _p99(beside.firsts)),
        "of_it_ours": _compared(_p99(alone.firsts) - FIRST, _p99(beside.firsts) - FIRST),
        "p99_gap": _compared(_p99(alone.gaps), _p99(beside.gaps)),
    }


@asynccontextmanager
async def _noisy(port: int) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", noise.__name__, str(port))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    try:
        yield process
        process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        await asyncio.wait_for(process.wait(), END_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _told(noisy: Process, word: str) -> dict[str, int]:
    assert noisy.stdin is not None
    assert noisy.stdout is not None
    noisy.stdin.write(f"{word}\n".encode())
    line = await noisy.stdout.readline()
    assert line, "the noisy project has ended before its time"
    figures: dict[str, int] = json.loads(line)
    return figures


async def _make_project(client: Client) -> None:
    body = json.dumps({"id": noise.PROJECT, "name": "Noisy"}).encode()
    headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    _, writer, _ = await client.ask(None, "POST /api/projects/", headers, body)
    writer.transport.abort()


async def _quiet(client: Client, timed: Timed) -> None:
    async def one(place: int) -> None:
        await asyncio.sleep(place * APART)
        await _read(client, timed)

    await asyncio.gather(*map(one, range(QUIET)))


async def _read(client: Client, timed: Timed) -> None:
    """One stream to its end. Raises RefusedError."""
    before, count = time.perf_counter(), 0
    async for _ in client.chat("default", question("default", EVENTS, PAUSE, FIRST)):
        now = time.perf_counter()
        (timed.gaps if count else timed.firsts).append(now - before)
        before, count = now, count + 1
    assert count == EVENTS, count


def _compared(alone: float, beside: float) -> str:
    return f"{alone * 1000:.1f} ms, beside it {beside * 1000:.1f} ms: {beside / alone:.2f} ×"


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]
