"""The shape of Converse's events, decoded fast where it is as documented and by hand where it is not.

Refuses nothing but what is no JSON object: a field of a wrong type is read for what it can mean, or left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.lenient import as_text, whole_number


class ToolUse(msgspec.Struct, gc=False, rename="camel"):
    tool_use_id: str | None = None
    name: str | None = None
    input: Any = None


class Reasoning(msgspec.Struct, gc=False):
    text: str | None = None


class Delta(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    reasoning_content: Reasoning | None = None
    tool_use: ToolUse | None = None
    citation: Any = None


class Start(msgspec.Struct, gc=False, rename="camel"):
    tool_use: ToolUse | None = None


class Counts(msgspec.Struct, gc=False, rename="camel"):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_read_input_token_count: int | None = None
    """Nova's name for the same, where it is invoked."""


class Body(msgspec.Struct, gc=False, rename="camel"):
    """Any event's fields; which are set, its name says."""

    content_block_index: int | None = None
    delta: Delta | None = None
    start: Start | None = None
    stop_reason: str | None = None
    usage: Counts | None = None


decode_strictly = msgspec.json.Decoder(Body).decode


def rebuild(value: Any) -> Body:
    """A body out of plain JSON values, whatever their types."""
    if not isinstance(value, dict):
        raise FramingError("an event that is no JSON object")
    delta, start = value.get("delta"), value.get("start")
    return Body(
        content_block_index=whole_number(value.get("contentBlockIndex")),
        delta=_rebuilt_delta(delta) if isinstance(delta, dict) else None,
        start=Start(tool_use_of(start.get("toolUse"))) if isinstance(start, dict) else None,
        stop_reason=as_text(value.get("stopReason")),
        usage=counts_of(value.get("usage")),
    )


def _rebuilt_delta(value: dict[str, Any]) -> Delta:
    reasoning = value.get("reasoningContent")
    return Delta(
        text=as_text(value.get("text")),
        reasoning_content=Reasoning(as_text(reasoning.get("text"))) if isinstance(reasoning, dict) else None,
        tool_use=tool_use_of(value.get("toolUse")),
        citation=value.get("citation"),
    )


def tool_use_of(value: Any) -> ToolUse | None:
    if not isinstance(value, dict):
        return None
    return ToolUse(as_text(value.get("toolUseId")), as_text(value.get("name")), value.get("input"))


def counts_of(value: Any) -> Counts | None:
    if not isinstance(value, dict):
        return None
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheReadInputTokenCount")
    return Counts(*(whole_number(value.get(name)) for name in names))
