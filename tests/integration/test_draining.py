"""A server that was told to end: what it refuses, what still works, how its streams end, what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chunk, sse, stream_head
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.integration.test_command import PATIENCE, is_closed, serving, until
from tests.live import MESSAGES, STREAM, blocks, model_at

pytestmark = pytest.mark.timeout(120)
STREAMS = "/api/projects/default/playground/streams/"
HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]


def ask(port: int, method: str, path: str, body: object = None) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
    return connection.getresponse()


def chat(upstream: ScriptedUpstream) -> dict[str, Any]:
    model = model_at(f"{upstream.url}/v1")
    return {"messages": MESSAGES, "model": model, "streamOptions": {"onDisconnect": "continue"}}


def test_while_it_drains_new_chats_are_refused_and_everything_else_works(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, port, log), ScriptedUpstream(HALF) as upstream:
        arriving = ask(port, "POST", STREAM, chat(upstream))
        place = f"{STREAMS}{arriving.headers['X-Stream-Id']}/"
        first = blocks(arriving)
        assert "Hel" in next(first)
        process.send_signal(signal.SIGTERM)
        until(lambda: ask(port, "GET", "/readyz").status == 503, "still ready")
        assert ask(port, "GET", "/readyz").headers["Retry-After"]
        refused = ask(port, "POST", STREAM, chat(upstream))
        assert (refused.status, json.load(refused)["code"]) == (503, "draining")
        assert refused.headers["Retry-After"]
        assert ask(port, "GET", "/healthz").status == 200
        assert json.load(ask(port, "GET", STREAMS))["streams"][0]["state"] == "running"
        resumed = blocks(ask(port, "GET", place))
        assert "Hel" in next(resumed)
        assert process.poll() is None
        assert ask(port, "DELETE", place).status == 204
        assert upstream.wait_disconnect()
        assert list(first) == list(resumed) == ["data: [DONE]"]
        ended = time.monotonic()
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - ended < 15, "nothing runs, so there is nothing to wait for"
        assert is_closed(port)
        assert "Traceback" not in log.read_text()


def test_workers_and_their_journal_end_in_order(tmp_path: Path) -> None:
    valkey_binary()
    with serving(tmp_path, "--workers", "2", HEADRACE_DRAIN_SECONDS="0.2") as (process, port, log):
        with ScriptedUpstream(HALF) as upstream:
            arriving = blocks(ask(port, "POST", STREAM, chat(upstream)))
            next(arriving)
            children = family(process.pid)
            assert any("valkey" in command for command in children.values())
            process.send_signal(signal.SIGTERM)
            assert ["server_shutdown" in block for block in arriving] == [True, False]
        assert process.wait(PATIENCE) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)
        assert "Traceback" not in log.read_text()


def test_workers_are_replaced_one_after_another(tmp_path: Path) -> None:
    valkey_binary()
    with serving(tmp_path, "--workers", "2") as (process, port, log), ScriptedUpstream(HALF) as upstream:
        before = workers(process.pid)
        arriving = ask(port, "POST", STREAM, chat(upstream))
        place = f"{STREAMS}{arriving.headers['X-Stream-Id']}/"
        stream = blocks(arriving)
        next(stream)
        process.send_signal(signal.SIGUSR1)
        until(lambda: len(workers(process.pid) - before) == 1, "no successor")
        until(lambda: ask(port, "GET", "/readyz").status == 200, "nobody is ready")
        assert "Hel" in next(blocks(ask(port, "GET", place)))
        assert ask(port, "DELETE", place).status == 204
        assert list(stream) == ["data: [DONE]"]
        until(lambda: not workers(process.pid) & before and len(workers(process.pid)) == 2, "old ones are still there")
        assert "starting another" not in log.read_text()
        assert "Traceback" not in log.read_text()


def test_what_a_proxy_keeps_open_to_a_worker_that_is_replaced_is_closed_and_meets_its_successor(tmp_path: Path) -> None:
    journal = RunningServer(valkey_binary())
    with (
        closing(journal),
        serving(tmp_path, REDIS_URL=journal.url, HEADRACE_DRAIN_SECONDS="2") as (process, port, _),
        ScriptedUpstream(HALF) as upstream,
    ):
        kept = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        stream = blocks(ask(port, "POST", STREAM, chat(upstream)))
        next(stream)
        before = workers(process.pid)
        process.send_signal(signal.SIGUSR1)
        assert kept.sock.recv(1) == b"", "closed, while the stream goes on"
        assert before < workers(process.pid)
        assert ask(port, "GET", "/readyz").status == 200
        process.terminate()
        assert ["server_shutdown" in block for block in stream] == [True, False], "ended in order, also by who stops"
        assert process.wait(PATIENCE) == 0


def test_a_worker_that_was_told_to_end_ends_well(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _, log):
        os.kill(next(iter(workers(process.pid))), signal.SIGTERM)
        until(lambda: "starting another" in log.read_text(), "nobody noticed")
        assert re.search("Worker 1 ended with status 0", log.read_text())


def family(pid: int) -> dict[int, str]:
    """The children of a process, by whichever thread it started them, with their command lines."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
    return found


def workers(pid: int) -> set[int]:
    return {child for child, command in family(pid).items() if "commands.worker" in command}
