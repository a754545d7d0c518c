"""Every way in which people run Django: events arrive one by one, who left is seen; what cannot be is refused.

`docs/deploying.md` has the table of what holds where.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.live import MESSAGES, PATIENCE, ROOT, LiveServer, blocks, joined, model_at, payloads

EXAMPLE = ROOT / "examples" / "include"
PREFIX = "/ai/projects/default/playground"
ASGI, WSGI = "mysite.asgi:application", "mysite.wsgi:application"
GUNICORN = ("gunicorn", "--bind", "fd://FD", "--graceful-timeout", "2")
SERVERS = {
    "uvicorn": ("uvicorn", ASGI, "--fd", "FD", "--timeout-graceful-shutdown", "2"),
    "gunicorn-uvicorn": (*GUNICORN, ASGI, "--worker-class", "uvicorn_worker.UvicornWorker"),
    "daphne": ("daphne", "--fd", "FD", ASGI),
    "hypercorn": ("hypercorn", "--bind", "fd://FD", ASGI, "--graceful-timeout", "2"),
    "granian": ("granian", "--interface", "asgi", "--port", "PORT", ASGI),
    "runserver": ("manage.py", "runserver", "--noreload", "127.0.0.1:PORT"),
    "gunicorn-gthread": (*GUNICORN, WSGI, "--worker-class", "gthread", "--threads", "8"),
    "gunicorn-sync": (*GUNICORN, WSGI, "--worker-class", "sync"),
    "gunicorn-preload": (*GUNICORN, WSGI, "--worker-class", "gthread", "--threads", "4", "--preload"),
    "granian-wsgi": ("granian", "--interface", "wsgi", "--port", "PORT", "--blocking-threads", "4", WSGI),
}
NEEDED = {"uvicorn_worker": "uvicorn-worker"}
HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]


def server_of(folder: Path, command: tuple[str, ...], **environment: str) -> LiveServer:
    needed = [part.partition(".")[0] for part in command if "_worker." in part] + [command[0].removesuffix(".py")]
    for module in needed:
        if module != "manage" and importlib.util.find_spec(module) is None and not os.environ.get("CI"):
            pytest.skip(f"pip install {NEEDED.get(module, module)}")
    settings = {"DJANGO_SETTINGS_MODULE": "mysite.settings", "HEADRACE_KEEPALIVE_SECONDS": "0.2"} | environment
    return LiveServer(*command, data_dir=folder, environment=settings, cwd=EXAMPLE, ready="/ai/docs")


def ask(server: LiveServer, upstream: ScriptedUpstream, way: str = "/chat/stream/") -> Any:
    return server.post(PREFIX + way, {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")})


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_it_streams_and_notices_who_left(tmp_path: Path, command: tuple[str, ...]) -> None:
    with server_of(tmp_path, command) as server:
        with ScriptedUpstream([Send(chat_answer("<think>p</think>", "Hel", "lo"))]) as upstream:
            answer = ask(server, upstream)
            events = payloads(list(blocks(answer)))
            assert (joined(events, "reasoning"), joined(events, "content")) == ("p", "Hello")
            assert answer.headers["X-Stream-Id"]
            assert json.load(ask(server, upstream, "/chat/"))["content"] == "Hello"
        with ScriptedUpstream(HALF) as upstream:
            arriving = blocks(ask(server, upstream))
            assert json.loads(next(arriving)[6:])["content"] == "Hel", "while the model is still at it"
            assert upstream.connections == 1
            arriving.close()
            assert upstream.wait_disconnect(), "at once, or under WSGI at the next keep-alive"


def test_a_full_wsgi_process_answers_503_and_the_site_goes_on(tmp_path: Path) -> None:
    command = (*GUNICORN, WSGI, "--worker-class", "gthread", "--threads", "4")
    with server_of(tmp_path, command, HEADRACE_WSGI_STREAMS="2") as server, ScriptedUpstream(HALF) as upstream:
        open_ones = [blocks(ask(server, upstream)) for _ in range(2)]
        assert all(next(arriving) for arriving in open_ones)
        for way in ("/chat/stream/", "/chat/"):
            refused = ask(server, upstream, way)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            said = json.load(refused)
            assert said["code"] == "too_many_streams"
            assert "HEADRACE_WSGI_STREAMS" in said["error"]
        assert len(upstream.requests) == 2, "what is refused asks nobody"
        assert server.get("/ai/docs").status == 200
        open_ones[0].close()
        deadline = time.monotonic() + PATIENCE
        while (again := ask(server, upstream)).status == 503:
            assert time.monotonic() < deadline, "the place of a reader that left must come free at a keep-alive"
        freed = blocks(again)
        assert next(freed)
        for arriving in (open_ones[1], freed):
            arriving.close()


def test_gevent_is_refused_by_name(tmp_path: Path) -> None:
    command = (*GUNICORN, WSGI, "--worker-class", "gevent")
    with server_of(tmp_path, command) as server, ScriptedUpstream([Send(chat_answer("Hello"))]) as upstream:
        for way in ("/chat/stream/", "/chat/"):
            refused = ask(server, upstream, way)
            assert refused.status == 500
            said = json.load(refused)
            assert said["code"] == "unsupported_server"
            assert "gevent" in said["error"]
            assert "gthread" in said["error"]
        assert not upstream.requests
