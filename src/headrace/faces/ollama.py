"""Ollama's `/api/chat` as we answer it: one JSON object a line. https://docs.ollama.com/api/chat

Calls come whole, when the answer ends: its API has no way to send a part of one. It has no word for a source either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from headrace.errors import UpstreamError
from headrace.faces.calls import spare_id, whole_calls
from headrace.faces.face import Told, to_json
from headrace.stream.answer import Answer, gather
from headrace.stream.events import Entry, Failure, Finish, ReasoningDelta, TextDelta, ToolCallDelta

NANOSECONDS = 1_000_000
"""In a millisecond."""


class OllamaEncoder:
    """One answer, a line for each piece."""

    __slots__ = ("_after", "_before", "_calls", "_told")

    def __init__(self, told: Told) -> None:
        self._told = told
        self._before = to_json(_about(told))[:-1] + b',"message":'
        self._after = b',"done":false}\n'
        self._calls = Answer()

    def feed(self, entries: Sequence[Entry]) -> bytes:
        parts: list[bytes] = []
        for entry in entries:
            match entry:
                case TextDelta(text):
                    parts.append(self._said({"role": "assistant", "content": text}))
                case ReasoningDelta(text):
                    parts.append(self._said({"role": "assistant", "content": "", "thinking": text}))
                case ToolCallDelta():
                    gather(self._calls, entry)
                case Failure(_, message):
                    parts.append(_error_line(message))
                case Finish() if entry.reason != "error":
                    parts += self._end(entry)
                case _:  # brackets and sources have no word here
                    pass
        return b"".join(parts)

    def _said(self, message: Mapping[str, Any]) -> bytes:
        return self._before + to_json(message) + self._after

    def _end(self, finish: Finish) -> list[bytes]:
        parts: list[bytes] = []
        try:
            if calls := _calls(self._told, self._calls.tool_calls, finish):
                parts.append(self._said({"role": "assistant", "content": "", "tool_calls": calls}))
        except UpstreamError as error:
            return [_error_line(error.message)]
        last = _about(self._told) | {"message": {"role": "assistant", "content": ""}} | _done(finish)
        return [*parts, to_json(last) + b"\n"]


def whole(told: Told, answer: Answer) -> dict[str, Any]:
    """The whole answer. UpstreamError for a call whose arguments are no object."""
    finish = answer.finish or Finish()
    message: dict[str, Any] = {"role": "assistant", "content": answer.content}
    if answer.reasoning:
        message["thinking"] = answer.reasoning
    if calls := _calls(told, answer.tool_calls, finish):
        message["tool_calls"] = calls
    return _about(told) | {"message": message} | _done(finish)


def alive(told: Told) -> bytes:
    """A line that says nothing: its clients take no empty ones."""
    return OllamaEncoder(told).feed([TextDelta("")])


def error_body(message: str, _status: int, code: str, field: str) -> dict[str, Any]:
    return {"error": message, "code": code, "field": field}


def _error_line(message: str) -> bytes:
    return to_json({"error": message}) + b"\n"


def _about(told: Told) -> dict[str, Any]:
    return {"model": told.model, "created_at": stamp(told.created)}


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _calls(told: Told, calls: list[dict[str, Any]], finish: Finish) -> list[dict[str, Any]]:
    return [
        {
            "id": call["id"] or spare_id(told.stream_id, number),
            "function": {"index": number, "name": call["name"], "arguments": given},
        }
        for number, (call, given) in enumerate(whole_calls(calls, finish))
    ]


def _done(finish: Finish) -> dict[str, Any]:
    """The end: `length`, or `stop` for everything else. Times are in nanoseconds."""
    timing, usage = finish.timing, finish.usage
    total, first = (timing.duration_ms or 0.0, timing.ttft_ms or 0.0) if timing else (0.0, 0.0)
    ended = {"done": True, "done_reason": "length" if finish.reason == "length" else "stop"}
    times = {
        "total_duration": round(total * NANOSECONDS),
        "load_duration": 0,
        "prompt_eval_duration": round(first * NANOSECONDS),
        "eval_duration": round(max(total - first, 0.0) * NANOSECONDS),
    }
    counts = {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens} if usage else {}
    return ended | times | counts
