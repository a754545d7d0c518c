"""OpenAI's Responses, and everyone who copied it. https://platform.openai.com/docs/api-reference/responses-streaming

Refuses to take a provider's own tools for the caller's. Text that comes only at an item's end, or only with the end of
all, is read there; what had been streamed is not told twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from headrace.errors import ErrorCode, FramingError
from headrace.providers.base import Adapter
from headrace.providers.citations import Sources
from headrace.providers.error_facts import find_error, read_facts
from headrace.providers.failures import failure, failure_in_stream
from headrace.providers.lenient import count_of
from headrace.providers.responses_events import (
    Counts,
    Item,
    Part,
    Response,
    WireEvent,
    decode_strictly,
    items_of,
    rebuild,
    response_of,
)
from headrace.providers.responses_request import build
from headrace.providers.tool_calls import arguments_text
from headrace.stream.events import (
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
    "max_output_tokens": "length",
    "max_tokens": "length",
    "length": "length",
    "content_filter": "content_filter",
}
"""Words for an end before the answer was complete."""

_TEXT, _REFUSAL, _SUMMARY, _THOUGHT = "text", "refusal", "summary", "thought"
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_CODES: Mapping[str, ErrorCode] = {"server_error": "upstream_unavailable"}
_Place = tuple[str, int | None, int]


class _OpenCall:
    __slots__ = ("number", "streamed")

    def __init__(self, number: int) -> None:
        self.number = number
        self.streamed = False


class ResponsesParser:
    """One answer, event by event."""

    __slots__ = ("_calls", "_here", "_said", "_sources", "_thoughts", "provider_reason")

    def __init__(self) -> None:
        self._calls: dict[int | str | None, _OpenCall] = {}
        self._here: tuple[int | None, int | None] | None = None
        self._said: set[_Place] = set()
        self._thoughts: dict[int | None, str] = {}
        self._sources = Sources()
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        try:
            event = decode_strictly(frame.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if frame.data.strip() in (b"", b"[DONE]"):
                return []
            event = rebuild(decode_json(frame.data, halves=True))
        if event.type == "response.output_text.delta":
            here = (event.output_index, event.content_index)
            if here != self._here:
                self._here = here
                self._said.add((_TEXT, event.output_index, event.content_index or 0))
            return [TextDelta(event.delta)] if event.delta else []
        return list(self._event(event, frame))

    def close(self) -> list[Event]:
        return []

    def whole(self, data: bytes) -> list[Event]:
        """The events of a complete JSON answer; FramingError where it is none."""
        body = decode_json(data)
        answer = response_of(body)
        if isinstance(body, dict) and isinstance(body.get("output"), list) and answer is not None:
            return list(self._end(answer))
        if (facts := find_error(body)) is not None:
            return [failure_in_stream(facts)]
        raise FramingError("JSON that is neither a response nor an error", code="upstream_not_a_stream")

    def _event(self, event: WireEvent, frame: Frame) -> Iterator[Event]:
        at, part = event.output_index, event.content_index or 0
        match event.type:
            case "response.reasoning_summary_text.delta":
                yield from self._thought(_SUMMARY, at, event.summary_index or 0, event.delta)
            case "response.reasoning_text.delta" | "response.reasoning.delta":
                yield from self._thought(_THOUGHT, at, part, event.delta)
            case "response.refusal.delta" if event.delta:
                self._said.add((_REFUSAL, at, part))
                yield TextDelta(event.delta)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                yield from self._arguments(at, event.delta)
            case "response.output_item.added" if event.item is not None:
                yield from self._begin(event.item, at)
            case "response.output_text.annotation.added":
                yield from self._sources.annotated([event.annotation])
            case "response.created" | "response.in_progress" | "response.content_part.added":
                return
            case kind if kind.endswith(".done"):
                yield from self._done(event, at, part)
            case kind if kind in _ENDS and event.response is not None:
                yield from self._end(event.response, kind.removeprefix("response."))
            case _:
                yield from self._unusual(event, frame)

    def _done(self, event: WireEvent, at: int | None, part: int) -> Iterator[Event]:
        """The end of a part or an item, which repeats it whole."""
        match event.type:
            case "response.output_text.done":
                yield from self._text(_TEXT, at, part, event.text)
            case "response.refusal.done":
                yield from self._text(_REFUSAL, at, part, event.refusal)
            case "response.reasoning_summary_text.done":
                yield from self._whole_thought(_SUMMARY, at, event.summary_index or 0, event.text)
            case "response.reasoning_text.done" | "response.reasoning.done":
                yield from self._whole_thought(_THOUGHT, at, part, event.text)
            case "response.function_call_arguments.done" | "response.custom_tool_call_input.done":
                call = self._calls.get(at)
                if call is not None and not call.streamed:
                    yield from self._arguments(at, event.arguments or event.input)
            case "response.output_item.done" if event.item is not None:
                yield from self._item(event.item, at)
            case "response.done" if event.response is not None:
                yield from self._end(event.response)

    def _unusual(self, event: WireEvent, frame: Frame) -> Iterator[Event]:
        """An error in any of its clothes; whatever else is new says nothing."""
        if event.type.startswith("response.") and not event.error:
            return
        body = decode_json(frame.data)
        facts = find_error(body)
        if facts is None and "error" in (event.type, frame.name):
            facts = read_facts(body)
        if facts is not None:
            self.provider_reason = "failed"
            yield _failed(facts.code, failure_in_stream(facts))

    def _text(self, kind: str, at: int | None, part: int, text: str | None) -> Iterator[Event]:
        """Text that came whole, unless it had been streamed."""
        if text and (kind, at, part) not in self._said:
            self._said.add((kind, at, part))
            yield TextDelta(text)

    def _thought(self, kind: str, at: int | None, part: int, text: str | None) -> Iterator[Event]:
        """A thought and its summary are not both shown: the one that came first is. Summaries are paragraphs."""
        if not text or self._thoughts.setdefault(at, kind) != kind:
            return
        if (kind, at, part) not in self._said:
            self._said.add((kind, at, part))
            if part and kind == _SUMMARY:
                yield ReasoningDelta("\n\n")
        yield ReasoningDelta(text)

    def _whole_thought(self, kind: str, at: int | None, part: int, text: str | None) -> Iterator[Event]:
        if (kind, at, part) not in self._said:
            yield from self._thought(kind, at, part, text)

    def _begin(self, item: Item, at: int | None) -> Iterator[Event]:
        """A call of the caller's tools begins; its arguments may come along."""
        if item.type not in ("function_call", "custom_tool_call"):
            return
        number = len(self._calls)
        if at in self._calls:  # a host that numbers nothing
            self._calls[f"{number}"] = self._calls.pop(at)
        self._calls[at] = _OpenCall(number)
        yield ToolCallDelta(number, item.call_id or item.id or "", item.name or "")
        yield from self._arguments(at, _given(item))

    def _arguments(self, at: int | None, text: str | None) -> Iterator[Event]:
        call = self._calls.get(at)
        if call is not None and text:
            call.streamed = True
            yield ToolCallDelta(call.number, arguments=text)

    def _item(self, item: Item, at: int | None) -> Iterator[Event]:
        """A whole item: what of it had not been streamed."""
        match item.type:
            case "function_call" | "custom_tool_call":
                yield from self._call(item, at)
            case "message":
                for place, part in enumerate(item.content or ()):
                    yield from self._part(part, at, place)
            case "reasoning":
                for place, part in enumerate(item.summary or ()):
                    yield from self._whole_thought(_SUMMARY, at, place, part.text)
                for place, part in enumerate(item.content or ()):
                    yield from self._whole_thought(_THOUGHT, at, place, part.text)

    def _call(self, item: Item, at: int | None) -> Iterator[Event]:
        if at not in self._calls:
            yield from self._begin(item, at)
        call = self._calls[at]
        if not call.streamed:
            yield from self._arguments(at, _given(item) or ("{}" if item.type == "function_call" else None))

    def _part(self, part: Part, at: int | None, place: int) -> Iterator[Event]:
        if part.type == "refusal":
            yield from self._text(_REFUSAL, at, place, part.refusal)
            return
        yield from self._text(_TEXT, at, place, part.text)
        yield from self._sources.annotated(part.annotations)

    def _end(self, answer: Response, told: str = "") -> Iterator[Event]:
        """The end of all. Its items are read only where nothing had been streamed."""
        if not self._said and not self._calls:
            for at, item in enumerate(items_of(answer.output)):
                yield from self._item(item, at)
        if answer.usage is not None:
            yield from _usage(answer.usage)
        status = answer.status or told
        details = answer.incomplete_details
        self.provider_reason = (details.reason if details is not None and status == "incomplete" else None) or status
        if answer.error or status in ("failed", "cancelled"):
            yield _broken(answer, status)
        elif status != "completed":
            yield Finish(FINISH_REASONS.get(self.provider_reason, "stop"), self.provider_reason)
        else:
            yield Finish("tool_calls" if self._calls else "stop", self.provider_reason)


def _given(item: Item) -> str:
    return arguments_text(item.arguments) if item.type == "function_call" else item.input or ""


def _broken(answer: Response, status: str) -> Failure:
    facts = read_facts(answer.error) if answer.error else read_facts("")
    if facts.message or facts.code:
        return _failed(facts.code, failure_in_stream(facts))
    return failure("upstream_error", f"The provider broke off its answer ({status}).")


def _failed(code: str, known: Failure) -> Failure:
    better = _CODES.get(code) if known.code == "upstream_error" else None
    return known if better is None else failure(better, known.message, status=known.status)


def _usage(counts: Counts) -> Iterator[Usage]:
    given, made = counts.input_tokens_details, counts.output_tokens_details
    if counts.input_tokens is not None or counts.output_tokens is not None:
        yield Usage(
            count_of(counts.input_tokens),
            count_of(counts.output_tokens),
            count_of(made.reasoning_tokens if made is not None else None),
            count_of(given.cached_tokens if given is not None else None),
        )


def _read_whole(data: bytes) -> list[Event]:
    return ResponsesParser().whole(data)


def _framing() -> SSEDecoder:
    """Some hosts leave out the last empty line."""
    return SSEDecoder(deliver_tail=True)


ADAPTER = Adapter("openai-responses", _framing, build, ResponsesParser, _read_whole)
