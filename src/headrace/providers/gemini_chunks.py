"""The shape of a piece of Gemini's answer, decoded fast where it is as documented and by hand where it is not.

Refuses nothing but what is no JSON object: a field of a wrong type is read for what it can mean, or left out.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from headrace.errors import FramingError
from headrace.providers.lenient import as_text, whole_number


class PartialArg(msgspec.Struct, gc=False, rename="camel"):
    """One value of a call's arguments, or a piece of one; the field that is set says its type."""

    json_path: str = ""
    string_value: str | UnsetType = UNSET
    number_value: float | int | UnsetType = UNSET
    bool_value: bool | UnsetType = UNSET
    null_value: Any = UNSET
    will_continue: bool | None = None


class FunctionCall(msgspec.Struct, gc=False, rename="camel"):
    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class Part(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    function_call: FunctionCall | None = None


class Content(msgspec.Struct, gc=False):
    parts: list[Part] | None = None


class Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: Content | None = None
    finish_reason: str | int | None = None
    index: int | None = None
    grounding_metadata: Any = None
    citation_metadata: Any = None


class Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: str | int | None = None


class Counts(msgspec.Struct, gc=False, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None


class Chunk(msgspec.Struct, gc=False, rename="camel"):
    candidates: list[Candidate] | None = None
    usage_metadata: Counts | None = None
    prompt_feedback: Feedback | None = None
    error: Any = None


decode_strictly = msgspec.json.Decoder(Chunk).decode


def rebuild(value: Any) -> Chunk:
    """A chunk out of plain JSON values, whatever their types."""
    if not isinstance(value, dict):
        raise FramingError("an event that is no JSON object")
    candidates, feedback = value.get("candidates"), value.get("promptFeedback")
    return Chunk(
        candidates=[_candidate(item) for item in _objects(candidates)] if isinstance(candidates, list) else None,
        usage_metadata=_counts(value.get("usageMetadata")),
        prompt_feedback=Feedback(as_text(feedback.get("blockReason"))) if isinstance(feedback, dict) else None,
        error=value.get("error"),
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _candidate(value: dict[str, Any]) -> Candidate:
    content = value.get("content")
    parts = _objects(content.get("parts")) if isinstance(content, dict) else []
    return Candidate(
        content=Content([_part(part) for part in parts]),
        finish_reason=as_text(value.get("finishReason")),
        index=whole_number(value.get("index")),
        grounding_metadata=value.get("groundingMetadata"),
        citation_metadata=value.get("citationMetadata"),
    )


def _part(value: dict[str, Any]) -> Part:
    call = value.get("functionCall")
    return Part(
        text=as_text(value.get("text")),
        thought=value.get("thought") is True,
        function_call=_call(call) if isinstance(call, dict) else None,
    )


def _call(value: dict[str, Any]) -> FunctionCall:
    args = value.get("args")
    return FunctionCall(
        id=as_text(value.get("id")),
        name=as_text(value.get("name")),
        args=args if isinstance(args, dict) else None,
        partial_args=[_partial(item) for item in _objects(value.get("partialArgs"))] or None,
        will_continue=value.get("willContinue") is True,
    )


def _partial(value: dict[str, Any]) -> PartialArg:
    text, number, flag = value.get("stringValue"), value.get("numberValue"), value.get("boolValue")
    return PartialArg(
        json_path=as_text(value.get("jsonPath")) or "",
        string_value=text if isinstance(text, str) else UNSET,
        number_value=number if isinstance(number, int | float) else UNSET,
        bool_value=flag if isinstance(flag, bool) else UNSET,
        null_value=value.get("nullValue", UNSET),
        will_continue=value.get("willContinue") is True,
    )


def _counts(value: Any) -> Counts | None:
    if not isinstance(value, dict):
        return None
    return Counts(
        prompt_token_count=whole_number(value.get("promptTokenCount")),
        candidates_token_count=whole_number(value.get("candidatesTokenCount")),
        thoughts_token_count=whole_number(value.get("thoughtsTokenCount")),
        cached_content_token_count=whole_number(value.get("cachedContentTokenCount")),
    )
