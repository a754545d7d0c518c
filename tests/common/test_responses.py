"""A streaming response in all four combinations of ASGI/WSGI and source: each part is out before the next is made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.test import AsyncRequestFactory, RequestFactory

from headrace import create_streaming_response
from headrace.common.responses import EventStreamResponse
from tests.waiting import DEADLINE, until


class Ledger:
    """Notes how far the source had got when each part came out, and whether it was closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = threading.Event()

    def sync(self) -> Iterator[bytes | str]:
        try:
            for n in range(4):
                self.made += 1
                yield f"data: {n}\n\n" if n % 2 else b"data: %d\n\n" % n
        finally:
            self.closed.set()

    async def asynchronous(self) -> AsyncIterator[bytes | str]:
        try:
            for item in self.sync():
                await asyncio.sleep(0)
                yield item
        finally:
            self.closed.set()


COLOURS: dict[str, Callable[[Ledger], Any]] = {"sync": Ledger.sync, "async": Ledger.asynchronous}
PARTS = [b"data: %d\n\n" % n for n in range(4)]


def asgi() -> ASGIRequest:
    return AsyncRequestFactory().get("/")


def wsgi(**meta: str) -> WSGIRequest:
    return RequestFactory().get("/", **meta)


@pytest.mark.parametrize("colour", COLOURS)
async def test_under_asgi_parts_leave_one_by_one(colour: str) -> None:
    ledger = Ledger()
    response = create_streaming_response(COLOURS[colour](ledger), request=asgi())
    parts, ahead = [], []
    async for part in response:
        parts.append(part)
        ahead.append(ledger.made - len(parts))
    assert parts == PARTS
    assert max(ahead) == 0


@pytest.mark.parametrize("colour", COLOURS)
def test_under_wsgi_parts_leave_one_by_one(colour: str) -> None:
    ledger = Ledger()
    response = create_streaming_response(COLOURS[colour](ledger), request=wsgi())
    parts, ahead = [], []
    for part in response:
        parts.append(part)
        ahead.append(ledger.made - len(parts))
    assert parts == PARTS
    assert max(ahead) == 0


@pytest.mark.parametrize("colour", COLOURS)
def test_a_wsgi_client_that_leaves_closes_the_source(colour: str) -> None:
    ledger = Ledger()
    before = threading.active_count()
    response = create_streaming_response(COLOURS[colour](ledger), request=wsgi())
    parts = iter(response)
    next(parts)
    parts.close() if hasattr(parts, "close") else None
    response.close()
    del parts, response
    assert ledger.closed.wait(DEADLINE)
    assert threading.active_count() <= before + 1, "at most the one background loop"


@pytest.mark.parametrize("colour", COLOURS)
async def test_an_asgi_client_that_leaves_closes_the_source_and_its_thread(colour: str) -> None:
    ledger = Ledger()
    before = threading.active_count()
    response = create_streaming_response(COLOURS[colour](ledger), request=asgi())
    parts = aiter(response)
    await anext(parts)
    await parts.aclose()
    assert await asyncio.to_thread(ledger.closed.wait, DEADLINE)
    # the thread that waited above stays in asyncio's own pool
    await until(lambda: threading.active_count() <= before + 1)


def test_headers() -> None:
    response = create_streaming_response(iter(()), request=wsgi(SERVER_PROTOCOL="HTTP/1.1"), headers={"X-Mine": "1"})
    assert response.status_code == 200
    assert dict(response.items()) == {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
        "Connection": "keep-alive",
        "X-Mine": "1",
    }


@pytest.mark.parametrize(
    ("meta", "allowed"),
    [
        ({"SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "gunicorn/23"}, True),
        ({"SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "WSGIServer/0.2"}, False),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, False),
    ],
)
def test_connection_only_where_the_server_lets_an_application_set_it(meta: dict[str, str], allowed: bool) -> None:
    assert ("Connection" in EventStreamResponse(iter(()), request=wsgi(**meta))) is allowed


def test_middleware_may_wrap_the_content() -> None:
    response = create_streaming_response(Ledger().sync(), request=wsgi())
    response.streaming_content = (part.upper() for part in response.streaming_content)
    assert b"".join(response) == b"".join(PARTS).upper()
