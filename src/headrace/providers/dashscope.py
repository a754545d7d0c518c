"""DashScope's own form, of text models, models that see or hear, and applications.
https://help.aliyun.com/zh/model-studio/dashscope-api-reference

Refuses to trust that pieces were sent because they were asked for (`growing`), and to take the word "null" for an end.
"""

from __future__ import annotations

from typing import Any

from headrace.errors import FramingError
from headrace.providers.base import Adapter
from headrace.providers.citations import Sources
from headrace.providers.dashscope_pieces import Call, Counts, Function, Message, Piece, decode_strictly, rebuild
from headrace.providers.dashscope_request import build
from headrace.providers.error_facts import find_error, read_facts
from headrace.providers.failures import failure_in_stream
from headrace.providers.growing import GrowingText, Growth
from headrace.providers.lenient import as_text, count_of
from headrace.providers.openai_chat import finish_reason
from headrace.providers.openai_chunks import STRICT_ERRORS
from headrace.providers.tool_calls import ToolCallNumbering, arguments_text
from headrace.stream.events import Event, Finish, ReasoningDelta, TextDelta, Usage
from headrace.stream.framing import Frame, SSEDecoder
from headrace.stream.payload import decode_json

_NOT_YET = "null"


class DashScopeParser:
    """One answer, piece by piece."""

    __slots__ = (
        "_arguments", "_calls", "_finished", "_growth", "_known", "_sources", "_spoke_last", "_text", "_thought",
        "provider_reason",
    )  # fmt: skip

    def __init__(self) -> None:
        self._growth = Growth()
        self._text = GrowingText(self._growth)
        self._thought = GrowingText(self._growth)
        self._arguments: dict[int | None, GrowingText] = {}
        self._calls = ToolCallNumbering()
        self._sources = Sources()
        self._finished = False
        self._spoke_last = False
        self._known: Counts | None = None
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        try:
            piece = decode_strictly(frame.data)
        except STRICT_ERRORS:
            if frame.data.strip() in (b"", b"[DONE]"):
                return []
            piece = rebuild(decode_json(frame.data, halves=True))
        return self._piece(piece, frame)

    def close(self) -> list[Event]:
        events = self._settled(ended=True)
        if self._finished:
            reason = finish_reason(self.provider_reason)
            events.append(Finish("tool_calls" if self._calls and reason == "stop" else reason, self.provider_reason))
        return events

    def whole(self, data: bytes) -> list[Event]:
        """The events of a complete JSON answer; FramingError where it is none."""
        events = self._piece(rebuild(decode_json(data)), Frame(data))
        if not events:
            raise FramingError("JSON that is neither an answer nor an error", code="upstream_not_a_stream")
        self._finished = True
        usage = self.counted()
        return [*events, *([usage] if usage is not None else []), *self.close()]

    def _piece(self, piece: Piece, frame: Frame) -> list[Event]:
        output = piece.output
        if output is None or piece.code or frame.name == "error":
            return self._error(frame)
        events: list[Event] = []
        choice = output.choices[0] if output.choices else None
        message = choice.message if choice is not None else output.message
        if message is not None:
            self._message(message, events)
        elif output.text and (text := self._text.feed(output.text)):
            events.append(TextDelta(text))
        if output.search_info is not None:
            self._found(output.search_info, events)
        word = (choice is not None and choice.finish_reason) or output.finish_reason or output.fininshed_reason
        if word and word != _NOT_YET:
            self._finished = True
            self._spoke_last = bool(output.text or (message is not None and (message.content or message.tool_calls)))
            self.provider_reason = word
        if piece.usage is not None:
            self._known = piece.usage
        return events

    def counted(self) -> Usage | None:
        """Each report is of the whole so far; an application reports each of its models."""
        known = self._known
        each = [] if known is None else known.models or [known]
        if known is None or all(one.input_tokens is None and one.output_tokens is None for one in each):
            return None
        thought, cached = known.output_tokens_details, known.prompt_tokens_details
        return Usage(
            count_of(sum(count_of(one.input_tokens) for one in each)),
            count_of(sum(count_of(one.output_tokens) for one in each)),
            count_of(thought.reasoning_tokens if thought is not None else None),
            count_of((cached is not None and cached.cached_tokens) or known.cached_tokens),
        )

    def _message(self, message: Message, events: list[Event]) -> None:
        if message.reasoning_content and (thought := self._thought.feed(message.reasoning_content)):
            events.append(ReasoningDelta(thought))
        content = message.content
        if content:
            if self._thought.held:
                events += self._settled_thought()
            text = self._text.feed(content if type(content) is str else as_text(content) or "")
            if text:
                events.append(TextDelta(text))
        if message.tool_calls:
            self._tool_calls(message.tool_calls, events)
        if message.extra is not None:
            self._found(message.extra, events)

    def _tool_calls(self, calls: list[Call], events: list[Event]) -> None:
        events += self._settled()
        for place, call in enumerate(calls):
            function = call.function or Function()
            known = self._arguments.setdefault(place if call.index is None else call.index, GrowingText(self._growth))
            arguments = known.feed(arguments_text(function.arguments))
            piece = self._calls.feed(call.index, call.id or "", function.name or "", arguments, place=place)
            if piece is not None:
                events.append(piece)

    def _settled_thought(self) -> list[Event]:
        rest = self._thought.settle()
        return [ReasoningDelta(rest)] if rest else []

    def _settled(self, *, ended: bool = False) -> list[Event]:
        """What was held back of thought and text and, at the end of all, of arguments."""
        events = self._settled_thought()
        if rest := self._text.settle(repeated=ended and self._spoke_last):
            events.append(TextDelta(rest))
        for index, known in self._arguments.items() if ended else ():
            piece = self._calls.feed(index, "", "", known.settle(repeated=self._spoke_last))
            if piece is not None:
                events.append(piece)
        return events

    def _found(self, value: Any, events: list[Event]) -> None:
        """What was searched for: in `search_info`, or what deep research rests on."""
        if isinstance(value, dict):
            inner = value.get("deep_research")
            inner = inner if isinstance(inner, dict) else value
            events += self._sources.listed(inner.get("search_results") or inner.get("references"))

    def _error(self, frame: Frame) -> list[Event]:
        body = decode_json(frame.data)
        facts = find_error(body)
        if facts is None and (frame.name == "error" or (isinstance(body, dict) and body.get("code"))):
            facts = read_facts(body)
        return [] if facts is None else [failure_in_stream(facts)]


def _read_whole(data: bytes) -> list[Event]:
    return DashScopeParser().whole(data)


def _framing() -> SSEDecoder:
    """An answer's last event may lack its empty line."""
    return SSEDecoder(deliver_tail=True)


ADAPTER = Adapter("dashscope", _framing, build, DashScopeParser, _read_whole)
