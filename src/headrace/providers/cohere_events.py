"""The shape of an event of Cohere's chat, decoded fast where it is as documented and by hand where it is not.

Refuses nothing but what is no JSON object: a field of a wrong type is read for what it can mean, or left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.lenient import as_text, whole_number


class Content(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Call(msgspec.Struct, gc=False):
    id: str | None = None
    function: Function | None = None


class Message(msgspec.Struct, gc=False):
    """One of each, in its own event; at the beginning of all they are empty lists."""

    content: Content | list[Content] | None = None
    tool_calls: Call | list[Call] | None = None
    citations: Any = None


class Tokens(msgspec.Struct, gc=False):
    input_tokens: int | float | None = None
    output_tokens: int | float | None = None
    reasoning_tokens: int | float | None = None


class Counts(msgspec.Struct, gc=False):
    tokens: Tokens | None = None
    billed_units: Tokens | None = None
    cached_tokens: int | float | None = None


class Delta(msgspec.Struct, gc=False):
    message: Message | None = None
    finish_reason: str | None = None
    usage: Counts | None = None
    error: Any = None


class WireEvent(msgspec.Struct, gc=False):
    type: str | None = None
    index: int | None = None
    delta: Delta | None = None


decode_strictly = msgspec.json.Decoder(WireEvent).decode


def rebuild(value: Any) -> WireEvent:
    """An event out of plain JSON values, whatever their types."""
    if not isinstance(value, dict):
        raise FramingError("an event that is no JSON object")
    delta = value.get("delta")
    return WireEvent(
        as_text(value.get("type")),
        whole_number(value.get("index")),
        rebuilt_delta(delta) if isinstance(delta, dict) else None,
    )


def rebuilt_delta(value: dict[str, Any]) -> Delta:
    message = value.get("message")
    return Delta(
        rebuilt_message(message) if isinstance(message, dict) else None,
        as_text(value.get("finish_reason")),
        rebuilt_counts(value.get("usage")),
        value.get("error"),
    )


def rebuilt_message(value: dict[str, Any]) -> Message:
    content, call = value.get("content"), value.get("tool_calls")
    return Message(
        rebuilt_content(content) if isinstance(content, dict) else None,
        rebuilt_call(call) if isinstance(call, dict) else None,
        value.get("citations"),
    )


def rebuilt_content(value: dict[str, Any]) -> Content:
    return Content(as_text(value.get("type")), as_text(value.get("text")), as_text(value.get("thinking")))


def rebuilt_call(value: Any) -> Call:
    value = value if isinstance(value, dict) else {}
    function = value.get("function")
    if not isinstance(function, dict):
        return Call(as_text(value.get("id")))
    arguments = function.get("arguments")
    told = arguments if isinstance(arguments, dict) else as_text(arguments)
    return Call(as_text(value.get("id")), Function(as_text(function.get("name")), told))


def rebuilt_counts(value: Any) -> Counts | None:
    if not isinstance(value, dict):
        return None
    tokens, billed = (rebuilt_tokens(value.get(name)) for name in ("tokens", "billed_units"))
    return Counts(tokens, billed, whole_number(value.get("cached_tokens")))


def rebuilt_tokens(value: Any) -> Tokens | None:
    if not isinstance(value, dict):
        return None
    names = ("input_tokens", "output_tokens", "reasoning_tokens")
    return Tokens(*(whole_number(value.get(name)) for name in names))
