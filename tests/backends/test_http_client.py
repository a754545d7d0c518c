"""The client over real loopback connections: the pool, cancellation in every phase, deadlines, back-pressure."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import socket
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.backends import http_pool
from headrace.backends.egress import EgressPolicy
from headrace.backends.http import HTTPClient, Limits
from headrace.errors import UpstreamError
from headrace.providers.base import HTTPRequest
from headrace.testing import (
    Blackhole,
    Close,
    Drip,
    Hold,
    Reset,
    Resolve,
    Script,
    ScriptedUpstream,
    Secure,
    Send,
    Sleep,
    chunk,
    response,
    stream_head,
)
from headrace.testing.steps import Step
from tests.backends.asking import KEY, PLENTY, ask, becomes, client_of, post, to_the_end, whole, within

GOOD = Send(response(b"good"))
RESTED = http_pool.MIN_REST * 1.5


def open_sockets() -> int:
    return sum(link.is_socket() for link in Path("/proc/self/fd").iterdir())


async def rest() -> None:
    """The time that a connection rests before it is used again: real, and part of the case."""
    await asyncio.sleep(RESTED)


async def test_a_request_arrives_as_it_was_meant() -> None:
    with ScriptedUpstream([GOOD]) as upstream:
        async with client_of(upstream) as client:
            request = HTTPRequest(f"{upstream.url}/v1/x?api-version=1", {"Authorization": f"Bearer {KEY}"}, b'{"a":1}')
            answer = await client.send(request, deadline=within(), idle=5)
            assert await whole(answer) == b"good"
    (asked,) = upstream.requests
    assert (asked.method, asked.target, asked.body) == ("POST", "/v1/x?api-version=1", b'{"a":1}')
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["host"] == f"127.0.0.1:{upstream.port}"


async def test_a_get_has_no_body() -> None:
    with ScriptedUpstream([GOOD]) as upstream:
        async with client_of(upstream) as client:
            request = HTTPRequest(f"{upstream.url}/health", {}, b"")
            assert await whole(await client.send(request, deadline=within(), idle=5, method="GET")) == b"good"
    assert upstream.requests[0].method == "GET"
    assert "content-length" not in upstream.requests[0].headers


@pytest.mark.parametrize(
    "value", [f"Bearer {KEY}\r\nx-evil: 1", f"Bearer {KEY}\n", f"Bearer {KEY}\0", f"Bearer {KEY}钥"]
)
async def test_a_header_that_cannot_be_sent_is_refused_before_connecting(value: str) -> None:
    with ScriptedUpstream([GOOD]) as upstream:
        async with client_of(upstream) as client:
            with pytest.raises(UpstreamError) as caught:
                await client.send(HTTPRequest(upstream.url, {"authorization": value}, b""), deadline=within(), idle=5)
    assert caught.value.code == "upstream_bad_request"
    assert "authorization" in caught.value.message
    assert KEY not in caught.value.message
    assert upstream.accepted == 0


# The pool.


async def test_a_connection_serves_again() -> None:
    with ScriptedUpstream([GOOD]) as upstream:
        async with client_of(upstream) as client:
            for _ in range(3):
                assert await whole(await ask(client, upstream.url)) == b"good"
                await rest()
            assert upstream.accepted == 1


async def test_one_answer_at_a_time_runs_over_a_connection() -> None:
    with ScriptedUpstream([Send(stream_head() + chunk(b"a")), Hold()]) as upstream:
        async with client_of(upstream) as client:
            answers = [await ask(client, upstream.url) for _ in range(5)]
            assert [await answer.read() for answer in answers] == [b"a"] * 5
            assert upstream.accepted == upstream.connections == 5


@pytest.mark.parametrize("end", [Close(), Reset()])
async def test_a_connection_that_went_stale_at_rest_is_not_used(end: Close | Reset) -> None:
    with ScriptedUpstream([GOOD, end], [GOOD]) as upstream:
        async with client_of(upstream) as client:
            assert await whole(await ask(client, upstream.url)) == b"good"
            assert await upstream.disconnected()
            assert await whole(await ask(client, upstream.url)) == b"good"
    assert (upstream.accepted, len(upstream.requests)) == (2, 2)


@pytest.mark.parametrize("end", [Close(), Reset()])
async def test_a_connection_that_goes_stale_with_the_request_is_replaced_once(end: Close | Reset) -> None:
    with ScriptedUpstream([GOOD], [end], [GOOD], [end]) as upstream:
        async with client_of(upstream) as client:
            assert await whole(await ask(client, upstream.url)) == b"good"
            await rest()
            assert await whole(await ask(client, upstream.url)) == b"good"
            await rest()
            with pytest.raises(UpstreamError, match="without an answer") as caught:
                await ask(client, upstream.url)
    assert caught.value.code == "upstream_protocol"
    assert caught.value.retryable
    assert (upstream.accepted, len(upstream.requests)) == (3, 5)


@pytest.mark.parametrize("end", [Close(), Reset()])
async def test_a_fresh_connection_that_closes_unanswered_is_not_tried_twice(end: Close | Reset) -> None:
    with ScriptedUpstream([end]) as upstream:
        async with client_of(upstream) as client:
            with pytest.raises(UpstreamError) as caught:
                await ask(client, upstream.url)
    assert (caught.value.code, caught.value.retryable) == ("upstream_protocol", True)
    assert upstream.accepted == 1


async def test_half_an_answer_on_a_kept_connection_is_no_reason_to_ask_again() -> None:
    with ScriptedUpstream([GOOD], [Send(b"HTTP/1.1 2"), Close()]) as upstream:
        async with client_of(upstream) as client:
            await whole(await ask(client, upstream.url))
            await rest()
            with pytest.raises(UpstreamError):
                await ask(client, upstream.url)
    assert len(upstream.requests) == 2


async def test_an_unasked_second_answer_is_nobodys() -> None:
    with ScriptedUpstream([GOOD, Send(response(b"EVIL"))]) as upstream:
        async with client_of(upstream) as client:
            for _ in range(5):
                assert await whole(await ask(client, upstream.url)) == b"good"
            await rest()
            assert await whole(await ask(client, upstream.url)) == b"good"
            assert await upstream.disconnected(1)


async def test_an_unasked_answer_that_nobody_has_looked_at_yet_is_found_in_time() -> None:
    with ScriptedUpstream([GOOD, Sleep(RESTED), Send(response(b"EVIL"))]) as upstream:
        async with client_of(upstream) as client:
            assert await whole(await ask(client, upstream.url)) == b"good"
            time.sleep(2 * RESTED)  # noqa: ASYNC251 - the event loop is busy while it arrives
            assert await whole(await ask(client, upstream.url)) == b"good"


async def test_a_released_answer_gives_its_connection_back() -> None:
    script: Script = [Send(stream_head() + chunk(b"[DONE]")), Sleep(0.05), Send(chunk(b""))]
    with ScriptedUpstream(script) as upstream:
        async with client_of(upstream) as client:
            for _ in range(3):
                answer = await ask(client, upstream.url)
                assert await answer.read() == b"[DONE]"
                answer.release()
                await asyncio.sleep(0.05 + 2 * RESTED)  # the end has to arrive first
            assert upstream.accepted == 1


@pytest.mark.parametrize("script", [[Hold()], [Send(chunk(b"x" * 1000), 10**9)]], ids=["silent", "endless"])
async def test_a_released_answer_that_does_not_end_is_closed(script: Script) -> None:
    whole_script: Script = [Send(stream_head() + chunk(b"[DONE]")), *script]
    with ScriptedUpstream(whole_script) as upstream:
        async with client_of(upstream) as client:
            answer = await ask(client, upstream.url)
            await answer.read()
            answer.release()
            assert await upstream.disconnected(5)


async def test_resting_connections_are_bounded_in_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_pool, "MAX_REST", 0.1)
    with ScriptedUpstream([GOOD]) as upstream:
        async with client_of(upstream) as client:
            for answer in [await ask(client, upstream.url) for _ in range(3)]:
                await whole(answer)
            assert upstream.connections == 3
            assert await upstream.disconnected(5)


async def test_resting_connections_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_pool, "MAX_IDLE", 2)
    with ScriptedUpstream([Send(stream_head()), Sleep(0.2), Send(chunk(b""))]) as upstream:
        async with client_of(upstream) as client:
            answers = await asyncio.gather(*(ask(client, upstream.url) for _ in range(5)))
            await asyncio.gather(*map(whole, answers))
            await becomes(lambda: upstream.connections <= 2)
            assert upstream.accepted == 5


# Ends from this side.

PHASES: dict[str, Callable[[], ScriptedUpstream]] = {
    "the lookup": lambda: ScriptedUpstream([Resolve("timeout")]),
    "connecting": lambda: ScriptedUpstream([Blackhole()]),
    "the handshake": lambda: ScriptedUpstream([Hold()]),
    "waiting for an answer": lambda: ScriptedUpstream([Hold()]),
    "the head": lambda: ScriptedUpstream([Drip(response(b"good"), every=0.2)]),
    "the head, over TLS": lambda: ScriptedUpstream([Secure(), Hold()]),
}


@pytest.mark.parametrize("phase", PHASES)
async def test_cancelled_in_any_phase_it_leaves_nothing(phase: str) -> None:
    with PHASES[phase]() as upstream:
        before = open_sockets()
        async with client_of(upstream) as client:
            url = upstream.url.replace("http:", "https:") if phase == "the handshake" else upstream.url
            task = asyncio.create_task(ask(client, url))
            if "answer" in phase or "head" in phase:
                assert await upstream.requested()
            else:
                await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert upstream.accepted == 0 or await upstream.disconnected(1)
            await becomes(lambda: open_sockets() <= before)


@pytest.mark.parametrize("secure", [False, True])
async def test_a_closed_answer_closes_its_connection_at_once(secure: bool) -> None:
    script: list[Step] = [Send(stream_head() + chunk(b"a")), Hold()]
    settings = [Secure()] if secure else []
    with ScriptedUpstream([*settings, *script]) as upstream:
        async with client_of(upstream) as client:
            answer = await ask(client, upstream.url)
            assert await answer.read() == b"a"
            reading = asyncio.create_task(to_the_end(answer))
            await asyncio.sleep(0)
            answer.close()
            assert await upstream.disconnected(1)
            _, error = await reading
            assert error is not None
            assert error.code == "upstream_reset"


async def test_leaving_the_with_block_closes_the_answer() -> None:
    with ScriptedUpstream([Send(stream_head() + chunk(b"a")), Hold()]) as upstream:
        async with client_of(upstream) as client:
            async with await ask(client, upstream.url) as answer:
                assert await answer.read() == b"a"
            assert await upstream.disconnected(1)


async def test_closing_the_client_ends_all_that_it_does() -> None:
    with ScriptedUpstream([Send(stream_head() + chunk(b"a"))], [Hold()]) as upstream, PHASES["connecting"]() as hole:
        async with client_of(upstream) as client:
            reading = asyncio.create_task(to_the_end(await ask(client, upstream.url)))
            waiting = asyncio.create_task(ask(client, upstream.url))
            connecting = asyncio.create_task(ask(client, hole.url))
            assert await upstream.requested(2)
            await client.close()
            assert await upstream.disconnected(1)
            body, error = await reading
            assert body == b"a"
            assert error is not None
            for task in (waiting, connecting):
                with pytest.raises(UpstreamError) as caught:
                    await task
                assert caught.value.code in ("upstream_reset", "server_shutdown")
            with pytest.raises(UpstreamError) as caught:
                await ask(client, upstream.url)
            assert caught.value.code == "server_shutdown"


async def test_many_abandoned_requests_leave_no_socket() -> None:
    with ScriptedUpstream([Send(stream_head() + chunk(b"a")), Hold()]) as upstream:
        before = open_sockets()
        async with client_of(upstream) as client:
            for turn in range(5):
                tasks = [asyncio.create_task(ask(client, upstream.url)) for _ in range(10)]
                await asyncio.sleep(0.002 * turn)
                for task in tasks:
                    task.cancel()
                for made in await asyncio.gather(*tasks, return_exceptions=True):
                    if not isinstance(made, BaseException):
                        made.close()
            assert upstream.accepted == 0 or await upstream.disconnected()
        await becomes(lambda: open_sockets() <= before)


# Time.


async def test_the_deadline_holds_until_the_head_and_idle_after_it() -> None:
    slow: Script = [
        Sleep(0.2),
        Send(stream_head()),
        Sleep(0.5),
        Send(chunk(b"a")),
        Sleep(0.5),
        Send(chunk(b"b")),
        Hold(),
    ]
    with ScriptedUpstream(slow) as upstream:
        async with client_of(upstream) as client:
            started = asyncio.get_running_loop().time()
            body, error = await to_the_end(await ask(client, upstream.url, seconds=0.4, idle=0.8))
            assert body == b"ab"
            assert error is not None
            assert error.code == "upstream_idle_timeout"
            assert 1.9 < asyncio.get_running_loop().time() - started < 2.6


async def test_a_request_body_that_is_not_taken_meets_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel accepts, nobody reads
        client = HTTPClient(egress=EgressPolicy(local=True), env={})
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UpstreamError) as caught:
            await client.send(post(url, b"x" * 30_000_000), deadline=within(0.3), idle=5)
        assert caught.value.code == "upstream_first_byte_timeout"
        await client.close()


async def test_an_answer_to_a_request_that_was_not_taken_whole_is_read() -> None:
    """An upstream may refuse a large body before it has read it, and close: its words still count."""
    refusal = response(b"too large", status="413 Payload Too Large", headers="connection: close\r\n")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    client = HTTPClient(egress=EgressPolicy(local=True), env={})
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    answer = await client.send(post(url, b"x" * 20_000_000), deadline=within(), idle=5)
    assert answer.status == 413
    assert await whole(answer) == b"too large"
    await client.close()
    server.close()


# Amounts.


async def test_a_large_body_comes_whole_both_ways() -> None:
    sent, body = os.urandom(3_000_000), os.urandom(5_000_000)
    with ScriptedUpstream([Send(response(body))]) as upstream:
        async with client_of(upstream) as client:
            answer = await client.send(post(upstream.url, sent), deadline=within(), idle=5)
            assert await whole(answer) == body
    assert upstream.requests[0].body == sent


async def test_a_slow_reader_holds_back_a_fast_upstream() -> None:
    with ScriptedUpstream([Send(stream_head()), Send(chunk(b"x" * 10_000), 10_000)]) as upstream:
        async with client_of(upstream, limits=Limits(body=1 << 30)) as client:
            answer = await ask(client, upstream.url)
            await asyncio.sleep(0.5)  # time in which 100 MB could have come
            size = len(await answer.read())
            assert size < 1_000_000
            for _ in range(20):
                size += len(await answer.read())
            assert size > 300_000


async def test_a_body_byte_by_byte_is_read_as_it_comes() -> None:
    with ScriptedUpstream([Drip(stream_head() + chunk(b"ab") + chunk(b""), every=0.002)]) as upstream:
        async with client_of(upstream) as client:
            answer = await ask(client, upstream.url)
            assert [await answer.read() for _ in range(3)] == [b"a", b"b", b""]


@pytest.mark.parametrize("size", [10, 3_000_000], ids=["at once", "with pauses"])
async def test_nobodys_context_is_kept_alive(size: int) -> None:
    """A pooled connection outlives the request that opened it: what that request's context held must not."""

    class Held:
        pass

    variable: contextvars.ContextVar[Held] = contextvars.ContextVar("held")

    async def as_a_request(client: HTTPClient, url: str) -> weakref.ref[Held]:
        held = Held()
        variable.set(held)
        answer = await ask(client, url)
        await asyncio.sleep(0.05)  # in which a large body fills what may wait
        await whole(answer)
        return weakref.ref(held)

    # Behind a timer that is still due, cancelled ones stay in the loop.
    due = asyncio.get_running_loop().call_later(PLENTY / 2, int)
    with ScriptedUpstream([Send(response(b"x" * size))]) as upstream:
        async with client_of(upstream) as client:
            reference = await asyncio.create_task(as_a_request(client, upstream.url))
            await asyncio.sleep(0)
            gc.collect()
            assert upstream.connections == 1
            assert reference() is None
    due.cancel()
