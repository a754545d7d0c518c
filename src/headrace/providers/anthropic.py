"""Anthropic Messages, wherever it is spoken. https://platform.claude.com/docs/en/build-with-claude/streaming

Refuses to take the server's own tools for the caller's, and to show what is signed or encrypted: only text, thoughts
and calls of the caller's tools are the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.errors import ErrorCode, FramingError
from headrace.providers.anthropic_events import Block, Counts, Delta, WireEvent, decode, decode_strictly, rebuild
from headrace.providers.anthropic_request import build
from headrace.providers.base import Adapter
from headrace.providers.citations import Sources, cite
from headrace.providers.error_facts import find_error, read_facts
from headrace.providers.failures import failure, failure_in_stream
from headrace.providers.lenient import count_of
from headrace.providers.tool_calls import arguments_text
from headrace.stream.events import (
    Citation,
    Event,
    Failure,
    Finish,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from headrace.stream.framing import Frame, SSEDecoder
from headrace.stream.payload import decode_json

FINISH_REASONS: Mapping[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "length": "length",
    "tool_use": "tool_calls",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
}
"""Words for the end that are not `stop`, with those that other hosts of this dialect use; an unknown one is `stop`."""

_ERRORS: Mapping[str, ErrorCode] = {
    "api_error": "upstream_unavailable",
    "timeout_error": "upstream_timeout",
    "invalid_request_error": "upstream_bad_request",
    "request_too_large": "upstream_bad_request",
    "not_found_error": "upstream_not_found",
}
"""Kinds of errors in a stream whose words alone say too little."""


class _OpenCall:
    """A call whose block has not ended; `given` are arguments that came with its beginning."""

    __slots__ = ("given", "number", "streamed")

    def __init__(self, number: int, given: str) -> None:
        self.number = number
        self.given = given
        self.streamed = False


class AnthropicParser:
    """One answer, event by event."""

    __slots__ = ("_calls", "_finished", "_open", "_sources", "_usage", "provider_reason")

    def __init__(self) -> None:
        self._calls = 0
        self._open: dict[int | None, _OpenCall] = {}
        self._sources = Sources()
        self._usage = Usage()
        self._finished = False
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        try:
            event = decode_strictly(frame.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._odd(frame)
        delta = event.delta
        if delta is not None and delta.type == "text_delta":
            return [TextDelta(delta.text)] if delta.text else []
        return self._event(event, frame)

    def close(self) -> list[Event]:
        return self._finish() if self._finished else []

    def whole(self, data: bytes) -> list[Event]:
        """The events of a complete JSON answer; FramingError where it is none."""
        answer = decode(data)
        if answer.content is None:
            if (facts := find_error(decode_json(data))) is not None:
                return [failure_in_stream(facts)]
            raise FramingError("JSON that is neither a message nor an error", code="upstream_not_a_stream")
        events: list[Event] = []
        for index, block in enumerate(answer.content):
            events += self._begin(block, index)
            events += self._end(index)
        self._count(answer.usage, events)
        self.provider_reason = answer.stop_reason or ""
        return [*events, *self._finish()]

    def _odd(self, frame: Frame) -> list[Event]:
        """Data that the typed decoder refuses: nothing at all, an end mark, an error in prose, or an odd event."""
        data = frame.data.strip()
        if not data or data == b"[DONE]":
            return self.close() if data else []
        try:
            return self._event(rebuild(decode_json(frame.data, halves=True)), frame)
        except FramingError:
            if frame.name != "error":
                raise
            return [failure_in_stream(read_facts(data.decode("utf-8", "replace")))]

    def _event(self, event: WireEvent, frame: Frame) -> list[Event]:
        match event.type:
            case "content_block_delta":
                return self._delta(event) if event.delta is not None else []
            case "content_block_start":
                return self._begin(event.content_block, event.index) if event.content_block is not None else []
            case "content_block_stop":
                return self._end(event.index)
            case "message_start" | "message_delta":
                return self._message(event)
            case "message_stop":
                return self._finish()
            case "ping":
                return []
        return self._unknown(event.type, frame)

    def _unknown(self, kind: str | None, frame: Frame) -> list[Event]:
        """An error in any of its clothes; whatever else is new says nothing."""
        body = decode_json(frame.data)
        if kind not in (None, "error") and not (isinstance(body, dict) and body.get("error")):
            return []
        facts = find_error(body)
        if facts is None and "error" in (kind, frame.name):
            facts = read_facts(body)
        return [] if facts is None else [_failure(facts.kind, failure_in_stream(facts))]

    def _delta(self, event: WireEvent) -> list[Event]:
        delta = event.delta or Delta()
        if delta.type == "text_delta":
            return [TextDelta(delta.text)] if delta.text else []
        if delta.type == "thinking_delta":
            return [ReasoningDelta(delta.thinking)] if delta.thinking else []
        if delta.type == "citations_delta":
            return list(self._sources.new([_cite(delta.citation)]))
        call = self._open.get(event.index)
        if call is None or not delta.partial_json:
            return []
        call.streamed = True
        return [ToolCallDelta(call.number, arguments=delta.partial_json)]

    def _begin(self, block: Block, index: int | None) -> list[Event]:
        if block.type == "text":
            said = [TextDelta(block.text)] if block.text else []
            return [*said, *self._sources.new(map(_cite, block.citations or ()))]
        if block.type == "thinking":
            return [ReasoningDelta(block.thinking)] if block.thinking else []
        if block.type != "tool_use":
            return []
        before = self._end(index)
        self._open[index] = _OpenCall(self._calls, arguments_text(block.input) or "{}")
        self._calls += 1
        return [*before, ToolCallDelta(self._calls - 1, block.id or "", block.name or "")]

    def _end(self, index: int | None) -> list[Event]:
        call = self._open.pop(index, None)
        return [] if call is None or call.streamed else [ToolCallDelta(call.number, arguments=call.given)]

    def _message(self, event: WireEvent) -> list[Event]:
        events: list[Event] = []
        if event.message is not None:
            self._count(event.message.usage, events)
        self._count(event.usage, events)
        if event.delta is not None and event.delta.stop_reason:
            self._finished = True
            self.provider_reason = event.delta.stop_reason
        return events

    def _count(self, counts: Counts | None, events: list[Event]) -> None:
        """Each report is of the whole so far. A later 0 for the prompt or the answer is a host that left it out."""
        if counts is None:
            return
        known, details = self._usage, counts.output_tokens_details
        thought = details.thinking_tokens if details is not None else None
        cached = counts.cache_read_input_tokens
        self._usage = Usage(
            count_of(counts.input_tokens) or known.input_tokens,
            count_of(counts.output_tokens) or known.output_tokens,
            known.reasoning_tokens if thought is None else count_of(thought),
            known.cached_tokens if cached is None else count_of(cached),
        )
        events.append(self._usage)

    def _finish(self) -> list[Event]:
        rest = [event for index in list(self._open) for event in self._end(index)]
        return [*rest, Finish(FINISH_REASONS.get(self.provider_reason, "stop"), self.provider_reason)]


def _cite(location: Any) -> Citation | None:
    """A place in a document of the caller's, or on a page that was found."""
    if not isinstance(location, dict):
        return None
    return cite(
        location.get("url") or location.get("source"),
        location.get("title") or location.get("document_title"),
        quote=location.get("cited_text"),
    )


def _failure(kind: str, known: Failure) -> Failure:
    code = _ERRORS.get(kind) if known.code == "upstream_error" else None
    return known if code is None else failure(code, known.message, status=known.status)


def _read_whole(data: bytes) -> list[Event]:
    return AnthropicParser().whole(data)


def _framing() -> SSEDecoder:
    """Some hosts leave out the last empty line."""
    return SSEDecoder(deliver_tail=True)


ADAPTER = Adapter("anthropic", _framing, build, AnthropicParser, _read_whole)
