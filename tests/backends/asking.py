"""What the tests of the HTTP client share: a request, a client for a scripted upstream, the end of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from headrace.backends.http import HTTPAnswer, HTTPClient
from headrace.errors import UpstreamError
from headrace.providers.base import HTTPRequest
from headrace.testing import ScriptedUpstream

KEY = "sk-CANARY1234"
PLENTY = 10.0


def post(url: str, body: bytes = b"{}") -> HTTPRequest:
    return HTTPRequest(f"{url}/v1/chat/completions", {"authorization": f"Bearer {KEY}"}, body)


def within(seconds: float = PLENTY) -> float:
    return asyncio.get_running_loop().time() + seconds


async def ask(client: HTTPClient, url: str, *, seconds: float = PLENTY, idle: float = PLENTY) -> HTTPAnswer:
    return await client.send(post(url), deadline=within(seconds), idle=idle)


async def becomes(true: Callable[[], bool], seconds: float = 5) -> None:
    """Waits for what another thread or task is about to do."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def whole(answer: HTTPAnswer) -> bytes:
    """The body up to its proper end."""
    pieces = []
    while data := await answer.read():
        pieces.append(data)
    return b"".join(pieces)


async def to_the_end(answer: HTTPAnswer) -> tuple[bytes, UpstreamError | None]:
    """The body, and the error that ended it."""
    pieces = []
    try:
        while data := await answer.read():
            pieces.append(data)
    except UpstreamError as error:
        return b"".join(pieces), error
    return b"".join(pieces), None


@asynccontextmanager
async def client_of(upstream: ScriptedUpstream, **options: Any) -> AsyncIterator[HTTPClient]:
    """A client that leaves nothing: no connection at the upstream, no task in the loop."""
    others = asyncio.all_tasks()
    client = HTTPClient(**upstream.client_options() | options)
    try:
        yield client
    finally:
        await client.close()
    assert upstream.accepted == 0 or await upstream.disconnected()
    await becomes(lambda: asyncio.all_tasks() <= others)
