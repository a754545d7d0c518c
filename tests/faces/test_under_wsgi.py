"""The faces under WSGI: a silent model shows what means nothing, and by that a reader who has left is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.testing import ScriptedUpstream
from tests.gateway.wired import HALF, QUESTION, THOUGHT, stored
from tests.live import LiveServer

PAGE = [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}]
FACES = {
    "/api/chat": ({"messages": QUESTION}, b'"content":""'),
    "/v1/messages": ({"messages": QUESTION, "max_tokens": 9, "stream": True}, b"event: ping"),
    "/v1/ui-messages": ({"messages": PAGE}, b": keep-alive"),
}


@pytest.mark.parametrize(("path", "asked", "silence"), [(path, *face) for path, face in FACES.items()], ids=FACES)
def test_it_streams_and_notices_who_left(data_dir: Path, path: str, asked: dict[str, object], silence: bytes) -> None:
    command = ("--threads", "4", "--graceful-timeout", "2")
    with LiveServer.gunicorn(data_dir, *command, HEADRACE_KEEPALIVE_SECONDS="0.2") as server:
        with ScriptedUpstream(THOUGHT) as upstream:
            answer = server.post(path, asked | {"model": stored(server, upstream)})
            assert answer.status == 200
            assert b'"lo"' in answer.read()
        with ScriptedUpstream(HALF) as upstream:
            arriving = server.post(path, asked | {"model": stored(server, upstream)})
            seen = b""
            while silence not in seen.partition(b'"Hel"')[2]:
                seen += arriving.readline()
            assert upstream.connections == 1
            arriving.close()
            assert upstream.wait_disconnect(), "at the next sign of life"


def test_a_full_process_refuses_in_the_words_of_the_api(data_dir: Path) -> None:
    command = ("--threads", "4", "--graceful-timeout", "2")
    settings = {"HEADRACE_WSGI_STREAMS": "1", "HEADRACE_KEEPALIVE_SECONDS": "0.2"}
    with LiveServer.gunicorn(data_dir, *command, **settings) as server, ScriptedUpstream(HALF) as upstream:
        asked = FACES["/v1/messages"][0] | {"model": stored(server, upstream)}
        first = server.post("/v1/messages", asked)
        assert first.readline().startswith(b"event:")
        refused = server.post("/v1/messages", asked)
        told = json.load(refused)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert (told["type"], told["error"]["code"]) == ("error", "too_many_streams")
        first.close()
