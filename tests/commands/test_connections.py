"""Clients that never have their request whole, or send without end, are let go of; who waits for an answer is not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from headrace.commands.connections import bounded

PATIENCE = 20.0
IMPATIENCE = 0.5
MAX_BODY = 100_000
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEGUN = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nab"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers when it has the body, and later than a request may take to arrive."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.request":
        await asyncio.sleep(2 * IMPATIENCE)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(seconds: float = IMPATIENCE) -> AsyncIterator[int]:
    protocol = type("Impatient", (bounded(30, MAX_BODY),), {"request_seconds": seconds})
    server = uvicorn.Server(uvicorn.Config(application, http=protocol, lifespan="off", ws="none", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server._serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await running


@pytest.mark.parametrize("sent", [b"", b"GET / HT", BEGUN])
async def test_a_request_that_never_is_whole_is_given_up(sent: bytes) -> None:
    async with serving() as port, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_an_answer_may_take_longer_and_so_may_the_next_request_to_come() -> None:
    async with serving() as port, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(WHOLE)
            assert b"200 OK" in await reader.readuntil(b"ok")
            await asyncio.sleep(2 * IMPATIENCE)  # a kept connection may idle: no request has begun
        writer.write(BEGUN)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(
    ("begun", "status"),
    [
        (b"GET /", b" 431 "),
        (b"GET / HTTP/1.1\r\nX: ", b" 431 "),
        (CHUNKED + b"0\r\nX: ", b""),
        (CHUNKED + b"1;", b""),
    ],
)
async def test_what_is_sent_without_end_is_not_kept(begun: bytes, status: bytes) -> None:
    async with serving(seconds=PATIENCE) as port, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        with suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x" * 10_000)
                await writer.drain()
                await asyncio.sleep(0)
        with suppress(ConnectionError):
            assert status in await reader.read()
        writer.close()


async def test_large_heads_and_bodies_pass() -> None:
    async with serving(seconds=PATIENCE) as port, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 32_000
        for _ in range(3):
            writer.write(head + b"\r\nContent-Length: 100000\r\n\r\n" + b"x" * MAX_BODY)
            assert b"200 OK" in await reader.readuntil(b"ok")
        writer.close()


def test_proxies_are_addresses() -> None:
    from headrace.commands.proxies import VARIABLE, trusted_proxies
    from headrace.commands.terminal import CommandError

    assert trusted_proxies({}) == ""
    assert trusted_proxies({VARIABLE: " 127.0.0.1, 172.16.0.0/12,::1 "}) == "127.0.0.1,172.16.0.0/12,::1"
    for wrong in ("*", "localhost", "10.0.0.0/40", "127.0.0.1,proxy.example"):
        with pytest.raises(CommandError, match=VARIABLE):
            trusted_proxies({VARIABLE: wrong})
