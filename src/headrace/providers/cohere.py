"""Cohere's chat, version 2. https://docs.cohere.com/v2/docs/streaming

The plan that comes before tools (`tool_plan`) is no part of the answer and no chain of thought: it is left out. Refuses
to pass on the documents behind a citation: their names and what they say in short are enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.errors import ErrorCode, FramingError
from headrace.providers.base import Adapter
from headrace.providers.citations import Sources, cite
from headrace.providers.cohere_events import (
    Call,
    Content,
    Counts,
    Delta,
    Function,
    WireEvent,
    decode_strictly,
    rebuild,
    rebuilt_call,
    rebuilt_counts,
)
from headrace.providers.cohere_request import build
from headrace.providers.error_facts import ErrorFacts, find_error, read_facts
from headrace.providers.failures import failure, failure_in_stream
from headrace.providers.lenient import as_text, count_of, parts, whole_number
from headrace.providers.openai_chunks import STRICT_ERRORS
from headrace.providers.tool_calls import ToolCallNumbering, arguments_text
from headrace.stream.events import (
    Citation,
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from headrace.stream.framing import Frame, SSEDecoder
from headrace.stream.payload import decode_json

FINISH_REASONS: Mapping[str, FinishReason] = {
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}
"""Words for the end that are not `stop`; an unknown one is `stop`."""
_BROKEN: Mapping[str, ErrorCode] = {
    "ERROR": "upstream_error",
    "TIMEOUT": "upstream_timeout",
    "USER_CANCEL": "upstream_error",
}
"""Words for an end in mid-answer."""


class CohereParser:
    """One answer, event by event."""

    __slots__ = ("_calls", "_sources", "provider_reason")

    def __init__(self) -> None:
        self._calls = ToolCallNumbering()
        self._sources = Sources()
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        try:
            event = decode_strictly(frame.data)
        except STRICT_ERRORS:
            if frame.data.strip() in (b"", b"[DONE]"):
                return []
            event = rebuild(decode_json(frame.data, halves=True))
        delta = event.delta
        if event.type == "content-delta" and delta is not None and delta.message is not None:
            content = delta.message.content
            if isinstance(content, Content):
                return _said(content)
        return list(self._event(event, frame))

    def close(self) -> list[Event]:
        return []

    def whole(self, data: bytes) -> list[Event]:
        """The events of a complete JSON answer; FramingError where it is none."""
        body = decode_json(data)
        message = body.get("message") if isinstance(body, dict) else None
        if not isinstance(message, dict) or not isinstance(body, dict):
            if (facts := _error(body)) is not None:
                return [failure_in_stream(facts)]
            raise FramingError("JSON that is neither an answer nor an error", code="upstream_not_a_stream")
        events: list[Event] = []
        for thinking, text in parts(message.get("content")):
            events.append(ReasoningDelta(text) if thinking else TextDelta(text))
        calls = message.get("tool_calls")
        for index, call in enumerate(calls if isinstance(calls, list) else ()):
            events += self._called(rebuilt_call(call), index)
        events += self._cited(message.get("citations"))
        usage = rebuilt_counts(body.get("usage"))
        return [*events, *self._end(Delta(None, as_text(body.get("finish_reason")), usage))]

    def _event(self, event: WireEvent, frame: Frame) -> Iterator[Event]:
        delta = event.delta
        if delta is None:
            yield from self._without_delta(event, frame)
            return
        if event.type == "message-end":
            yield from self._end(delta)
        elif delta.message is not None:
            message = delta.message
            if isinstance(message.content, Content):
                yield from _said(message.content)
            if isinstance(message.tool_calls, Call):
                yield from self._called(message.tool_calls, event.index)
            if message.citations:
                yield from self._cited(message.citations)

    def _without_delta(self, event: WireEvent, frame: Frame) -> Iterator[Event]:
        """The end of a part says nothing; an error does, in any of its clothes."""
        if event.type in (None, "error") or frame.name == "error":
            facts = _error(decode_json(frame.data))
            if facts is not None:
                yield failure_in_stream(facts)

    def _called(self, call: Call, index: int | None) -> Iterator[Event]:
        function = call.function or Function()
        piece = self._calls.feed(index, call.id or "", function.name or "", arguments_text(function.arguments))
        if piece is not None:
            yield piece

    def _cited(self, value: Any) -> Iterator[Citation]:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from self._sources.new(_cite(item, source) for source in _list(item.get("sources")))

    def _end(self, delta: Delta) -> Iterator[Event]:
        self.provider_reason = word = delta.finish_reason or ""
        if delta.usage is not None:
            yield from _usage(delta.usage)
        if delta.error:
            yield failure_in_stream(read_facts(delta.error))
        elif word in _BROKEN:
            yield failure(_BROKEN[word], f"The provider broke off its answer ({word}).")
        else:
            yield Finish(FINISH_REASONS.get(word, "stop"), word)


def _said(content: Content) -> list[Event]:
    if content.text:
        return [TextDelta(content.text)]
    return [ReasoningDelta(content.thinking)] if content.thinking else []


def _error(body: Any) -> ErrorFacts | None:
    """Cohere's errors are an id and a message."""
    facts = find_error(body)
    if facts is None and isinstance(body, dict) and isinstance(body.get("message"), str):
        facts = read_facts(body)
    return facts


def _cite(item: dict[str, Any], source: Any) -> Citation | None:
    """A document of the caller's, or what a tool said: both are objects with whatever fields they were given."""
    source = source if isinstance(source, dict) else {}
    held = source.get("document") or source.get("tool_output") or {}
    held = held if isinstance(held, dict) else {"text": held}
    told = next((held[name] for name in ("text", "snippet", "content", "data") if held.get(name)), None)
    return cite(
        held.get("url"),
        held.get("title") or held.get("name") or source.get("id"),
        text=item.get("text"),
        quote=told,
        start=item.get("start"),
        end=item.get("end"),
    )


def _usage(counts: Counts) -> Iterator[Usage]:
    """What the model read and wrote; what is billed, only where that is not told."""
    tokens = counts.tokens or counts.billed_units
    if tokens is not None and (tokens.input_tokens is not None or tokens.output_tokens is not None):
        yield Usage(
            count_of(whole_number(tokens.input_tokens)),
            count_of(whole_number(tokens.output_tokens)),
            count_of(whole_number(tokens.reasoning_tokens)),
            count_of(whole_number(counts.cached_tokens)),
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read_whole(data: bytes) -> list[Event]:
    return CohereParser().whole(data)


def _framing() -> SSEDecoder:
    return SSEDecoder(deliver_tail=True)


ADAPTER = Adapter("cohere", _framing, build, CohereParser, _read_whole)
