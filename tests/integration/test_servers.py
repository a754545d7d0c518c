"""The same endpoint under WSGI: gunicorn's threads and its plain worker. Events arrive one by one there too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.live import CHAT, MESSAGES, LiveServer, blocks, joined, model_at, payloads

WORKERS = {
    "gthread": ("--worker-class", "gthread", "--threads", "8"),
    "sync": ("--worker-class", "sync"),
    "preload": ("--worker-class", "gthread", "--threads", "4", "--preload"),
}
HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]


@pytest.mark.parametrize("options", WORKERS.values(), ids=WORKERS)
def test_wsgi_streams_and_notices_who_left(data_dir: Path, options: tuple[str, ...]) -> None:
    with LiveServer.gunicorn(data_dir, *options, HEADRACE_KEEPALIVE_SECONDS="0.2") as server:
        with ScriptedUpstream([Send(chat_answer("<think>p</think>", "Hel", "lo"))]) as upstream:
            answer = server.stream(model_at(f"{upstream.url}/v1"))
            events = payloads(list(blocks(answer)))
            assert (joined(events, "reasoning"), joined(events, "content")) == ("p", "Hello")
            assert answer.headers["X-Stream-Id"]
            whole = json.load(server.post(CHAT, {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")}))
            assert whole["content"] == "Hello"
        with ScriptedUpstream(HALF) as upstream:
            arriving = blocks(server.stream(model_at(f"{upstream.url}/v1")))
            assert json.loads(next(arriving)[6:])["content"] == "Hel"
            assert upstream.connections == 1
            arriving.close()
            assert upstream.wait_disconnect(), "noticed at the next keep-alive"
