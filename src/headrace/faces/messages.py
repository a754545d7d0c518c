"""Anthropic's Messages as we answer them: blocks that begin, grow and end. https://docs.claude.com/en/api/messages-streaming

Thoughts are never signed here: their signature is empty, and a request may hand them back so. The usage at the start
is 0, because no provider tells it before the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headrace.faces.calls import Call, spare_id, whole_calls
from headrace.faces.face import Told, to_json
from headrace.stream.answer import Answer
from headrace.stream.events import (
    Citation,
    Entry,
    Failure,
    Finish,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)

REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
"""Anthropic's words; an answer that was stopped has ended its turn."""
OWN_WORDS = frozenset({"stop_sequence", "pause_turn", "model_context_window_exceeded", *REASONS.values()})
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
KINDS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
STATUSES = {"upstream_overloaded": 529}
_FAILURES: Mapping[str, str] = {
    "upstream_overloaded": "overloaded_error",
    "upstream_rate_limited": "rate_limit_error",
    "upstream_quota": "rate_limit_error",
    "upstream_bad_request": "invalid_request_error",
    "upstream_not_found": "not_found_error",
    "upstream_timeout": "timeout_error",
    "upstream_idle_timeout": "timeout_error",
    "upstream_total_timeout": "timeout_error",
}
_TEXT, _THINKING = "text", "thinking"
_EMPTY: Mapping[str, dict[str, Any]] = {
    _TEXT: {"type": "text", "text": ""},
    _THINKING: {"type": "thinking", "thinking": "", "signature": ""},
}


class MessagesEncoder:
    """One answer. Text and thoughts are one open block; calls follow one another, each with a block of its own.

    A call that begins while another's arguments are not closed waits for those: clients know one call at a time.
    """

    __slots__ = ("_begun", "_calls", "_cited", "_number", "_open", "_speaking", "_told", "_written")

    def __init__(self, told: Told) -> None:
        self._told = told
        self._begun = False
        self._number = 0
        """Of the next block."""
        self._open: tuple[str, int] | None = None
        """The kind and the number of the block that text goes into."""
        self._calls: dict[int, Call] = {}
        self._speaking: tuple[int, int] | None = None
        """The call that is being said, and its block."""
        self._written: set[int] = set()
        self._cited: list[Citation] = []

    def feed(self, entries: Sequence[Entry]) -> bytes:
        parts = [] if self._begun else [_event("message_start", message=_message(self._told))]
        self._begun = True
        for entry in entries:
            match entry:
                case TextDelta(text):
                    parts += self._say(_TEXT, {"type": "text_delta", "text": text})
                case ReasoningDelta(text):
                    parts += self._say(_THINKING, {"type": "thinking_delta", "thinking": text})
                case ToolCallDelta():
                    parts += self._call(entry)
                case Citation():
                    self._cited.append(entry)
                case Failure(code, message):
                    parts.append(_event("error", error={"type": _FAILURES.get(code, "api_error"), "message": message}))
                case Finish() if entry.reason != "error":
                    parts += self._end(entry)
                case _:  # brackets: the kinds of blocks say as much
                    pass
        return b"".join(parts)

    def _say(self, kind: str, delta: Mapping[str, Any]) -> Iterator[bytes]:
        if self._open is None or self._open[0] != kind:
            yield from self._pause()
            self._open = (kind, self._number)
            yield self._begin(_EMPTY[kind])
        _, number = self._open
        yield _event("content_block_delta", index=number, delta=delta)
        if kind == _TEXT:
            yield from self._cite(number)

    def _cite(self, number: int) -> Iterator[bytes]:
        for citation in self._cited:
            yield _event(
                "content_block_delta", index=number, delta={"type": "citations_delta", "citation": located(citation)}
            )
        self._cited = []

    def _call(self, delta: ToolCallDelta) -> Iterator[bytes]:
        call = self._calls.setdefault(delta.index, Call())
        call.add(delta)
        if self._speaking is not None and self._speaking[0] == delta.index:
            yield from _spoken(self._speaking[1], delta.arguments)
        yield from self._go_on()

    def _go_on(self) -> Iterator[bytes]:
        """Let the next call speak, and those after it, as far as that can be."""
        while (index := self._waiting()) is not None and self._calls[index].name and self._may_speak():
            yield from self._pause()
            yield from self._speak(index)

    def _waiting(self) -> int | None:
        """The first of the calls that have not begun."""
        return min(self._calls.keys() - self._written, default=None)

    def _may_speak(self) -> bool:
        return self._speaking is None or self._calls[self._speaking[0]].complete

    def _speak(self, index: int) -> Iterator[bytes]:
        """Begin a call's block, with what is known of its arguments."""
        call, number = self._calls[index], self._number
        self._written.add(index)
        self._speaking = (index, number)
        call_id = call.id or spare_id(self._told.stream_id, index)
        yield self._begin({"type": "tool_use", "id": call_id, "name": call.name, "input": {}})
        yield from _spoken(number, call.arguments)

    def _begin(self, block: Mapping[str, Any]) -> bytes:
        self._number += 1
        return _event("content_block_start", index=self._number - 1, content_block=block)

    def _pause(self) -> Iterator[bytes]:
        """End what can end: the text, and a call that is complete."""
        if self._open is not None:
            yield _event("content_block_stop", index=self._open[1])
            self._open = None
        if self._speaking is not None and self._may_speak():
            yield from self._hush()

    def _hush(self) -> Iterator[bytes]:
        if self._speaking is not None:
            yield _event("content_block_stop", index=self._speaking[1])
            self._speaking = None

    def _end(self, finish: Finish) -> Iterator[bytes]:
        if self._cited:
            yield from self._say(_TEXT, {"type": "text_delta", "text": ""})
        yield from self._pause()
        yield from self._hush()
        while (index := self._waiting()) is not None:
            yield from self._speak(index)
            yield from self._hush()
        reason = {"stop_reason": stop_reason(finish), "stop_sequence": None}
        yield _event("message_delta", delta=reason, usage=counts(finish.usage))
        yield _event("message_stop")


def whole(told: Told, answer: Answer) -> dict[str, Any]:
    """The whole answer. UpstreamError for a call whose arguments are no object."""
    finish = answer.finish or Finish()
    content: list[dict[str, Any]] = []
    if answer.reasoning:
        content.append({"type": "thinking", "thinking": answer.reasoning, "signature": ""})
    if answer.content or answer.citations:
        cited = {"citations": [located(each) for each in answer.citations]} if answer.citations else {}
        content.append({"type": "text", "text": answer.content} | cited)
    for number, (call, given) in enumerate(whole_calls(answer.tool_calls, finish)):
        call_id = call["id"] or spare_id(told.stream_id, number)
        content.append({"type": "tool_use", "id": call_id, "name": call["name"], "input": given})
    ended = {"content": content, "stop_reason": stop_reason(finish), "usage": counts(finish.usage)}
    return _message(told) | ended


def alive(_: Told) -> bytes:
    return PING


def error_body(message: str, status: int, code: str, field: str) -> dict[str, Any]:
    """Anthropic's error; our `code` and the `field` stand inside it."""
    kind = KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message, "code": code, "param": field or None}}


def stop_reason(finish: Finish) -> str:
    """The provider's word where it is one of Anthropic's, else ours as one of those."""
    word = finish.provider_reason
    return word if word in OWN_WORDS else REASONS.get(finish.reason, "end_turn")


def counts(usage: Usage | None) -> dict[str, Any]:
    """Tokens under Anthropic's names; 0 where nothing is known."""
    known = usage or Usage()
    return {
        "input_tokens": known.input_tokens,
        "output_tokens": known.output_tokens,
        "cache_read_input_tokens": known.cached_tokens,
        "cache_creation_input_tokens": 0,
        "output_tokens_details": {"thinking_tokens": known.reasoning_tokens},
    }


def located(citation: Citation) -> dict[str, Any]:
    """A source on the web, or a place in a document that has no address."""
    said = citation.quote or citation.text
    if citation.url:
        about = {"url": citation.url, "title": citation.title or None, "encrypted_index": ""}
        return {"type": "web_search_result_location", "cited_text": said, **about}
    place = {"document_index": 0, "document_title": citation.title or None, "start_char_index": 0, "end_char_index": 0}
    return {"type": "char_location", "cited_text": said, **place}


def _spoken(number: int, arguments: str) -> Iterator[bytes]:
    if arguments:
        delta = {"type": "input_json_delta", "partial_json": arguments}
        yield _event("content_block_delta", index=number, delta=delta)


def _message(told: Told) -> dict[str, Any]:
    about = {"id": f"msg_{told.stream_id}", "type": "message", "role": "assistant", "model": told.model}
    return about | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": counts(None)}


def _event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), to_json({"type": kind, **members}))
