"""Clients that never have their request whole are let go of; those that wait for an answer are not."""

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
async def serving() -> AsyncIterator[int]:
    protocol = type("Impatient", (bounded(30),), {"request_seconds": IMPATIENCE})
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


def test_proxies_are_addresses() -> None:
    from headrace.commands.proxies import VARIABLE, trusted_proxies
    from headrace.commands.terminal import CommandError

    assert trusted_proxies({}) == ""
    assert trusted_proxies({VARIABLE: " 127.0.0.1, 172.16.0.0/12,::1 "}) == "127.0.0.1,172.16.0.0/12,::1"
    for wrong in ("*", "localhost", "10.0.0.0/40", "127.0.0.1,proxy.example"):
        with pytest.raises(CommandError, match=VARIABLE):
            trusted_proxies({VARIABLE: wrong})
