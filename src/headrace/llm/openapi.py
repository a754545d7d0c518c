"""The playground's part of the OpenAPI document: its views are plain Django, so it is written here by hand.

The body's schema is not: it comes from the types that check the body.
"""

from __future__ import annotations

from typing import Any

from headrace.common.rest import Document
from headrace.llm.schemas import chat_schemas

_PROJECT = {"in": "path", "name": "projectId", "required": True, "schema": {"type": "string"}, "example": "default"}
_STREAM = {"in": "path", "name": "streamId", "required": True, "schema": {"type": "string"}}
_QUESTION = [{"role": "user", "content": "Tell me about rivers"}]
_EXAMPLES = {
    "local": {"summary": "The local model", "value": {"messages": _QUESTION, "model": {"providerId": "local"}}},
    "reasoning": {
        "summary": "The local model with reasoning",
        "value": {"messages": _QUESTION, "model": {"providerId": "local", "modelId": "smollm2-reasoning"}},
    },
    "stored": {
        "summary": "A stored configuration",
        "value": {"messages": _QUESTION, "model": {"configId": "local-plain"}},
    },
    "inline": {
        "summary": "A model given in full",
        "value": {
            "messages": _QUESTION,
            "model": {
                "providerId": "openai",
                "endpoint": "https://api.openai.com/v1",
                "apiKey": "YOUR_KEY",
                "modelId": "gpt-3.5-turbo",
            },
            "temperature": 0.7,
            "maxTokens": 8192,
            "timeout": 60,
        },
    },
}
_EVENTS = """\
data: {"type": "reasoning", "content": "<think>"}

data: {"type": "reasoning", "content": "A greeting."}

data: {"type": "reasoning", "content": "</think>"}

data: {"type": "content", "content": "Hello"}

data: [DONE]

"""
_STREAM_TEXT = (
    'Answers as Server-Sent Events: `reasoning` and `content` pieces, at most one error (`{"error": …}`), and '
    "`data: [DONE]` at the end, always. `X-Stream-Id` names the stream, to join, resume or stop it."
)


_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9:_-]{1,128}$"},
    "description": "A repeated request under the same key joins the stream of the first one.",
}


def document() -> Document:
    """Paths below the API's root, and the schemas that they use."""
    return {"paths": _paths(), "schemas": {**chat_schemas(), "ChatAnswer": _answer_schema()}}


def _paths() -> dict[str, Any]:
    playground = "projects/{projectId}/playground"
    return {
        f"{playground}/chat/stream/": {"post": _chat("streamChat", "Chat, streamed", _STREAM_TEXT, _event_answer())},
        f"{playground}/chat/": {"post": _chat("chat", "Chat, answered once", "The same chat, whole.", _whole_answer())},
        f"{playground}/streams/": {
            "get": _operation("listStreams", "List live and recent streams", [_PROJECT], _json())
        },
        f"{playground}/streams/{{streamId}}/": {
            "get": _operation("joinStream", "Join or resume a stream", _join_parameters(), _event_answer()),
            "delete": _operation(
                "stopStream", "Stop a stream", [_PROJECT, _STREAM], {"204": _said("Stopped, or ended.")}
            ),
        },
        f"{playground}/streams/{{streamId}}/wire/": {
            "get": _operation("readWire", "What went over the wire of a stream", [_PROJECT, _STREAM], _json())
        },
    }


def _chat(name: str, summary: str, description: str, answers: dict[str, Any]) -> dict[str, Any]:
    body = {"schema": _ref("ChatBody"), "examples": _EXAMPLES}
    operation = _operation(name, summary, [_PROJECT, _IDEMPOTENCY_KEY], answers)
    return operation | {
        "description": description,
        "requestBody": {"required": True, "content": {"application/json": body}},
    }


def _operation(name: str, summary: str, parameters: list[Any], answers: dict[str, Any]) -> dict[str, Any]:
    failed = {
        "description": "Refused before a stream began.",
        "content": {"application/json": {"schema": _ref("ErrorAnswer")}},
    }
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["playground"],
        "parameters": parameters,
        "responses": answers | {"4XX": failed, "503": failed},
    }


def _join_parameters() -> list[dict[str, Any]]:
    number = {"type": "integer", "minimum": 0}
    flag = {"type": "boolean", "default": False}
    return [
        _PROJECT,
        _STREAM,
        {"in": "query", "name": "after", "schema": number, "description": "The number of the last event read."},
        {"in": "header", "name": "Last-Event-ID", "schema": number, "description": "The same; it wins over `after`."},
        {"in": "query", "name": "includeUsage", "schema": flag},
        {"in": "query", "name": "includeIds", "schema": flag},
        {"in": "query", "name": "includeDigest", "schema": flag},
    ]


def _event_answer() -> dict[str, Any]:
    identity = {"description": "The stream's id.", "schema": {"type": "string"}}
    content = {"text/event-stream": {"schema": {"type": "string"}, "example": _EVENTS}}
    return {"200": {"description": "The events.", "headers": {"X-Stream-Id": identity}, "content": content}}


def _whole_answer() -> dict[str, Any]:
    answer = {"description": "The whole answer.", "content": {"application/json": {"schema": _ref("ChatAnswer")}}}
    return {"200": answer, "502": _said("The provider failed."), "504": _said("The provider took too long.")}


def _json() -> dict[str, Any]:
    return {"200": {"description": "As JSON.", "content": {"application/json": {"schema": {"type": "object"}}}}}


def _answer_schema() -> dict[str, Any]:
    text, any_object = {"type": "string"}, {"type": "object"}
    return {
        "type": "object",
        "properties": {
            "content": text,
            "reasoning": text,
            "toolCalls": {"type": "array", "items": any_object},
            "finishReason": {"enum": ["stop", "length", "tool_calls", "content_filter", "cancelled", "error"]},
            "usage": {"anyOf": [any_object, {"type": "null"}]},
        },
    }


def _said(description: str) -> dict[str, Any]:
    return {"description": description}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
