"""Ollama's own `/api/chat` and `/api/generate`: one JSON object a line. https://docs.ollama.com/api/chat

Refuses to take the end of the body for the end of the answer: only a line that says `done` is one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.base import Adapter
from headrace.providers.error_facts import ErrorFacts, find_error
from headrace.providers.failures import failure_in_stream
from headrace.providers.lenient import as_text, count_of, whole_number
from headrace.providers.ollama_request import build, build_generate
from headrace.providers.openai_chunks import STRICT_ERRORS
from headrace.providers.tool_calls import ToolCallNumbering, arguments_text
from headrace.stream.events import Event, Finish, FinishReason, ReasoningDelta, TextDelta, Usage
from headrace.stream.framing import Frame, NDJSONDecoder
from headrace.stream.payload import decode_json


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    index: int | None = None


class _Call(msgspec.Struct, gc=False):
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct, gc=False):
    message: _Message | None = None
    response: str | None = None
    """In the answers of `/api/generate`, the message's text; `thinking` stands beside it."""
    thinking: str | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None


_decode_strictly = msgspec.json.Decoder(_Line).decode


def _decode(data: bytes) -> _Line:
    try:
        return _decode_strictly(data)
    except STRICT_ERRORS:
        return _rebuild(decode_json(data, halves=True))


class OllamaParser:
    """One answer, line by line."""

    __slots__ = ("_begun", "_calls", "provider_reason")

    def __init__(self) -> None:
        self._begun = False
        self._calls = ToolCallNumbering()
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        try:
            line = _decode(frame.data)
        except FramingError:
            if self._begun:
                return [failure_in_stream(ErrorFacts(frame.data.decode("utf-8", "replace")))]
            raise
        self._begun = True
        return self.read(line, frame.data)

    def close(self) -> list[Event]:
        return []

    def read(self, line: _Line, data: bytes) -> list[Event]:
        """The events of one line; `data` is looked at again only where the line is unusual."""
        events: list[Event] = []
        message = line.message
        if message is not None:
            if message.thinking:
                events.append(ReasoningDelta(message.thinking))
            if message.content:
                events.append(TextDelta(message.content))
            if message.tool_calls:
                self._tool_calls(message.tool_calls, events)
        if line.thinking:
            events.append(ReasoningDelta(line.thinking))
        if line.response:
            events.append(TextDelta(line.response))
        if line.done:
            self._done(line, events)
        elif line.error or (message is None and line.response is None):
            facts = find_error(decode_json(data))
            if facts is not None:
                events.append(failure_in_stream(facts))
        return events

    def _tool_calls(self, calls: list[_Call], events: list[Event]) -> None:
        for place, call in enumerate(calls):
            function = call.function or _Function()
            arguments = arguments_text(function.arguments)
            piece = self._calls.feed(function.index, call.id or "", function.name or "", arguments, place=place)
            if piece is not None:
                events.append(piece)

    def _done(self, line: _Line, events: list[Event]) -> None:
        if line.error:
            events.append(failure_in_stream(ErrorFacts(as_text(line.error) or "")))
            return
        if line.prompt_eval_count is not None or line.eval_count is not None:
            events.append(Usage(count_of(line.prompt_eval_count), count_of(line.eval_count)))
        self.provider_reason = line.done_reason or ""
        events.append(Finish(self._reason(), self.provider_reason))

    def _reason(self) -> FinishReason:
        """Ollama has no word for an end in tool calls: it says `stop` there too."""
        if self.provider_reason == "length":
            return "length"
        return "tool_calls" if self._calls else "stop"


def _rebuild(value: Any) -> _Line:
    if not isinstance(value, dict):
        raise FramingError("a line that is no JSON object")
    message = value.get("message")
    return _Line(
        message=_message(message) if isinstance(message, dict) else None,
        response=as_text(value.get("response")),
        thinking=as_text(value.get("thinking")),
        done=value.get("done") is True,
        done_reason=as_text(value.get("done_reason")),
        prompt_eval_count=whole_number(value.get("prompt_eval_count")),
        eval_count=whole_number(value.get("eval_count")),
        error=value.get("error"),
    )


def _message(value: dict[str, Any]) -> _Message:
    calls = value.get("tool_calls")
    return _Message(
        content=as_text(value.get("content")),
        thinking=as_text(value.get("thinking")),
        tool_calls=[_call(item) for item in calls if isinstance(item, dict)] if isinstance(calls, list) else None,
    )


def _call(value: dict[str, Any]) -> _Call:
    function = value.get("function")
    if not isinstance(function, dict):
        return _Call(as_text(value.get("id")))
    arguments = function.get("arguments")
    return _Call(
        as_text(value.get("id")),
        _Function(
            as_text(function.get("name")),
            arguments if isinstance(arguments, dict) else as_text(arguments),
            whole_number(function.get("index")),
        ),
    )


def _read_whole(data: bytes) -> list[Event]:
    body = decode_json(data)
    parser = OllamaParser()
    events: list[Event] = []
    for item in body if isinstance(body, list) else [body]:
        events += parser.read(_rebuild(item), data)
    if not events:
        raise FramingError("JSON that is neither an answer nor an error", code="upstream_not_a_stream")
    return events


ADAPTER = Adapter("ollama", NDJSONDecoder, build, OllamaParser, _read_whole, json_lines=True)
GENERATE = Adapter("ollama-generate", NDJSONDecoder, build_generate, OllamaParser, _read_whole, json_lines=True)
