"""Debian's nginx in front, its buffering on as it comes: events still arrive one by one, and a client's leaving too."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chunk, sse, stream_head
from tests.fronts import free_port, listening, nginx, nginx_location
from tests.live import MESSAGES, STREAM, LiveServer, blocks, model_at

PATIENCE = 10.0
STREAMS = "/api/projects/default/playground/streams/"


def delta(text: str) -> bytes:
    return chunk(sse({"choices": [{"index": 0, "delta": {"content": text}}]}))


ONE: list[Any] = [Send(stream_head() + delta("Hel")), Hold()]


@pytest.fixture(scope="module", params=["1.1", "1.0"])
def port(request: pytest.FixtureRequest, server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where nginx listens; it speaks this version of HTTP to the server. 1.0 is its default."""
    port, folder = free_port(), tmp_path_factory.mktemp("nginx")
    lines = f'proxy_http_version {request.param}; proxy_set_header Connection "";'
    with listening(nginx(folder, nginx_location(port, server.port, lines)), port, folder):
        yield port


def ask(port: int, upstream: ScriptedUpstream, **headers: str) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1"), "streamOptions": {"onDisconnect": "cancel"}}
    connection.request("POST", STREAM, json.dumps(body), {"Content-Type": "application/json"} | headers)
    return connection.getresponse()


def test_an_event_arrives_while_the_next_is_not_there(port: int) -> None:
    with ScriptedUpstream(ONE) as upstream:
        answer = ask(port, upstream)
        arriving = blocks(answer)
        assert json.loads(next(arriving)[6:])["content"] == "Hel"
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", f"{STREAMS}{answer.headers['X-Stream-Id']}/")
        resumed = connection.getresponse()
        assert "Hel" in next(blocks(resumed))
        resumed.close()
        connection.close()
        arriving.close()
        answer.close()
        assert upstream.wait_disconnect()


def test_compressed_too(port: int) -> None:
    with ScriptedUpstream(ONE) as upstream:
        answer = ask(port, upstream, **{"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        decoder, text = zlib.decompressobj(31), b""
        while b"\n\n" not in text:
            text += decoder.decompress(answer.read1(65_536))
        assert b'"content": "Hel"' in text
        answer.close()
