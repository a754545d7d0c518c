"""Our entries in OpenAI's shape: chunks of a stream, and the whole completion. Pure.

Reasoning is given under both names that clients read, `reasoning_content` and `reasoning`; its brackets are ours alone
and not shown. `docs/openai-api.md` describes what is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from headrace.gateway.errors import failure_body
from headrace.stream.answer import Answer
from headrace.stream.events import (
    Citation,
    Entry,
    Failure,
    Finish,
    FinishReason,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    ToolCallDelta,
)
from headrace.stream.wire import DONE

REASONS: dict[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "cancelled": "stop",
}
"""OpenAI's words. It has none for an answer that was stopped; one that failed has an error instead."""

_json = msgspec.json.encode


class ChunkFace(msgspec.Struct, frozen=True):
    """OpenAI's stream for one client. `created` is in seconds since the epoch; `usage`: it comes last, if asked for."""

    id: str
    model: str
    created: int
    usage: bool = False

    def __call__(self, entries: Sequence[Entry], first: int) -> bytes:
        before, after = self._frame()
        parts = [before, b'{"role":"assistant","content":""}', after] if first == 1 else []
        for entry in entries:
            match entry:
                case TextDelta(text):
                    parts += (before, b'{"content":', _json(text), b"}", after)
                case ReasoningDelta(text):
                    said = _json(text)
                    parts += (before, b'{"reasoning_content":', said, b',"reasoning":', said, b"}", after)
                case ToolCallDelta():
                    parts += (before, _json({"tool_calls": [self._call(entry)]}), after)
                case Citation():
                    parts += (before, _json({"annotations": [annotation(entry)]}), after) if entry.url else ()
                case Failure():
                    parts.append(_data(failure_body(entry)))
                case Finish():
                    parts += self._end(entry)
                case ReasoningStart() | ReasoningEnd():
                    pass
                case _:
                    assert_never(entry)
        return b"".join(parts)

    def _frame(self) -> tuple[bytes, bytes]:
        """What stands before and after the delta of every chunk."""
        head = _json(self._about())[:-1]
        before = b"data: " + head + b',"choices":[{"index":0,"delta":'
        after = b',"logprobs":null,"finish_reason":null}]' + (b',"usage":null' if self.usage else b"") + b"}\n\n"
        return before, after

    def _about(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
        }

    def _call(self, call: ToolCallDelta) -> dict[str, Any]:
        """One piece of a call. Id, type and name come with its first piece only: clients append whatever they get."""
        call_id = call.id or (self.call_id(call.index) if call.name else "")
        opening = {"id": call_id, "type": "function"} if call_id else {}
        function = ({"name": call.name} if call.name else {}) | {"arguments": call.arguments}
        return {"index": call.index, **opening, "function": function}

    def call_id(self, index: int) -> str:
        """An id for a call whose provider gave it none; clients refuse a call without one."""
        return f"call_{self.id.removeprefix('chatcmpl-')}_{index}"

    def _end(self, finish: Finish) -> list[bytes]:
        parts: list[bytes] = []
        if finish.reason != "error":
            choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": REASONS[finish.reason]}
            parts.append(_data(self._about() | {"choices": [choice]} | ({"usage": None} if self.usage else {})))
        if self.usage and finish.usage is not None:
            parts.append(_data(self._about() | {"choices": [], "usage": usage_body(finish)}))
        return [*parts, DONE]


def _data(shown: dict[str, Any]) -> bytes:
    return b"data: " + _json(shown) + b"\n\n"


def annotation(citation: Citation) -> dict[str, Any]:
    """OpenAI's form of a source on the web. It has none for a source without an address."""
    known = {"title": citation.title or None, "start_index": citation.start, "end_index": citation.end}
    about = {"url": citation.url} | {name: value for name, value in known.items() if value is not None}
    return {"type": "url_citation", "url_citation": about}


def completion_body(face: ChunkFace, answer: Answer, finish: Finish) -> dict[str, Any]:
    """The whole answer. `content` is null where there are only calls."""
    calls = answer.tool_calls
    said = answer.content or (None if calls else "")
    message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None}
    if answer.reasoning:
        message |= {"reasoning_content": answer.reasoning, "reasoning": answer.reasoning}
    if cited := [annotation(citation) for citation in answer.citations if citation.url]:
        message["annotations"] = cited
    if calls:
        message["tool_calls"] = [_whole_call(call, face.call_id(n)) for n, call in enumerate(calls)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": REASONS.get(finish.reason, "stop")}
    about = {"id": face.id, "object": "chat.completion", "created": face.created, "model": face.model}
    return about | {"choices": [choice], "usage": usage_body(finish)}


def _whole_call(call: dict[str, Any], spare_id: str) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": call["arguments"] or "{}"}
    return {"id": call["id"] or spare_id, "type": "function", "function": function}


def usage_body(finish: Finish) -> dict[str, Any] | None:
    """Tokens under OpenAI's names, `source` (reported or estimated) beside them, and the cost where it is known."""
    usage = finish.usage
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "source": usage.source,
    } | ({} if finish.cost is None else {"cost": finish.cost})
