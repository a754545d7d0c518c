"""OpenAI Chat Completions and everyone who copied it. https://platform.openai.com/docs/api-reference/chat/streaming

Reads the first choice only. Refuses to guess at an end: without a finish reason or `[DONE]` there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.errors import ErrorCode, FramingError
from headrace.providers.base import Adapter
from headrace.providers.citations import Sources
from headrace.providers.error_facts import find_error, read_facts
from headrace.providers.failures import failure, failure_in_stream
from headrace.providers.lenient import count_of, parts
from headrace.providers.openai_chunks import (
    STRICT_ERRORS,
    Call,
    Chunk,
    Delta,
    Function,
    TokenCounts,
    decode_leniently,
    decode_strictly,
    rebuild,
)
from headrace.providers.openai_request import build
from headrace.providers.tool_calls import ToolCallNumbering, arguments_text
from headrace.stream.events import Event, Failure, Finish, FinishReason, ReasoningDelta, TextDelta, Usage
from headrace.stream.framing import Frame, SSEDecoder
from headrace.stream.payload import decode_json

FINISH_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
}
"""Words for the end that are not `stop`, in any letter case; an unknown one is `stop`."""

_BROKEN: Mapping[str, ErrorCode] = {
    "error": "upstream_error",
    "network_error": "upstream_error",
    "abort": "upstream_error",
    "insufficient_system_resource": "upstream_overloaded",
}
"""Words for an end in mid-answer: the provider gave up."""

_NO_FUNCTION = Function()
_PINGS = frozenset({"ping", "heartbeat", "keepalive", "keep-alive"})


def finish_reason(word: str) -> FinishReason:
    """What a provider's word for the end means."""
    return FINISH_REASONS.get(word) or FINISH_REASONS.get(word.lower().replace("-", "_"), "stop")


class OpenAIParser:
    """One answer, chunk by chunk."""

    __slots__ = ("_calls", "_finished", "_legacy", "_said", "_sources", "provider_reason")

    def __init__(self) -> None:
        self._calls = ToolCallNumbering()
        self._finished = False
        self._said = False
        self._legacy: bool | None = None
        self._sources = Sources()
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        if frame.name and frame.name != "message":
            return self._named(frame)
        try:
            chunk = decode_strictly(frame.data)
        except STRICT_ERRORS:
            return self._odd(frame.data)
        return self._chunk(chunk, frame.data)

    def close(self) -> list[Event]:
        return [self._finish()] if self._finished else []

    def whole(self, data: bytes) -> list[Event]:
        """The events of a complete JSON answer; FramingError where it is none."""
        body = decode_json(data)
        chunk = rebuild(body[0] if isinstance(body, list) and len(body) == 1 else body)
        for choice in chunk.choices or ():
            for place, call in enumerate((choice.message and choice.message.tool_calls) or ()):
                call.index = place if call.index is None else call.index
        events = self._chunk(chunk, data)
        if events and type(events[-1]) is Failure:
            return events
        if not chunk.choices:
            raise FramingError("JSON that is neither a completion nor an error", code="upstream_not_a_stream")
        return [*events, self._finish()]

    def _named(self, frame: Frame) -> list[Event]:
        if frame.name in _PINGS:
            return []
        if frame.name != "error":
            return self.feed(Frame(frame.data))
        try:
            body = decode_json(frame.data)
        except FramingError:
            body = frame.data.decode("utf-8", "replace")
        return [failure_in_stream(find_error(body) or read_facts(body))]

    def _odd(self, data: bytes) -> list[Event]:
        """Data that the typed decoder refuses: the end mark, nothing at all, or a chunk to be read leniently."""
        stripped = data.strip()
        if stripped == b"[DONE]":
            return [self._finish()]
        return self._chunk(decode_leniently(data), data) if stripped else []

    def _chunk(self, chunk: Chunk, data: bytes) -> list[Event]:
        events: list[Event] = []
        choices = chunk.choices
        unusual = choices is None or bool(chunk.error)
        for choice in choices or ():
            if choice.index:
                continue
            delta = choice.delta
            if delta is None and not self._said:
                delta = choice.message
            if delta is not None:
                self._delta(delta, events)
            elif choice.text:
                self._said = True
                events.append(TextDelta(choice.text))
            if choice.finish_reason:
                self._finished = True
                self.provider_reason = choice.finish_reason
                unusual = unusual or choice.finish_reason.lower() in _BROKEN
            if choice.usage is not None:
                count_tokens(choice.usage, events)
            unusual = unusual or bool(choice.error)
        if chunk.usage is not None:
            count_tokens(chunk.usage, events)
        if chunk.x_groq is not None:
            unusual = unusual or bool(chunk.x_groq.error)
            if chunk.usage is None and chunk.x_groq.usage is not None:
                count_tokens(chunk.x_groq.usage, events)
        if chunk.citations or chunk.search_results:
            events += self._sources.listed(chunk.search_results or chunk.citations)
        if unusual:
            events += self._failures(chunk, data)
        return events

    def _failures(self, chunk: Chunk, data: bytes) -> list[Event]:
        """The failure that an unusual chunk tells of: in itself, in its choice, or in its finish reason."""
        if (facts := find_error(decode_json(data))) is not None:
            return [failure_in_stream(facts)]
        if chunk.x_groq is not None and chunk.x_groq.error:
            return [failure_in_stream(read_facts(chunk.x_groq.error))]
        for choice in chunk.choices or ():
            if choice.error and not choice.index:
                return [failure_in_stream(read_facts(choice.error))]
        if (code := _BROKEN.get(self.provider_reason.lower())) is not None:
            return [failure(code, f"The provider broke off its answer ({self.provider_reason}).")]
        return []

    def _delta(self, delta: Delta, events: list[Event]) -> None:
        reasoning = delta.reasoning_content or delta.reasoning or delta.thinking
        if not reasoning and delta.reasoning_details:
            reasoning = "".join(detail.text or detail.summary or "" for detail in delta.reasoning_details)
        if reasoning:
            self._said = True
            events.append(ReasoningDelta(reasoning))
        content = delta.content
        if content:
            self._said = True
            if isinstance(content, str):
                events.append(TextDelta(content))
            else:
                events += _part_events(content, known=reasoning or "")
                events += self._sources.referenced(content)
        if delta.refusal:
            self._said = True
            events.append(TextDelta(delta.refusal))
        if delta.tool_calls:
            self._tool_calls(delta.tool_calls, events)
        elif delta.function_call is not None:
            self._function_call(delta.function_call, events)
        if delta.annotations:
            events += self._sources.annotated(delta.annotations)

    def _tool_calls(self, calls: list[Call], events: list[Event]) -> None:
        self._said = True
        for place, call in enumerate(calls):
            function = call.function or _NO_FUNCTION
            piece = self._calls.feed(
                call.index,
                call.id or "",
                function.name or "",
                arguments_text(function.arguments),
                place=place if len(calls) > 1 else None,
            )
            if piece is not None:
                events.append(piece)

    def _function_call(self, function: Function, events: list[Event]) -> None:
        """The form before there were tool calls: one call, which needs no number. Some send it beside the new one."""
        if self._legacy is None:
            self._legacy = not self._calls
        if not self._legacy:
            return
        piece = self._calls.feed(0, "", function.name or "", arguments_text(function.arguments))
        if piece is not None:
            self._said = True
            events.append(piece)

    def _finish(self) -> Finish:
        return Finish(finish_reason(self.provider_reason), self.provider_reason)


def _part_events(content: list[Any], *, known: str) -> list[Event]:
    """Content that came as parts; reasoning that a field has just given is not given again."""
    found = [(thinking, text) for thinking, text in parts(content) if text]
    thought = "".join(text for thinking, text in found if thinking)
    return [
        ReasoningDelta(text) if thinking else TextDelta(text)
        for thinking, text in found
        if not (thinking and known and thought == known)
    ]


def count_tokens(counts: TokenCounts, events: list[Event]) -> None:
    """Adds the usage that a report of tokens makes, where it makes any."""
    if counts.prompt_tokens is None and counts.completion_tokens is None:
        return
    given, made = counts.prompt_tokens_details, counts.completion_tokens_details
    events.append(
        Usage(
            count_of(counts.prompt_tokens),
            count_of(counts.completion_tokens),
            count_of((made and made.reasoning_tokens) or counts.reasoning_tokens),
            count_of((given and given.cached_tokens) or counts.cached_tokens or counts.prompt_cache_hit_tokens),
        )
    )


def read_whole(data: bytes) -> list[Event]:
    return OpenAIParser().whole(data)


def framing() -> SSEDecoder:
    """Providers leave out the last empty line: an event that the body's end completes is delivered."""
    return SSEDecoder(deliver_tail=True)


ADAPTER = Adapter("openai-chat", framing, build, OpenAIParser, read_whole)
