"""The AI SDK's own reader of its UI message stream, the one that `useChat` runs on, against a running server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from headrace.testing import ScriptedUpstream
from tests.gateway.test_node_clients import FOLDER
from tests.gateway.wired import BROKEN, CALLS, HALF, SUN, THOUGHT, refusing, stored
from tests.live import KEY, LiveServer
from tests.tools import missing

if shutil.which("node") is None:
    missing("node is not installed: apt install nodejs npm")


def start(what: str, server: LiveServer, model: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["node", "use_chat.mjs", what, f"{server.url}/v1/ui-messages", model],
        cwd=FOLDER, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(what: str, server: LiveServer, upstream: ScriptedUpstream) -> dict[str, Any]:
    out, aside = start(what, server, stored(server, upstream)).communicate(timeout=40)
    assert out, aside
    return dict(json.loads(out))


def test_streams_thoughts_text_and_figures(server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        found = run("stream", server, upstream)
        sent = json.loads(upstream.requests[0].body)
    assert sent["messages"] == [{"role": "user", "content": "Tell me about rivers."}]
    assert (sent["temperature"], "max_tokens" in sent) == (0.5, False)
    assert [(part["type"], part.get("text")) for part in found["parts"]] == [
        ("step-start", None),
        ("reasoning", "hm ok"),
        ("text", "Hello"),
    ]
    assert (found["status"], found["finish"]) == ("ready", "stop")
    assert found["metadata"]["usage"]["outputTokens"] == 7


def test_calls_tools_and_sends_their_results(server: LiveServer) -> None:
    with ScriptedUpstream(CALLS, SUN) as upstream:
        found = run("tools", server, upstream)
        sent = json.loads(upstream.requests[1].body)["messages"]
    assert sent[1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert sent[2] == {"role": "tool", "tool_call_id": "call_1", "content": "fine in Oslo"}
    call = next(part for part in found["parts"] if part["type"] == "tool-weather")
    assert (call["state"], call["input"], call["output"]) == ("output-available", {"city": "Oslo"}, "fine in Oslo")
    assert found["parts"][-1]["text"] == "Sun"


def test_an_error_is_shown_after_what_had_come(server: LiveServer) -> None:
    with ScriptedUpstream(BROKEN) as upstream:
        found = run("stream", server, upstream)
    assert (found["status"], found["parts"][1]["text"]) == ("error", "Hel")
    assert "out of luck" in found["error"]


def test_a_refusal_is_an_error_without_a_key(server: LiveServer) -> None:
    with ScriptedUpstream(refusing("400 Bad Request", f"no: {KEY}")) as upstream:
        found = run("stream", server, upstream)
    assert found["status"] == "error"
    assert json.loads(found["error"])["error"]["code"] == "upstream_bad_request"
    assert KEY not in found["error"]


def test_stopped_half_way_the_upstream_call_ends(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream:
        running = start("cancel", server, stored(server, upstream))
        try:
            assert running.stdout is not None
            assert json.loads(running.stdout.readline())["parts"][1]["text"] == "Hel"
            assert upstream.wait_disconnect()
        finally:
            running.kill()
            running.communicate()


@pytest.mark.parametrize(
    ("parts", "field"),
    [([{"type": "file", "mediaType": "application/pdf", "url": "data:,x"}], "messages[0].parts[0]"), ([], "messages")],
)
def test_what_cannot_be_read_is_named(server: LiveServer, parts: list[Any], field: str) -> None:
    body = {"id": "c", "model": "local/smollm2", "messages": [{"id": "m", "role": "user", "parts": parts}]}
    answer = server.post("/v1/ui-messages", body)
    told = json.load(answer)
    assert (answer.status, told["error"]["param"]) == (400, field)


def test_a_whole_answer_is_one_message(server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        question = [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}]
        body = {"model": stored(server, upstream), "messages": question, "stream": False}
        message = json.load(server.post("/v1/ui-messages", body))
    assert [part.get("text") for part in message["parts"]] == [None, "hm ok", "Hello"]
    assert message["metadata"]["finishReason"] == "stop"
