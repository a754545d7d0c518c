"""Reads what `useChat` posts: the messages of its page, and in `body` the model's name and the options.

Refuses files that are no pictures. What a page keeps in its messages for itself (data, sources) is not sent upstream.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

from headrace.common.request_types import MAX_MESSAGES, MAX_NAME, Options
from headrace.common.requests import settings_of
from headrace.common.validation import shown
from headrace.errors import RequestError
from headrace.faces.face import Question
from headrace.faces.requests import content_of, member, read_body, talk_of

_OPENING = ("tool-", "dynamic-tool")


class UIBody(Options, frozen=True, kw_only=True, rename="camel"):
    """What `useChat` sends, and the options of a chat beside it."""

    model: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="A model's name.")]
    messages: Annotated[
        list[dict[str, Any]], Meta(min_length=1, max_length=MAX_MESSAGES, description="A list of UI messages.")
    ]
    stream: Annotated[bool | None, Meta(description="True or false.")] = None
    system: Annotated[str | None, Meta(description="A string.")] = None


def read_chat(data: bytes) -> Question:
    """The request in these bytes. RequestError names the field that is wrong."""
    body, _ = read_body(UIBody, data)
    limit = None if body.max_tokens is UNSET else body.max_tokens
    heat = None if body.temperature is UNSET else body.temperature
    first = [{"role": "system", "content": body.system}] if body.system else []
    said = [each for n, message in enumerate(body.messages) for each in _said(message, f"messages[{n}]")]
    options = msgspec.structs.replace(body, max_tokens=limit, temperature=heat)
    return Question(body.model.strip(), body.stream is not False, settings_of(body), talk_of([*first, *said]), options)


def _said(message: Mapping[str, Any], at: str) -> Iterator[dict[str, Any]]:
    """One message of a page as messages of ours: an assistant's has its steps, each with its calls and results."""
    role = message.get("role")
    if role not in ("system", "user", "assistant"):
        raise RequestError(f"{at}.role must be system, user or assistant; got {shown(role)}", field=f"{at}.role")
    parts = member(message, "parts", list, "a list of parts", at)
    step = _Step(str(role))
    for n, part in enumerate(parts):
        if isinstance(part, Mapping) and part.get("type") == "step-start":
            yield from step.messages()
            step = _Step(str(role))
        else:
            step.add(part, f"{at}.parts[{n}]")
    yield from step.messages()


class _Step:
    """What was said in one step, and what the tools answered."""

    def __init__(self, role: str) -> None:
        self._message: dict[str, Any] = {"role": role}
        self._content: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []

    def add(self, part: Any, at: str) -> None:
        match part:
            case {"type": "text", "text": str(text)}:
                if text:
                    self._content.append({"type": "text", "text": text})
            case {"type": "reasoning", "text": str(text)}:
                self._message["reasoning_content"] = self._message.get("reasoning_content", "") + text
            case {"type": "file", "mediaType": str(kind), "url": str(url)}:
                self._content.append(_picture(kind, url, at))
            case {"type": str(kind)} if kind.startswith(_OPENING):
                self._add_call(part, kind, at)
            case {"type": str()}:
                pass  # the page's own
            case _:
                raise RequestError(f"{at} must be a part with a type; got {shown(part)}", field=at)

    def _add_call(self, part: Mapping[str, Any], kind: str, at: str) -> None:
        """A call with its answer. One that has none yet is left out: no model takes a call that nobody answered."""
        failed, answered = part.get("state") == "output-error", part.get("state") == "output-available"
        if not (failed or answered):
            return
        name = kind.removeprefix("tool-") if kind != "dynamic-tool" else part.get("toolName")
        call_id = member(part, "toolCallId", str, "the call's id", at)
        given = msgspec.json.encode(part.get("input") or {}).decode()
        call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": given}}
        self._message.setdefault("tool_calls", []).append(call)
        output = part.get("errorText") if failed else part.get("output")
        text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
        self._results.append({"role": "tool", "tool_call_id": call_id, "content": text})

    def messages(self) -> Iterator[dict[str, Any]]:
        calls = "tool_calls" in self._message
        if self._content or calls:
            yield self._message | {"content": content_of(self._content)}
        yield from self._results


def _picture(kind: str, url: str, at: str) -> dict[str, Any]:
    if not kind.startswith("image/"):
        message = f"{at}: a file of type {shown(kind)} is not understood here; send pictures, or their text"
        raise RequestError(message, field=at)
    return {"type": "image_url", "image_url": {"url": url}}
