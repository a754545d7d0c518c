"""`headrace serve` and `headrace chat` as a person starts them: real processes, real signals, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.live import KEY, MESSAGES, ROOT, STREAM, blocks, joined, model_at, payloads

PATIENCE = 40.0
pytestmark = pytest.mark.timeout(120)


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(data_dir)} | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "headrace.cli", *arguments]


@contextmanager
def serving(data_dir: Path, *options: str, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """`headrace serve` on a port that it chose itself, once it has said so."""
    log = data_dir / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command("serve", *options),
            env=environment(data_dir, PORT="0", **more),
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())) or "curl" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield process, int(found[1]), log
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def ask(port: int, upstream: ScriptedUpstream) -> object:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")})
    connection.request("POST", STREAM, body, {"Content-Type": "application/json"})
    return connection.getresponse()


def is_closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def until(condition: object, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


HALF = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]


def test_a_stream_under_way_is_told_that_the_server_ends(tmp_path: Path) -> None:
    with serving(tmp_path, HEADRACE_DRAIN_SECONDS="0.2") as (process, port, _), ScriptedUpstream(HALF) as upstream:
        arriving = blocks(ask(port, upstream))  # type: ignore[arg-type]
        first = next(arriving)
        process.send_signal(signal.SIGTERM)
        events = payloads([first, *arriving])
        assert joined(events, "content") == "Hel"
        assert events[-1]["code"] == "server_shutdown"
        assert process.wait(PATIENCE) == 0
        assert upstream.wait_disconnect()
        assert is_closed(port)


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, port, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert is_closed(port)


def test_a_killed_parent_leaves_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, port, _):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert children
        process.kill()
        until(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in children), "a child lives on")
        until(lambda: is_closed(port), "somebody still listens")


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            command("serve"),
            env=environment(tmp_path, PORT=port),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert port in done.stderr
    assert "PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_for_everybody_is_refused_with_the_lines_that_make_it_right(tmp_path: Path) -> None:
    done = subprocess.run(
        command("serve", "--host", "0.0.0.0"), env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "HEADRACE_AUTH" in done.stderr


def test_chat_streams_in_the_terminal_with_the_key_from_the_environment(tmp_path: Path) -> None:
    with ScriptedUpstream([Send(chat_answer("<think>plan</think>", "Hel", "lo"))]) as upstream:
        options = ("--provider", "openai", "--endpoint", f"{upstream.url}/v1", "--model", "m")
        done = subprocess.run(
            command("chat", "Hi", *options), env=environment(tmp_path, HEADRACE_API_KEY=KEY), cwd=ROOT,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert done.returncode == 0, done.stderr
    assert "Hello" in done.stdout
    assert "tokens" in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_chat_says_what_went_wrong_and_fails(tmp_path: Path) -> None:
    options = ("--provider", "openai", "--endpoint", "http://127.0.0.1:1/v1", "--model", "m")
    done = subprocess.run(
        command("chat", "Hi", *options),
        env=environment(tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_version(tmp_path: Path) -> None:
    done = subprocess.run(command("version"), env=environment(tmp_path), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("headrace ")
    assert "Django" in done.stdout
