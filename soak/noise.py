"""A project that asks for more than its share, as a process of its own: its people are not where we measure.

`python -m soak.noise PORT` reads `on` and `off` in turn from its standard input and answers each with what it has had
so far, as JSON: `on` once it is at its limit, `off` once its streams have ended. It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from dataclasses import asdict, dataclass

from soak.client import Client, RefusedError
from soak.upstream import Upstream, question

PROJECT = "noisy"
CLIENTS = 32  # streams that it tries to have at once
QUESTION = question(PROJECT, events=40, pause=0.02)
AGAIN_SECONDS = 0.2  # about: far less than the Retry-After that it is told
LOOK_SECONDS = 0.05
LESS_URGENT = 10  # of `nice`: what measures and what is measured come first


@dataclass(slots=True)
class Noise:
    streams: int = 0
    refused: int = 0


async def serve(client: Client) -> None:
    """Do what the lines say, to the last."""
    lines, noise = await _standard_input(), Noise()
    while await lines.readline() == b"on\n":
        over, before = asyncio.Event(), noise.refused
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(_ask(client, noise, over))
            while noise.refused < before + CLIENTS:
                await asyncio.sleep(LOOK_SECONDS)
            _tell(noise)
            await lines.readline()
            over.set()
        _tell(noise)


async def _ask(client: Client, noise: Noise, over: asyncio.Event) -> None:
    """One of its clients: where it is refused it soon asks again."""
    while not over.is_set():
        try:
            async for _ in client.chat(PROJECT, QUESTION):
                pass
            noise.streams += 1
        except RefusedError as error:
            if error.status != 429:
                raise
            noise.refused += 1
            await asyncio.sleep(AGAIN_SECONDS * (0.5 + random.random()))


def _tell(noise: Noise) -> None:
    print(json.dumps(asdict(noise)), flush=True)


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


if __name__ == "__main__":
    os.nice(LESS_URGENT)
    with Upstream() as upstream:
        asyncio.run(serve(Client([int(sys.argv[1])], upstream.url)))
