"""The AI SDK's UI message stream, which `useChat` reads. https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol

What it has no word for (usage, cost, why the provider stopped) stands in the message's metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headrace.faces.calls import Call, arguments_object, spare_id, unreadable, whole_calls
from headrace.faces.face import Told, to_json
from headrace.stream.answer import Answer
from headrace.stream.events import (
    Citation,
    Entry,
    Failure,
    Finish,
    FinishReason,
    ReasoningDelta,
    ReasoningEnd,
    TextDelta,
    ToolCallDelta,
)
from headrace.stream.wire import DONE, KEEP_ALIVE, usage_object

HEADERS = {"x-vercel-ai-ui-message-stream": "v1"}
REASONS: Mapping[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
    "content_filter": "content-filter",
    "cancelled": "other",
    "error": "error",
}


class UIEncoder:
    """One answer as parts of one message, each with an id of its own."""

    __slots__ = ("_begun", "_calls", "_open", "_parts", "_sources", "_told")

    def __init__(self, told: Told) -> None:
        self._told = told
        self._begun = False
        self._open: tuple[str, str] | None = None
        """The kind and the id of the part that text goes into."""
        self._parts = 0
        self._sources = 0
        self._calls: dict[int, Call] = {}

    def feed(self, entries: Sequence[Entry]) -> bytes:
        parts: list[bytes] = []
        if not self._begun:
            parts = [_chunk("start", messageId=self._told.stream_id), _chunk("start-step")]
        self._begun = True
        for entry in entries:
            match entry:
                case TextDelta(text):
                    parts += self._say("text", text)
                case ReasoningDelta(text):
                    parts += self._say("reasoning", text)
                case ReasoningEnd():
                    parts += self._close()
                case ToolCallDelta():
                    parts += self._call(entry)
                case Citation():
                    self._sources += 1
                    parts.append(_chunk(**_source(entry, f"source_{self._sources}")))
                case Failure(_, message):
                    parts += [*self._close(), _chunk("error", errorText=message)]
                case Finish():
                    parts += self._end(entry)
                case _:
                    pass
        return b"".join(parts)

    def _say(self, kind: str, text: str) -> Iterator[bytes]:
        if self._open is None or self._open[0] != kind:
            yield from self._close()
            self._parts += 1
            self._open = (kind, f"{kind}_{self._parts}")
            yield _chunk(f"{kind}-start", id=self._open[1])
        yield _chunk(f"{kind}-delta", id=self._open[1], delta=text)

    def _close(self) -> Iterator[bytes]:
        if self._open is not None:
            kind, part = self._open
            self._open = None
            yield _chunk(f"{kind}-end", id=part)

    def _call(self, delta: ToolCallDelta) -> Iterator[bytes]:
        """A call begins once its name is known; what was said of its arguments before follows then."""
        call = self._calls.setdefault(delta.index, Call())
        began = bool(call.name)
        call.add(delta)
        call.id = call.id or spare_id(self._told.stream_id, delta.index)
        if not call.name:
            return
        if not began:
            yield _chunk("tool-input-start", toolCallId=call.id, toolName=call.name)
        if piece := delta.arguments if began else call.arguments:
            yield _chunk("tool-input-delta", toolCallId=call.id, inputTextDelta=piece)

    def _end(self, finish: Finish) -> Iterator[bytes]:
        yield from self._close()
        for call in self._calls.values():
            if finish.reason != "error" and call.name:
                yield from _known(call, finish)
        if finish.reason == "cancelled":
            yield _chunk("abort")
        yield _chunk("finish-step")
        yield _chunk("finish", finishReason=REASONS[finish.reason], messageMetadata=metadata(self._told, finish))
        yield DONE


def whole(told: Told, answer: Answer) -> dict[str, Any]:
    """The answer as one UI message. UpstreamError for a call whose arguments are no object."""
    finish = answer.finish or Finish()
    parts: list[dict[str, Any]] = [{"type": "step-start"}]
    if answer.reasoning:
        parts.append({"type": "reasoning", "text": answer.reasoning, "state": "done"})
    if answer.content:
        parts.append({"type": "text", "text": answer.content, "state": "done"})
    parts += [_source(each, f"source_{number}") for number, each in enumerate(answer.citations, 1)]
    for number, (call, given) in enumerate(whole_calls(answer.tool_calls, finish)):
        call_id = call["id"] or spare_id(told.stream_id, number)
        parts.append(
            {"type": f"tool-{call['name']}", "toolCallId": call_id, "state": "input-available", "input": given}
        )
    return {"id": told.stream_id, "role": "assistant", "parts": parts, "metadata": metadata(told, finish)}


def alive(_: Told) -> bytes:
    return KEEP_ALIVE


def metadata(told: Told, finish: Finish) -> dict[str, Any]:
    """What a page may want to show beside the answer."""
    known = {"model": told.model, "finishReason": finish.reason, "usage": usage_object(finish), "cost": finish.cost}
    return {name: value for name, value in known.items() if value is not None}


def _known(call: Call, finish: Finish) -> Iterator[bytes]:
    """A call whose arguments are whole; one that the limit has cut off stays half said."""
    given = arguments_object(call.arguments)
    about = {"toolCallId": call.id, "toolName": call.name}
    if given is not None:
        yield _chunk("tool-input-available", **about, input=given)
    elif finish.reason not in ("length", "cancelled"):
        yield _chunk("tool-input-error", **about, input=call.arguments, errorText=unreadable(call.name))


def _source(citation: Citation, source: str) -> dict[str, Any]:
    if citation.url:
        titled = {"title": citation.title} if citation.title else {}
        return {"type": "source-url", "sourceId": source, "url": citation.url, **titled}
    title = citation.title or citation.quote
    return {"type": "source-document", "sourceId": source, "mediaType": "text/plain", "title": title}


def _chunk(type: str, **members: Any) -> bytes:
    return b"data: " + to_json({"type": type, **members}) + b"\n\n"
