"""The contract's wire: numbered entries as Server-Sent Events. The shape of the lines is fixed, to the space.

Refuses to know where entries come from or who reads them; `docs/protocol.md` describes what is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

import msgspec

from headrace.stream.events import (
    Answered,
    Citation,
    Entry,
    Failure,
    Finish,
    Passed,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    ToolCallDelta,
)

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

_CONTENT = b'data: {"type": "content", "content": '
_REASONING = b'data: {"type": "reasoning", "content": '
_THINK_START = b'data: {"type": "reasoning", "content": "<think>"}\n\n'
_THINK_END = b'data: {"type": "reasoning", "content": "</think>"}\n\n'
_CLOSE = b"}\n\n"
_json = msgspec.json.encode


def encode(entries: Iterable[Entry], *, first: int = 1, ids: bool = False, finish: bool = False) -> bytes:
    """These entries as event-stream bytes. `first` is the number of the first one, shown when `ids`.

    A `Finish` is shown only when `finish` (the reader asked for it); `[DONE]` follows it in either case.
    """
    parts: list[bytes] = []
    for number, entry in enumerate(entries, first):
        if type(entry) is Finish:
            if finish:
                parts += (_id(number), _line(finish_object(entry))) if ids else (_line(finish_object(entry)),)
            parts.append(DONE)
            break
        if ids:
            parts.append(_id(number))
        parts.append(encode_entry(entry))
    return b"".join(parts)


def encode_entry(entry: Entry) -> bytes:
    """One entry as one event, without its number."""
    match entry:
        case TextDelta(text):
            return b"".join((_CONTENT, _json(text), _CLOSE))
        case ReasoningDelta(text):
            return b"".join((_REASONING, _json(text), _CLOSE))
        case ReasoningStart():
            return _THINK_START
        case ReasoningEnd():
            return _THINK_END
        case ToolCallDelta():
            return _line(tool_call_object(entry))
        case Citation():
            return _line(citation_object(entry))
        case Failure():
            return _line(failure_object(entry))
        case Finish():
            return _line(finish_object(entry))
        case _:
            assert_never(entry)


def tool_call_object(call: ToolCallDelta) -> dict[str, Any]:
    """The contract's `tool_call` event."""
    return {
        "type": "tool_call",
        "index": call.index,
        "id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def citation_object(citation: Citation) -> dict[str, Any]:
    """The contract's `citation` event: only what is known of it."""
    known = {
        "url": citation.url or None,
        "title": citation.title or None,
        "text": citation.text or None,
        "quote": citation.quote or None,
        "start": citation.start,
        "end": citation.end,
    }
    return {"type": "citation", **{name: value for name, value in known.items() if value is not None}}


def failure_object(failure: Failure) -> dict[str, Any]:
    """The contract's error event: `error` is the message, the rest is additive."""
    shown: dict[str, Any] = {"error": failure.message, "code": failure.code}
    if failure.status is not None:
        shown["status"] = failure.status
    shown["retryable"] = failure.retryable
    if failure.retry_after is not None:
        shown["retryAfter"] = failure.retry_after
    return shown


def usage_object(finish: Finish) -> dict[str, Any] | None:
    """Tokens by kind with their source, or None where nothing is known."""
    usage = finish.usage
    if usage is None:
        return None
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "cachedTokens": usage.cached_tokens,
        "source": usage.source,
    }


def finish_object(finish: Finish) -> dict[str, Any]:
    """The contract's `finish` event; `cost` is absent when unknown, `digest` when not asked for."""
    timing = finish.timing
    shown: dict[str, Any] = {
        "type": "finish",
        "reason": finish.reason,
        "providerReason": finish.provider_reason,
        "usage": usage_object(finish),
        "timing": timing
        and {
            "ttftMs": timing.ttft_ms,
            "durationMs": timing.duration_ms,
            "tokensPerSecond": timing.tokens_per_second,
        },
        "attempts": finish.attempts,
    }
    if finish.cost is not None:
        shown["cost"] = finish.cost
    if (digest := finish.digest) is not None:
        shown["digest"] = {
            "events": digest.events,
            "contentSha256": digest.content,
            "reasoningSha256": digest.reasoning,
        }
    if finish.answered is not None:
        shown |= answered_object(finish.answered)
    return shown


def answered_object(answered: Answered) -> dict[str, Any]:
    """Who answered in whose place, and why those did not."""
    passed = [_model_object(each) | {"code": each.code} for each in answered.passed]
    return {"answeredBy": _model_object(answered), "fallbacks": passed}


def _model_object(model: Answered | Passed) -> dict[str, Any]:
    return {"configId": model.config_id, "provider": model.provider, "model": model.model}


def _line(shown: dict[str, Any]) -> bytes:
    """One `data:` line in the seed's spacing, so that every event of the stream looks alike."""
    members = b", ".join(_json(name) + b": " + _spaced(value) for name, value in shown.items())
    return b"data: {" + members + b"}\n\n"


def _spaced(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"{" + b", ".join(_json(name) + b": " + _spaced(item) for name, item in value.items()) + b"}"
    return _json(value)


def _id(number: int) -> bytes:
    return b"id: %d\n" % number


class SSEFace(msgspec.Struct, frozen=True):
    """The contract's event stream for one kind of reader; equal faces give equal bytes, so a batch is encoded once."""

    ids: bool = False
    finish: bool = False

    def __call__(self, entries: Sequence[Entry], first: int) -> bytes:
        return encode(entries, first=first, ids=self.ids, finish=self.finish)
