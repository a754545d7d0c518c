"""Gemini's `streamGenerateContent`, on Google's own API and on Vertex. https://ai.google.dev/api/generate-content

Reads the first candidate only. Refuses to take the first finish reason for the end: some models put one in every piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from headrace.errors import FramingError
from headrace.providers.base import Adapter
from headrace.providers.citations import Sources
from headrace.providers.error_facts import find_error
from headrace.providers.failures import failure, failure_in_stream
from headrace.providers.gemini_arguments import ArgumentsBuilder
from headrace.providers.gemini_chunks import Chunk, Counts, FunctionCall, PartialArg, decode_strictly, rebuild
from headrace.providers.gemini_grounds import grounds, recited
from headrace.providers.gemini_request import build
from headrace.providers.lenient import count_of
from headrace.providers.tool_calls import arguments_text
from headrace.stream.events import Event, Failure, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from headrace.stream.framing import Decoder, Frame, SSEDecoder
from headrace.stream.json_array import JSONArrayDecoder
from headrace.stream.payload import decode_json

BLOCKED = "prompt_blocked:"
"""Put before Google's word for why it refused the question itself."""

FINISH_REASONS: Mapping[str, FinishReason] = {
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    # The same words as numbers, which some clients of Vertex ask for.
    "2": "length",
    "3": "content_filter",
    "4": "content_filter",
    "6": "content_filter",
    "7": "content_filter",
    "8": "content_filter",
}
"""Words for the end that are not `stop`; an unknown one is `stop`."""

_BROKEN = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
    }
)
"""Words for an end in mid-answer: the model wrote what cannot be read."""

_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class GeminiFraming:
    """Server-Sent Events as we ask for them, or the JSON array that comes where `alt=sse` got lost on the way."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = None

    def feed(self, data: bytes) -> list[Frame]:
        if self._decoder is None:
            data = data.removeprefix(_BOM).lstrip(_BLANKS)
            if not data:
                return []
            self._decoder = JSONArrayDecoder() if data.startswith(b"[") else SSEDecoder(deliver_tail=True)
        return self._decoder.feed(data)

    def close(self) -> list[Frame]:
        return self._decoder.close() if self._decoder is not None else []


class _OpenCall:
    """A call whose arguments come in pieces."""

    __slots__ = ("arguments", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.arguments = ArgumentsBuilder()


class GeminiParser:
    """One answer, piece by piece."""

    __slots__ = ("_calls", "_finished", "_known", "_open", "_sources", "provider_reason")

    def __init__(self) -> None:
        self._calls = 0
        self._open: _OpenCall | None = None
        self._sources = Sources()
        self._known: Counts | None = None
        self._finished = False
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        try:
            chunk = decode_strictly(frame.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if frame.data.strip() in (b"", b"[DONE]"):
                return []
            chunk = rebuild(decode_json(frame.data, halves=True))
        return self._chunk(chunk, frame.data)

    def close(self) -> list[Event]:
        return [*self._end_call(), self._finish()] if self._finished else []

    def whole(self, data: bytes) -> list[Event]:
        """The events of a complete JSON answer, an object or an array of them; FramingError where it is none."""
        if not data.lstrip(_BLANKS).startswith(b"["):
            events = self._chunk(rebuild(decode_json(data)), data)
            self._finished = self._finished or bool(events)
            if not self._finished:
                raise FramingError("JSON that is neither an answer nor an error", code="upstream_not_a_stream")
        else:
            events = [event for frame in JSONArrayDecoder().feed(data) for event in self.feed(frame)]
        usage = self.counted()
        return [*events, *([usage] if usage is not None else []), *self.close()]

    def _chunk(self, chunk: Chunk, data: bytes) -> list[Event]:
        events: list[Event] = []
        for candidate in chunk.candidates or ():
            if candidate.index:
                continue
            content = candidate.content
            for part in (content.parts or ()) if content is not None else ():
                if part.text:
                    events.append(ReasoningDelta(part.text) if part.thought else TextDelta(part.text))
                if part.function_call is not None:
                    events += self._call(part.function_call)
            if candidate.grounding_metadata or candidate.citation_metadata:
                events += self._sources.new(grounds(candidate.grounding_metadata))
                events += self._sources.new(recited(candidate.citation_metadata))
            if candidate.finish_reason:
                self._end_with(str(candidate.finish_reason))
        if chunk.usage_metadata is not None:
            self._count(chunk.usage_metadata)
        if not chunk.candidates:
            self._without_candidates(chunk, data, events)
        return events

    def _without_candidates(self, chunk: Chunk, data: bytes, events: list[Event]) -> None:
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self._end_with(f"{BLOCKED}{chunk.prompt_feedback.block_reason}")
        elif (facts := find_error(decode_json(data))) is not None:
            events.append(failure_in_stream(facts))

    def _end_with(self, word: str) -> None:
        self._finished = True
        self.provider_reason = word

    def _call(self, call: FunctionCall) -> list[Event]:
        events: list[Event] = []
        if call.name:
            events += self._end_call()
            events.append(ToolCallDelta(self._calls, call.id or "", call.name))
            self._open = _OpenCall(self._calls)
            self._calls += 1
        if self._open is None:
            return events
        if call.args:
            self._open.arguments.update(call.args)
        for piece in call.partial_args or ():
            self._open.arguments.feed(piece.json_path, _value(piece), continues=piece.will_continue is True)
        return events if call.will_continue else [*events, *self._end_call()]

    def _end_call(self) -> list[Event]:
        call, self._open = self._open, None
        return [] if call is None else [ToolCallDelta(call.number, arguments=arguments_text(call.arguments.close()))]

    def counted(self) -> Usage | None:
        """The latest of each count: each report is of the whole so far, but may leave one out."""
        known = self._known
        return (
            None
            if known is None
            else Usage(
                count_of(known.prompt_token_count),
                count_of(known.candidates_token_count),
                count_of(known.thoughts_token_count),
                count_of(known.cached_content_token_count),
            )
        )

    def _count(self, counts: Counts) -> None:
        """Hot: most reports hold the same counts as the one before."""
        known = self._known
        if known is not None:
            if counts.prompt_token_count is None:
                counts.prompt_token_count = known.prompt_token_count
            if counts.candidates_token_count is None:
                counts.candidates_token_count = known.candidates_token_count
            if counts.thoughts_token_count is None:
                counts.thoughts_token_count = known.thoughts_token_count
            if counts.cached_content_token_count is None:
                counts.cached_content_token_count = known.cached_content_token_count
        elif counts == Counts():
            return
        self._known = counts

    def _finish(self) -> Finish | Failure:
        """Gemini has no word for an end in tool calls: it says STOP there too."""
        word = self.provider_reason
        if word in _BROKEN:
            return failure("upstream_error", f"The model broke off its answer ({word}).")
        reason = "content_filter" if word.startswith(BLOCKED) else FINISH_REASONS.get(word, "stop")
        return Finish("tool_calls" if self._calls and reason == "stop" else reason, word)


def _value(piece: PartialArg) -> Any:
    values = (piece.string_value, piece.number_value, piece.bool_value)
    return next((value for value in values if value is not UNSET), None)


def _read_whole(data: bytes) -> list[Event]:
    return GeminiParser().whole(data)


ADAPTER = Adapter("gemini", GeminiFraming, build, GeminiParser, _read_whole, json_array=True)
