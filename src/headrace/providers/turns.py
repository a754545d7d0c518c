"""A conversation in OpenAI's shape, read into turns and blocks that any other dialect can write in its own words.

Refuses, by the field's name, what it cannot read: an unknown part, arguments that are no object. What a dialect cannot
carry is for that dialect to refuse.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from headrace.errors import FramingError, RequestError
from headrace.stream.payload import decode_json

Role = Literal["user", "assistant"]

_SYSTEM_ROLES = ("system", "developer")
_DATA_URL = re.compile(r"data:(?P<type>[^,;]*)(?:;[^,;]*)*?(?P<base64>;base64)?,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    cache: Mapping[str, Any] | None = None
    """The caller's `cache_control`, for dialects that have one."""


@dataclass(frozen=True, slots=True)
class Media:
    """An image or another file: its base64 `data`, or the `url` where it lies. `field` is where the request has it."""

    field: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    cache: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Thought:
    """Reasoning of an earlier answer with what proves that it is the model's own: a signature, or it is encrypted."""

    text: str = ""
    signature: str = ""
    encrypted: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered to the call `id`; `name` is the tool's, as far as the conversation tells."""

    field: str
    id: str
    name: str
    content: Sequence[Text | Media]


Block = Text | Media | Thought | Call | Result


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Conversation:
    """System texts apart; turns alternate between user and assistant, none is empty."""

    system: list[Text]
    turns: list[Turn]

    def uses_tools(self) -> bool:
        return any(isinstance(block, Call | Result) for turn in self.turns for block in turn.blocks)


def read_conversation(messages: Sequence[Mapping[str, Any]]) -> Conversation:
    """The messages as turns. Neighbours of one role are joined, tool results are the user's, empty texts are left out.

    RequestError where nothing is left to answer.
    """
    system: list[Text] = []
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        if message.get("role") in _SYSTEM_ROLES:
            system += _texts(message.get("content"), f"{where}.content")
            continue
        role: Role = "assistant" if message.get("role") == "assistant" else "user"
        blocks = list(_blocks(message, where, names))
        if blocks and turns and turns[-1].role == role:
            turns[-1].blocks.extend(blocks)
        elif blocks:
            turns.append(Turn(role, blocks))
    if not turns:
        raise RequestError("There is nothing to answer: send at least one user message with content.", field="messages")
    return Conversation(system, turns)


def _blocks(message: Mapping[str, Any], where: str, names: dict[str, str]) -> Iterator[Block]:
    content = _parts(message.get("content"), f"{where}.content")
    if message.get("role") == "tool":
        call_id = str(message.get("tool_call_id") or "")
        yield Result(where, call_id, str(message.get("name") or names.get(call_id, "")), list(content))
        return
    if message.get("role") == "assistant":
        yield from _thoughts(message.get("reasoning_details"))
    yield from content
    for at, call in enumerate(message.get("tool_calls") or ()):
        read = read_call(call, f"{where}.tool_calls[{at}]")
        names[read.id] = read.name
        yield read


def _texts(content: Any, where: str) -> Iterator[Text]:
    for part in _parts(content, where):
        if not isinstance(part, Text):
            raise RequestError("A system message holds text only.", field=part.field)
        yield part


def _parts(content: Any, where: str) -> Iterator[Text | Media]:
    if content is None or content == "":
        return
    if isinstance(content, str):
        yield Text(content)
        return
    if not isinstance(content, list):
        raise RequestError("The content must be a string or a list of parts.", field=where)
    for at, part in enumerate(content):
        match part:
            case "" | {"type": "text", "text": ""}:
                continue
            case str():
                yield Text(part)
            case {"type": "text", "text": str(text)}:
                yield Text(text, part.get("cache_control"))
            case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
                yield read_media(url, f"{where}[{at}].image_url", part.get("cache_control"))
            case _:
                kind = part.get("type") if isinstance(part, Mapping) else None
                raise RequestError(
                    f"Only text and images can be sent, not a part of type {kind!r}.", field=f"{where}[{at}]"
                )


def read_media(url: str, where: str, cache: Mapping[str, Any] | None = None) -> Media:
    """A data URL as its base64 data, any other URL as a link."""
    head = _DATA_URL.match(url)
    if head is None:
        return Media(where, url=url, cache=cache)
    data = url[head.end() :]
    data = re.sub(r"\s+", "", data) if head["base64"] else base64.b64encode(unquote_to_bytes(data)).decode()
    return Media(where, head["type"].strip().lower(), data, cache=cache)


def _thoughts(details: Any) -> Iterator[Thought]:
    """Those details that can be sent back: without a signature a provider takes none."""
    for detail in details if isinstance(details, list) else ():
        match detail:
            case {"signature": str(signature)} if signature:
                yield Thought(str(detail.get("text") or detail.get("thinking") or ""), signature)
            case {"type": "reasoning.encrypted" | "redacted_thinking", "data": str(data)}:
                yield Thought(encrypted=data)


def read_call(call: Any, where: str) -> Call:
    """A call of an earlier answer. RequestError where it has no name, or its arguments are no object."""
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RequestError("A tool call needs function.name.", field=f"{where}.function.name")
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = decode_json(arguments.encode("utf-8", "replace"))
        except FramingError:
            arguments = None
    if not isinstance(arguments, Mapping):
        raise RequestError("The arguments must be a JSON object.", field=f"{where}.function.arguments")
    return Call(str(call.get("id") or ""), function["name"], arguments)
