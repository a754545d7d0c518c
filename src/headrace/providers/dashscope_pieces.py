"""The shape of a piece of DashScope's answer, decoded fast where it is as documented and by hand where it is not.

Refuses nothing but what is no JSON object: a field of a wrong type is read for what it can mean, or left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.lenient import as_text, whole_number


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Call(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Message(msgspec.Struct, gc=False):
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    tool_calls: list[Call] | None = None
    extra: Any = None


class Choice(msgspec.Struct, gc=False):
    message: Message | None = None
    finish_reason: str | None = None


class Output(msgspec.Struct, gc=False):
    """Text models fill `choices` or, asked for bare text, `text`; applications `text`; research `message`."""

    choices: list[Choice] | None = None
    text: str | None = None
    message: Message | None = None
    finish_reason: str | None = None
    fininshed_reason: str | None = None
    search_info: Any = None


class Details(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class Counts(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens_details: Details | None = None
    prompt_tokens_details: Details | None = None
    models: list[Counts] | None = None


class Piece(msgspec.Struct, gc=False):
    output: Output | None = None
    usage: Counts | None = None
    code: Any = None


decode_strictly = msgspec.json.Decoder(Piece).decode


def rebuild(value: Any) -> Piece:
    """A piece out of plain JSON values, whatever their types."""
    if not isinstance(value, dict):
        raise FramingError("an event that is no JSON object")
    output = value.get("output")
    return Piece(
        rebuilt_output(output) if isinstance(output, dict) else None,
        rebuilt_counts(value.get("usage")),
        value.get("code"),
    )


def rebuilt_output(value: dict[str, Any]) -> Output:
    choices = value.get("choices")
    return Output(
        choices=[rebuilt_choice(item) for item in choices if isinstance(item, dict)]
        if isinstance(choices, list)
        else None,
        text=as_text(value.get("text")),
        message=rebuilt_message(value.get("message")),
        finish_reason=as_text(value.get("finish_reason")),
        fininshed_reason=as_text(value.get("fininshed_reason")),
        search_info=value.get("search_info"),
    )


def rebuilt_choice(value: dict[str, Any]) -> Choice:
    return Choice(rebuilt_message(value.get("message")), as_text(value.get("finish_reason")))


def rebuilt_message(value: Any) -> Message | None:
    if not isinstance(value, dict):
        return None
    content, calls = value.get("content"), value.get("tool_calls")
    return Message(
        content if isinstance(content, list) else as_text(content),
        as_text(value.get("reasoning_content")),
        [rebuilt_call(item) for item in calls if isinstance(item, dict)] if isinstance(calls, list) else None,
        value.get("extra"),
    )


def rebuilt_call(value: dict[str, Any]) -> Call:
    function = value.get("function")
    if not isinstance(function, dict):
        return Call(whole_number(value.get("index")), as_text(value.get("id")))
    arguments = function.get("arguments")
    told = arguments if isinstance(arguments, dict) else as_text(arguments)
    return Call(
        whole_number(value.get("index")), as_text(value.get("id")), Function(as_text(function.get("name")), told)
    )


def rebuilt_counts(value: Any, depth: int = 0) -> Counts | None:
    if not isinstance(value, dict):
        return None
    models = value.get("models")
    inner = [rebuilt_counts(item, 1) for item in models] if isinstance(models, list) and not depth else []
    return Counts(
        whole_number(value.get("input_tokens")),
        whole_number(value.get("output_tokens")),
        whole_number(value.get("cached_tokens")),
        rebuilt_details(value.get("output_tokens_details")),
        rebuilt_details(value.get("prompt_tokens_details")),
        [one for one in inner if one is not None] or None,
    )


def rebuilt_details(value: Any) -> Details | None:
    if not isinstance(value, dict):
        return None
    return Details(whole_number(value.get("reasoning_tokens")), whole_number(value.get("cached_tokens")))
