"""Scripted answers for the clients of OpenAI's API, and a stored configuration that leads to them."""

from __future__ import annotations

import itertools
import json
from http.client import HTTPResponse
from typing import Any

from headrace.testing import Close, Hold, ScriptedUpstream, Send, chunk, response, sse, stream_head
from tests.live import KEY, LiveServer

BEARER = "sk-the-callers-own-0123456789"
MODELS = "/api/projects/default/models/"
COMPLETIONS = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "Tell me about rivers."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_names = (f"wired {number}" for number in itertools.count())


def delta(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def usage(**counts: Any) -> dict[str, Any]:
    told = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12} | counts
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": told}


def call(index: int, name: str = "", arguments: str = "", **fields: Any) -> dict[str, Any]:
    function = ({"name": name} if name else {}) | {"arguments": arguments}
    return {"index": index, "function": function} | fields


THOUGHT = [
    Send(
        response(
            sse(
                delta(role="assistant", reasoning_content="hm"), delta(reasoning_content=" ok"), delta(content="Hel"),
                delta(content="lo"), delta("stop"), usage(completion_tokens_details={"reasoning_tokens": 3}), "[DONE]",
            )
        )
    )
]  # fmt: skip
CALLS = [
    Send(
        response(
            sse(
                delta(role="assistant", tool_calls=[call(0, "weather", id="call_1", type="function")]),
                delta(tool_calls=[call(0, arguments='{"city":')]), delta(tool_calls=[call(0, arguments='"Oslo"}')]),
                delta("tool_calls"), usage(), "[DONE]",
            )
        )
    )
]  # fmt: skip
SUN = [Send(response(sse(delta(role="assistant", content="Sun"), delta("stop"), usage(), "[DONE]")))]
HALF = [Send(stream_head() + chunk(sse(delta(role="assistant", content="Hel")))), Hold()]
BROKEN = [Send(stream_head() + chunk(sse(delta(content="Hel"), {"error": {"message": "out of luck"}}))), Close()]


def refusing(status: str, message: str, headers: str = "") -> list[Any]:
    body = json.dumps({"error": {"message": message}}).encode()
    return [Send(response(body, status=status, content_type="application/json", headers=headers)), Close()]


def stored(server: LiveServer, upstream: ScriptedUpstream, **fields: Any) -> str:
    """The name of a new configuration that asks this upstream."""
    name = next(_names)
    body = {"name": name, "providerId": "openai", "endpoint": f"{upstream.url}/v1", "modelId": "m", "apiKey": KEY}
    answer = server.post(MODELS, body | fields)
    assert answer.status == 201, answer.read()
    return str(json.load(answer)["name"])


def ask(server: LiveServer, model: str, **fields: Any) -> HTTPResponse:
    headers = {"Authorization": f"Bearer {BEARER}"}
    return server.post(COMPLETIONS, {"model": model, "messages": QUESTION} | fields, headers=headers)


def chunks(answer: HTTPResponse) -> list[dict[str, Any]]:
    """The chunks of a stream, `[DONE]` checked to be the one end."""
    data = [line[6:] for line in answer.read().decode().split("\n") if line.startswith("data: ")]
    assert data.count("[DONE]") == 1
    assert data[-1] == "[DONE]"
    return [json.loads(text) for text in data[:-1]]


def said(found: list[dict[str, Any]], name: str) -> str:
    """The joined text of one member of the deltas."""
    return "".join(each["choices"][0]["delta"].get(name) or "" for each in found if each.get("choices"))
