"""The shape of an OpenAI chat chunk, decoded fast where it is as documented and by hand where it is not.

Refuses nothing but what is no JSON object: a field of a wrong type is read for what it can mean, or left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.lenient import as_text, whole_number
from headrace.stream.payload import decode_json


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | list[Any] | None = None


class Call(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Detail(msgspec.Struct, gc=False):
    """One of OpenRouter's `reasoning_details`: text or a summary of it; encrypted ones have neither."""

    text: str | None = None
    summary: str | None = None


class Delta(msgspec.Struct, gc=False):
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Call] | None = None
    reasoning_details: list[Detail] | None = None
    thinking: str | None = None
    refusal: str | None = None
    function_call: Function | None = None
    annotations: list[Any] | None = None


class TokenDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class TokenCounts(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None


class Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: Delta | None = None
    finish_reason: str | None = None
    message: Delta | None = None
    usage: TokenCounts | None = None
    error: Any = None
    text: str | None = None
    """Of a completion, the form before there were chats."""


class Groq(msgspec.Struct, gc=False):
    usage: TokenCounts | None = None
    error: Any = None


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    error: Any = None
    x_groq: Groq | None = None
    citations: list[Any] | None = None
    search_results: list[Any] | None = None


decode_strictly = msgspec.json.Decoder(Chunk).decode
"""Raises one of STRICT_ERRORS for whatever is not as documented."""
STRICT_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_leniently(data: bytes) -> Chunk:
    """A chunk whose texts may begin or end in half a character; FramingError for what is no JSON object."""
    value = decode_json(data, halves=True)
    return rebuild(value[0] if isinstance(value, list) and len(value) == 1 else value)


def rebuild(value: Any) -> Chunk:
    """A chunk out of plain JSON values, whatever their types."""
    if not isinstance(value, dict):
        raise FramingError("an event that is no JSON object")
    choices, groq = value.get("choices"), value.get("x_groq")
    return Chunk(
        choices=[_choice(item) for item in choices if isinstance(item, dict)] if isinstance(choices, list) else None,
        usage=counts_of(value.get("usage")),
        error=value.get("error"),
        x_groq=Groq(counts_of(groq.get("usage")), groq.get("error")) if isinstance(groq, dict) else None,
        citations=_list(value.get("citations")),
        search_results=_list(value.get("search_results")),
    )


def _choice(value: dict[str, Any]) -> Choice:
    return Choice(
        index=whole_number(value.get("index")),
        delta=_delta(value.get("delta")),
        finish_reason=as_text(value.get("finish_reason")),
        message=_delta(value.get("message")),
        usage=counts_of(value.get("usage")),
        error=value.get("error"),
        text=as_text(value.get("text")),
    )


def _delta(value: Any) -> Delta | None:
    if not isinstance(value, dict):
        return None
    content, calls, details = value.get("content"), value.get("tool_calls"), value.get("reasoning_details")
    return Delta(
        content=[content] if isinstance(content, dict) else content if isinstance(content, list) else as_text(content),
        reasoning_content=as_text(value.get("reasoning_content")),
        reasoning=as_text(value.get("reasoning")),
        tool_calls=_calls([calls] if isinstance(calls, dict) else calls),
        reasoning_details=[_detail(item) for item in details] if isinstance(details, list) else None,
        thinking=as_text(value.get("thinking")),
        refusal=as_text(value.get("refusal")),
        function_call=_function(value.get("function_call")),
        annotations=_list(value.get("annotations")),
    )


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def _calls(value: Any) -> list[Call] | None:
    return [_call(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else None


def _call(value: dict[str, Any]) -> Call:
    function = _function(value.get("function"))
    return Call(whole_number(value.get("index")), as_text(value.get("id")), function)


def _function(value: Any) -> Function | None:
    if not isinstance(value, dict):
        return None
    arguments = value.get("arguments")
    given = arguments if isinstance(arguments, dict | list) else as_text(arguments)
    return Function(as_text(value.get("name")), given)


def _detail(value: Any) -> Detail:
    if not isinstance(value, dict):
        return Detail()
    return Detail(as_text(value.get("text")), as_text(value.get("summary")))


def counts_of(value: Any) -> TokenCounts | None:
    if not isinstance(value, dict):
        return None
    return TokenCounts(
        prompt_tokens=whole_number(value.get("prompt_tokens")),
        completion_tokens=whole_number(value.get("completion_tokens")),
        prompt_tokens_details=_details(value.get("prompt_tokens_details")),
        completion_tokens_details=_details(value.get("completion_tokens_details")),
        reasoning_tokens=whole_number(value.get("reasoning_tokens")),
        cached_tokens=whole_number(value.get("cached_tokens")),
        prompt_cache_hit_tokens=whole_number(value.get("prompt_cache_hit_tokens")),
    )


def _details(value: Any) -> TokenDetails | None:
    if not isinstance(value, dict):
        return None
    return TokenDetails(whole_number(value.get("reasoning_tokens")), whole_number(value.get("cached_tokens")))
