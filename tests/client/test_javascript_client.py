"""The JavaScript client under Node on the live server: nothing is lost or doubled when lines break.

What it does with one line at a time is tested beside it, in `web/client/test`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import ScriptedUpstream
from tests.client.cutting import CuttingProxy, after_events, at_random
from tests.client.history import long_answer, truth
from tests.live import MESSAGES, LiveServer, model_at
from tests.web.node import client_module, node_environment

SCRIPT = Path(__file__).with_name("follow.mjs")


def follow(url: str, model: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    request = json.dumps({"messages": MESSAGES, "model": model})
    command = ["node", str(SCRIPT), client_module().as_uri(), f"{url}/api", request]
    done = subprocess.run(command, env=node_environment(), capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    *lines, last = (json.loads(line) for line in done.stdout.removesuffix("\n").split("\n"))
    return lines, last["id"]


def check(server: LiveServer, lines: list[dict[str, Any]], stream_id: str) -> None:
    assert [line["event"] for line in lines] == truth(server, stream_id)
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))


def test_a_cut_after_every_event(data_dir: Path) -> None:
    # fetch accepts compression: an event is told by its bytes only where the proxy sees them
    with (
        LiveServer.uvicorn(data_dir, HEADRACE_COMPRESSION="no") as plain,
        ScriptedUpstream(long_answer()) as upstream,
        CuttingProxy(plain.port, after_events) as proxy,
    ):
        lines, stream_id = follow(proxy.url, model_at(f"{upstream.url}/v1"))
        check(plain, lines, stream_id)
        assert proxy.cuts >= len(lines)
        assert len(upstream.requests) == 1


@pytest.mark.parametrize(("seed", "reset"), [(1, False), (2, True), (3, False)])
def test_cuts_at_random_bytes(server: LiveServer, seed: int, reset: bool) -> None:
    with (
        ScriptedUpstream(long_answer()) as upstream,
        CuttingProxy(server.port, at_random(seed, 900), reset=reset) as proxy,
    ):
        lines, stream_id = follow(proxy.url, model_at(f"{upstream.url}/v1"))
        check(server, lines, stream_id)
        assert proxy.cuts > 1
