"""The contract's lines, read: one event's data as a typed event. The mirror image of `stream.wire`."""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import HeadraceError
from headrace.stream.answer import StreamEvent
from headrace.stream.events import (
    Answered,
    Citation,
    Digest,
    Failure,
    Finish,
    Passed,
    ReasoningDelta,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
)

DONE = b"[DONE]"
BRACKETS = frozenset({"<think>", "</think>"})
_SHOWN = 80


class BadEventError(HeadraceError):
    """The server sent an event that is none of the contract's."""


def read_event(data: bytes) -> StreamEvent | None:
    """The event; None for a bracket of reasoning, and for a kind that this version does not know."""
    try:
        value = msgspec.json.decode(data)
        return _event(value) if isinstance(value, dict) else None
    except (msgspec.MsgspecError, KeyError, TypeError, UnicodeDecodeError) as error:
        shown = data[:_SHOWN].decode("utf-8", "replace")
        raise BadEventError(f"The server sent an event that cannot be read: {shown}") from error


def _event(value: dict[str, Any]) -> StreamEvent | None:
    if "error" in value:
        return Failure(
            value.get("code", "internal"),
            value["error"],
            value.get("status"),
            bool(value.get("retryable")),
            value.get("retryAfter"),
        )
    match value.get("type"):
        case "content":
            return TextDelta(value["content"])
        case "reasoning":
            text = value["content"]
            return None if text in BRACKETS else ReasoningDelta(text)
        case "tool_call":
            return ToolCallDelta(value["index"], value["id"], value["name"], value["arguments"])
        case "citation":
            return Citation(**{name: value[name] for name in Citation.__struct_fields__ if name in value})
        case "finish":
            return _finish(value)
    return None


def _finish(value: dict[str, Any]) -> Finish:
    usage, timing = value.get("usage"), value.get("timing")
    return Finish(
        value["reason"],
        value.get("providerReason") or "",
        usage and _usage(usage),
        timing and Timing(timing.get("ttftMs"), timing.get("durationMs"), timing.get("tokensPerSecond")),
        value.get("cost"),
        value.get("attempts", 1),
        _digest(value.get("digest")),
        _answered(value),
    )


def _digest(value: dict[str, Any] | None) -> Digest | None:
    if value is None:
        return None
    return Digest(value["events"], value["contentSha256"], value["reasoningSha256"])


def _answered(value: dict[str, Any]) -> Answered | None:
    by = value.get("answeredBy")
    if by is None:
        return None
    passed = (Passed(each["configId"], each["provider"], each["model"], each["code"]) for each in value["fallbacks"])
    return Answered(by["configId"], by["provider"], by["model"], tuple(passed))


def _usage(value: dict[str, Any]) -> Usage:
    return Usage(
        value.get("inputTokens", 0),
        value.get("outputTokens", 0),
        value.get("reasoningTokens", 0),
        value.get("cachedTokens", 0),
        value.get("source", "reported"),
    )
