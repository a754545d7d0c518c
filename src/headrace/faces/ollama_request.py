"""Reads Ollama's `/api/chat` request. https://docs.ollama.com/api/chat

What only Ollama's models know (`num_ctx`, `keep_alive`, …) goes to those; every other model is asked without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from headrace.common.request_types import MAX_MESSAGES, MAX_NAME, Message, Options
from headrace.common.requests import StreamSettings
from headrace.common.validation import checked, joined, shown
from headrace.errors import RequestError
from headrace.faces.face import Question
from headrace.faces.requests import items, member, read_body

SPEAKS = frozenset({"ollama", "ollama-generate"})
EFFORT = "medium"
"""Of a model that is told to think, where it knows levels and the request none."""
_OURS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "stop": "stop",
    "num_predict": "max_tokens",
}
_PICTURES = {"iVBORw0KGgo": "png", "/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp"}
"""How the base64 of each kind begins: Ollama's images have no type beside them."""


class ChatBody(msgspec.Struct, frozen=True, kw_only=True):
    model: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="A model's name.")]
    messages: Annotated[
        list[dict[str, Any]], Meta(min_length=1, max_length=MAX_MESSAGES, description="A list of messages.")
    ]
    stream: Annotated[bool | None, Meta(description="True or false.")] = None
    tools: Annotated[list[dict[str, Any]] | None, Meta(description="A list of tools.")] = None
    format: Annotated[str | dict[str, Any] | None, Meta(description='"json", or a JSON schema.')] = None
    options: Annotated[dict[str, Any] | None, Meta(description="An object.")] = None
    think: Annotated[bool | str | None, Meta(description="True, false, or a level such as low.")] = None


def read_chat(data: bytes) -> Question:
    """The request in these bytes. RequestError names the field that is wrong."""
    body, rest = read_body(ChatBody, data)
    chosen = dict(body.options or {})
    ours = {_OURS[name]: value for name, value in chosen.items() if name in _OURS and value is not None}
    theirs = {name: value for name, value in chosen.items() if name not in _OURS}
    if isinstance(ours.get("max_tokens"), int) and ours["max_tokens"] < 0:
        ours["max_tokens"] = None  # without end, or until the context is full
    options = checked(
        Options,
        {"temperature": None, "max_tokens": None} | ours | {"tools": body.tools, "response_format": _format(body)},
        at="options",
    )
    own = rest | ({} if body.think is None else {"think": body.think}) | ({"options": theirs} if theirs else {})
    return Question(
        body.model.strip(),
        body.stream is not False,
        StreamSettings(),
        _messages(body.messages),
        options,
        SPEAKS,
        own,
        {"reasoning_effort": _effort(body.think)},
    )


def _effort(think: bool | str | None) -> str | None:
    return EFFORT if think is True else think or None


def _format(body: ChatBody) -> dict[str, Any] | None:
    wanted = body.format
    if not wanted:
        return None
    if isinstance(wanted, dict):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted}}
    if wanted != "json":
        raise RequestError(f'format must be "json" or a JSON schema; got {shown(wanted)}', field="format")
    return {"type": "json_object"}


def _messages(messages: list[dict[str, Any]]) -> list[Message]:
    """In our form. A result names its tool, not its call: it answers the first call of that tool without one."""
    numbers = count()
    waiting: list[tuple[str, str]] = []
    return [
        checked(Message, _message(each, f"messages[{n}]", numbers, waiting), at=f"messages[{n}]")
        for n, each in enumerate(messages)
    ]


def _message(said: dict[str, Any], at: str, numbers: Any, waiting: list[tuple[str, str]]) -> dict[str, Any]:
    text = said.get("content")
    pictures = [_picture(each, f"{at}.images[{n}]") for n, each in enumerate(items(said, "images", at))]
    content = [*([{"type": "text", "text": text}] if text else []), *pictures] if pictures else text
    out: dict[str, Any] = {"role": said.get("role"), "content": content}
    if said.get("thinking"):
        out["reasoning_content"] = said["thinking"]
    if calls := items(said, "tool_calls", at):
        out["tool_calls"] = _calls(calls, joined(at, "tool_calls"), numbers, waiting)
    if said.get("role") == "tool":
        out |= _answered(said, waiting)
    return out


def _calls(calls: list[Any], at: str, numbers: Any, waiting: list[tuple[str, str]]) -> list[dict[str, Any]]:
    out = []
    for n, call in enumerate(calls):
        where = f"{at}[{n}]"
        function = member(call if isinstance(call, Mapping) else {}, "function", dict, "an object", where)
        name = member(function, "name", str, "the tool's name", f"{where}.function")
        given = member({"arguments": {}} | function, "arguments", dict, "an object", f"{where}.function")
        call_id = str(call.get("id") or f"call_{next(numbers)}")
        waiting.append((name, call_id))
        arguments = msgspec.json.encode(given).decode()
        out.append({"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}})
    return out


def _answered(said: dict[str, Any], waiting: list[tuple[str, str]]) -> dict[str, Any]:
    """The call that a result answers: by its id, by its tool, else the one that has waited longest."""
    call_id, name = said.get("tool_call_id"), said.get("tool_name") or said.get("name")
    found = (
        next((each for each in waiting if each[1] == call_id), None)
        or next((each for each in waiting if each[0] == name), None)
        or (waiting[0] if waiting and not name else None)
    )
    if found is not None:
        waiting.remove(found)
    return {"tool_call_id": call_id or (found[1] if found else None), "name": name or (found[0] if found else None)}


def _picture(data: Any, at: str) -> dict[str, Any]:
    kind = next((kind for start, kind in _PICTURES.items() if isinstance(data, str) and data.startswith(start)), None)
    if kind is None:
        raise RequestError(f"{at} must be the base64 of a PNG, JPEG, GIF or WebP picture", field=at)
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{data}"}}
