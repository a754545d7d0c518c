"""The Python clients before a server that a test has scripted: proxies' errors, pages of other networks, refusals."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from headrace.client import AsyncClient, Client, Patience, StreamEvent
from headrace.errors import RequestError
from headrace.stream.events import Finish, TextDelta
from headrace.testing import Close, Hold, ScriptedUpstream, Send, Sleep, chunk, response, sse, stream_head
from tests.live import MESSAGES

QUICK = Patience(first=0.001, most=0.02, give_up_after=20, idle=10)
HEAD = stream_head(headers="X-Stream-Id: s\r\n")
FIRST = chunk(b'id: 1\ndata: {"type": "content", "content": "Hel"}\n\n')
REST = chunk(b'id: 2\ndata: {"type": "finish", "reason": "stop"}\n\n' + sse("[DONE]")) + chunk(b"")
BROKEN: Sequence[Any] = [Send(HEAD + FIRST), Close()]
PAGE = response(b"<p>Log in</p>", content_type="text/html")
REDIRECT = response(status="302 Found", headers="Location: /login\r\n")
WHOLE = [TextDelta("Hel"), Finish("stop")]


def read(url: str) -> list[StreamEvent]:
    with Client(url, patience=QUICK) as client, client.stream(MESSAGES) as stream:
        return list(stream)


def aread(url: str) -> list[StreamEvent]:
    async def reading() -> list[StreamEvent]:
        async with AsyncClient(url, patience=QUICK) as client, client.stream(MESSAGES) as stream:
            return [event async for event in stream]

    return asyncio.run(reading())


both = pytest.mark.parametrize("reader", [read, aread], ids=["sync", "async"])
Reader = Callable[[str], list[StreamEvent]]


@both
@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "511 Network Authentication Required", "521 Down"])
def test_any_fault_of_a_server_on_the_way_back_is_waited_out(reader: Reader, status: str) -> None:
    with ScriptedUpstream(BROKEN, [Send(response(b"<p>", status=status)), Close()], [Send(HEAD + REST)]) as server:
        assert reader(server.url) == WHOLE
        assert [request.headers.get("last-event-id") for request in server.requests] == [None, "1", "1"]


@both
@pytest.mark.parametrize("page", [PAGE, REDIRECT], ids=["page", "redirect"])
def test_a_network_that_wants_a_login_is_waited_out_on_the_way_back(reader: Reader, page: bytes) -> None:
    with ScriptedUpstream(BROKEN, [Send(page), Close()], [Send(HEAD + REST)]) as server:
        assert reader(server.url) == WHOLE


@both
@pytest.mark.parametrize(
    ("status", "asked"), [("401 Unauthorized", 1), ("404 Not Found", 1), ("429 Too Many Requests", 3)]
)
def test_a_refusal_says_what_it_is_and_when_to_ask_again(reader: Reader, status: str, asked: int) -> None:
    told = b'{"error": "no", "code": "word", "field": ""}'
    refusal = response(told, status=status, content_type="application/json", headers="Retry-After: 0.01\r\n")
    with ScriptedUpstream([Send(refusal), Close()]) as server, pytest.raises(RequestError, match="no") as raised:
        reader(server.url)
    error = raised.value
    assert (error.status, error.code, error.retry_after) == (int(status[:3]), "word", 0.01)
    assert len(server.requests) == asked


@both
def test_a_wait_that_is_too_long_is_told_at_once(reader: Reader) -> None:
    refusal = response(b"{}", status="429 Too Many Requests", headers="Retry-After: 3600\r\n")
    with ScriptedUpstream([Send(refusal), Close()]) as server, pytest.raises(RequestError) as raised:
        reader(server.url)
    assert raised.value.retry_after == 3600
    assert len(server.requests) == 1


UNHEARD: Sequence[Any] = [Sleep(0.3), Close()]
CANCELLED = chunk(b'id: 1\ndata: {"type": "finish", "reason": "cancelled"}\n\n' + sse("[DONE]")) + chunk(b"")
TOLD: Sequence[Any] = [Send(HEAD), Sleep(0.3), Send(CANCELLED)]
GONE: Sequence[Any] = [Send(b"HTTP/1.1 204 No Content\r\n\r\n"), Close()]


def check_stopped(server: ScriptedUpstream, found: list[StreamEvent]) -> None:
    assert found == [Finish("cancelled")]
    assert [request.method for request in server.requests] == ["POST", "POST", "DELETE"]
    assert len({request.headers.get("idempotency-key") for request in server.requests[:2]}) == 1


def test_what_is_stopped_before_its_head_came_is_asked_for_and_stopped() -> None:
    with ScriptedUpstream(UNHEARD, TOLD, GONE) as server, Client(server.url, patience=QUICK) as client:
        stream = client.stream(MESSAGES)
        stopper = threading.Thread(target=lambda: (server.wait_requests(), stream.stop()))
        stopper.start()
        check_stopped(server, list(stream))
        stopper.join()


async def test_coroutines_stop_before_the_head_came_too() -> None:
    with ScriptedUpstream(UNHEARD, TOLD, GONE) as server:
        async with AsyncClient(server.url, patience=QUICK) as client:
            stream = client.stream(MESSAGES)

            async def stopping() -> None:
                await server.requested()
                await stream.stop()

            task = asyncio.create_task(stopping())
            check_stopped(server, [event async for event in stream])
            await task


COMMENTS: Sequence[Any] = [Send(HEAD + FIRST), Sleep(0.3), Send(chunk(b": keep-alive\n\n")), Hold()]


async def test_another_task_may_leave_a_stream() -> None:
    with ScriptedUpstream(COMMENTS) as server:
        async with AsyncClient(server.url, patience=QUICK) as client:
            stream, begun = client.stream(MESSAGES), asyncio.Event()

            async def reading() -> list[StreamEvent]:
                found = []
                async for event in stream:
                    found.append(event)
                    begun.set()
                return found

            task = asyncio.create_task(reading())
            await begun.wait()
            await asyncio.sleep(0)
            await stream.close()
            async with asyncio.timeout(10):
                assert await task == [TextDelta("Hel")]
        assert len(server.requests) == 1


def test_another_thread_may_leave_a_stream() -> None:
    with ScriptedUpstream(COMMENTS) as server, Client(server.url, patience=QUICK) as client:
        stream, begun = client.stream(MESSAGES), threading.Event()
        found: list[StreamEvent] = []

        def reading() -> None:
            for event in stream:
                found.append(event)
                begun.set()

        thread = threading.Thread(target=reading)
        thread.start()
        assert begun.wait(10)
        stream.close()
        thread.join(10)
        assert not thread.is_alive()
        assert found == [TextDelta("Hel")]
        assert len(server.requests) == 1
