"""The scripted upstream keeps to its script: seen from a plain socket and from the standard library's client."""

from __future__ import annotations

import http.client
import socket
import time
from base64 import b64encode
from contextlib import closing
from typing import Any

import pytest

from headrace.testing import (
    Blackhole,
    Close,
    Drip,
    Hold,
    Refuse,
    Repeat,
    Reset,
    Resolve,
    ScriptedUpstream,
    Secure,
    Send,
    Sleep,
    chat_answer,
    chunk,
    read_steps,
    response,
    sse,
    stream_head,
)

REQUEST = b"POST /v1/x HTTP/1.1\r\nHost: a\r\nX-Key: k\r\nContent-Length: 2\r\n\r\n{}"


def connected(upstream: ScriptedUpstream) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", upstream.port), timeout=5))


def all_of(sock: socket.socket) -> bytes:
    received = b""
    while data := sock.recv(65536):
        received += data
    return received


def test_it_answers_by_its_scripts_and_remembers_what_it_was_asked() -> None:
    with ScriptedUpstream([Send(response(b"one"))], [Send(response(b"two"))]) as upstream:
        connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)
        for expected in (b"one", b"two", b"two"):
            connection.request("POST", "/v1/chat", b'{"a":1}', {"Authorization": "Bearer k"})
            assert connection.getresponse().read() == expected
        assert (upstream.accepted, upstream.connections) == (1, 1)
        connection.close()
        assert upstream.wait_disconnect()
    assert [request.body for request in upstream.requests] == [b'{"a":1}'] * 3
    assert upstream.requests[0].method == "POST"
    assert upstream.requests[0].target == "/v1/chat"
    assert upstream.requests[0].headers["authorization"] == "Bearer k"


def test_close_is_an_end_and_reset_is_a_reset() -> None:
    with ScriptedUpstream([Send(b"ab"), Close()], [Send(b"ab"), Reset()]) as upstream:
        with connected(upstream) as sock:
            sock.sendall(REQUEST)
            assert all_of(sock) == b"ab"
        with connected(upstream) as sock:
            sock.sendall(REQUEST)
            assert sock.recv(2, socket.MSG_WAITALL) == b"ab"
            with pytest.raises(ConnectionResetError):
                all_of(sock)


def test_bytes_come_when_they_should() -> None:
    with (
        ScriptedUpstream([Sleep(0.1), Drip(b"abcd", size=2, every=0.1), Close()]) as upstream,
        connected(upstream) as sock,
    ):
        started = time.monotonic()
        sock.sendall(REQUEST)
        assert sock.recv(10) == b"ab"
        assert 0.09 < time.monotonic() - started < 1
        assert sock.recv(10) == b"cd"
        assert 0.19 < time.monotonic() - started < 1
        assert all_of(sock) == b""


@pytest.mark.parametrize("step", [Hold(), Repeat(b"x", 0.01), Send(b"x" * 1000, 10**9)])
def test_what_has_no_end_ends_when_the_client_leaves(step: Hold | Repeat | Send) -> None:
    with ScriptedUpstream([Send(b"a"), step]) as upstream:
        with connected(upstream) as sock:
            sock.sendall(REQUEST)
            assert sock.recv(1) == b"a"
            assert not upstream.wait_disconnect(0.05)
        assert upstream.wait_disconnect()
        assert upstream.connections == 0


def test_repeated_bytes_are_all_sent() -> None:
    with ScriptedUpstream([Send(b"abc", 100_000), Close()]) as upstream, connected(upstream) as sock:
        sock.sendall(REQUEST)
        assert all_of(sock) == b"abc" * 100_000


def test_a_request_in_pieces_is_one_request() -> None:
    with ScriptedUpstream([Send(response(b"ok"))]) as upstream, connected(upstream) as sock:
        for at in range(len(REQUEST)):
            sock.sendall(REQUEST[at : at + 1])
        assert upstream.wait_requests(1)
        assert upstream.requests[0].body == b"{}"
        assert upstream.requests[0].headers["x-key"] == "k"


def test_a_port_that_refuses() -> None:
    with ScriptedUpstream([Refuse()]) as upstream, pytest.raises(ConnectionRefusedError):
        connected(upstream)


def test_a_port_that_swallows() -> None:
    with ScriptedUpstream([Blackhole()]) as upstream, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", upstream.port), timeout=0.3)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("good", ["127.0.0.1"]),
        ("dead,good", ["127.0.0.2", "127.0.0.1"]),
        ("nxdomain", socket.EAI_NONAME),
        ("servfail", socket.EAI_AGAIN),
    ],
)
async def test_its_resolver_answers_by_the_script(answer: str, expected: list[str] | int) -> None:
    with ScriptedUpstream([Resolve(answer)]) as upstream:
        assert upstream.url == f"http://upstream.test:{upstream.port}"
        if isinstance(expected, list):
            assert await upstream.resolve("upstream.test") == expected
        else:
            with pytest.raises(socket.gaierror) as caught:
                await upstream.resolve("upstream.test")
            assert caught.value.errno == expected
        with pytest.raises(socket.gaierror):
            await upstream.resolve("another.test")


def test_the_steps_of_a_corpus_are_these() -> None:
    packed = b64encode(b"ab").decode()
    raw: list[list[Any]] = [
        *(["send_b64", packed], ["send_repeat_b64", packed, 3], ["drip_b64", packed, 1, 20], ["every_ms", 500, packed]),
        *(["sleep_ms", 50], ["hold"], ["rst"], ["fin"], ["refuse"], ["blackhole"], ["dns", "dead,good"]),
        ["tls", "self-signed"],
    ]
    assert read_steps(raw) == [
        *(Send(b"ab"), Send(b"ab", 3), Drip(b"ab", 1, 0.02), Repeat(b"ab", 0.5), Sleep(0.05), Hold(), Reset(), Close()),
        *(Refuse(), Blackhole(), Resolve("dead,good"), Secure("self-signed")),
    ]
    with pytest.raises(ValueError, match="explode"):
        read_steps([["explode"]])


def test_the_answers_are_what_they_say() -> None:
    assert chunk(b"abc") == b"3\r\nabc\r\n"
    assert chunk(b"") == b"0\r\n\r\n"
    assert sse({"a": "ü"}, "[DONE]") == 'data: {"a": "ü"}\n\ndata: [DONE]\n\n'.encode()
    assert stream_head().endswith(b"transfer-encoding: chunked\r\n\r\n")
    assert b'"content": "Hi"' in chat_answer("Hi")
    assert b'"done": true' in chat_answer("Hi", protocol="ollama-ndjson")


def test_stopping_ends_what_runs() -> None:
    upstream = ScriptedUpstream([Send(b"a"), Hold()])
    upstream.start()
    with connected(upstream) as sock:
        sock.sendall(REQUEST)
        assert sock.recv(1) == b"a"
        upstream.stop()
        assert all_of(sock) == b""
    upstream.stop()
