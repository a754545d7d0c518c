"""The real clients in JavaScript against a running server: OpenAI's, and `ai` with `@ai-sdk/openai-compatible`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import ScriptedUpstream
from tests.gateway.wired import BEARER, BROKEN, CALLS, HALF, SUN, THOUGHT, refusing, stored
from tests.live import KEY, LiveServer
from tests.tools import missing

FOLDER = Path(__file__).resolve().parents[1] / "clients_node"
INSTALL = "npm ci --prefix tests/clients_node"

if shutil.which("node") is None:
    missing("node is not installed: apt install nodejs npm")
if not (FOLDER / "node_modules" / "openai").is_dir():
    missing(f"the clients in JavaScript are not installed: {INSTALL}")

clients = pytest.mark.parametrize("client", ["openai", "ai"])


def start(client: str, what: str, server: LiveServer, upstream: ScriptedUpstream) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["node", "clients.mjs", client, what, f"{server.url}/v1", stored(server, upstream)],
        cwd=FOLDER, env=os.environ | {"CALLERS_KEY": BEARER}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(client: str, what: str, server: LiveServer, upstream: ScriptedUpstream) -> dict[str, Any]:
    out, aside = start(client, what, server, upstream).communicate(timeout=40)
    assert out, aside
    return dict(json.loads(out))


@clients
@pytest.mark.parametrize("what", ["stream", "whole"])
def test_answers_with_reasoning_and_usage(client: str, what: str, server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        found = run(client, what, server, upstream)
        assert BEARER.encode() not in upstream.received
    assert found == {"content": "Hello", "reasoning": "hm ok", "finish": "stop", "usage": 12}


@clients
def test_calls_tools_and_sends_their_results(client: str, server: LiveServer) -> None:
    with ScriptedUpstream(CALLS, SUN) as upstream:
        found = run(client, "tools", server, upstream)
        assert b"fine in Oslo" in upstream.requests[1].body
    assert found == {"content": "Sun"}


@clients
@pytest.mark.parametrize(
    ("status", "seen", "code"),
    [
        ("400 Bad Request", 400, "upstream_bad_request"),
        ("401 Unauthorized", 502, "upstream_auth"),
        ("429 Too Many Requests", 429, "upstream_rate_limited"),
    ],
)
def test_errors_have_their_status(client: str, server: LiveServer, status: str, seen: int, code: str) -> None:
    with ScriptedUpstream(refusing(status, f"not now: {KEY}", "retry-after: 60\r\n")) as upstream:
        found = run(client, "error", server, upstream)
    assert (found["status"], found["code"]) == (seen, code)
    assert "not now" in found["message"]
    assert KEY not in found["message"]


@clients
def test_an_error_in_mid_stream_comes_after_what_had_come(client: str, server: LiveServer) -> None:
    with ScriptedUpstream(BROKEN) as upstream:
        found = run(client, "broken", server, upstream)
    assert found["content"] == "Hel"
    assert "out of luck" in found["message"]


@clients
def test_cancelled_half_way_the_upstream_call_ends(client: str, server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream:
        running = start(client, "cancel", server, upstream)
        try:
            assert running.stdout is not None
            assert json.loads(running.stdout.readline()) == {"content": "Hel"}
            assert upstream.wait_disconnect()
        finally:
            running.kill()
            running.communicate()
