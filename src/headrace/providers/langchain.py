"""LangChain's message chunks as our events. Reads attributes only: LangChain itself is never imported here.

Reasoning comes in content blocks (Anthropic, Bedrock, OpenAI's Responses, the standard blocks of LangChain 1) or in
`additional_kwargs` (DeepSeek, Ollama, Groq, …). `ChatOpenAI` drops `reasoning_content` on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from headrace.stream.events import Event, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage

_REASONING_KWARGS = ("reasoning_content", "reasoning", "thinking")
_REASON_KEYS = ("finish_reason", "stop_reason", "done_reason", "stopReason")
_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}


class ChunkParser:
    """Reads one answer, chunk by chunk. Stateful, used once; `close` gives the end."""

    def __init__(self) -> None:
        self._reason = ""
        self._calls: dict[object, int] = {}
        self._usage: dict[str, int] = {}
        self._seen = False

    def feed(self, chunk: Any) -> list[Event]:
        """The events of one `AIMessageChunk` (or anything with its attributes)."""
        self._seen = True
        content = getattr(chunk, "content", "")
        extra = getattr(chunk, "additional_kwargs", None) or {}
        events: list[Event] = list(_from_kwargs(extra))
        blocks = _from_blocks([content] if isinstance(content, str) else content)
        events += (block for block in blocks if not (events and isinstance(block, ReasoningDelta)))
        events += self._tool_calls(getattr(chunk, "tool_call_chunks", None) or ())
        self._note(getattr(chunk, "response_metadata", None) or {}, getattr(chunk, "usage_metadata", None))
        return events

    def close(self) -> list[Event]:
        """Usage, if any was reported, and the end. A model that yielded nothing has no end to tell."""
        if not self._seen:
            return []
        return [*self._reported(), Finish(self._finish_reason(), self._reason)]

    def _reported(self) -> list[Usage]:
        told = self._usage
        if not told:
            return []
        return [Usage(told["input_tokens"], told["output_tokens"], told["reasoning_tokens"], told["cached_tokens"])]

    def _finish_reason(self) -> FinishReason:
        word = self._reason.lower()
        return _REASONS.get(word, "tool_calls" if self._calls and not word else "stop")

    def _tool_calls(self, chunks: Iterable[Mapping[str, Any]]) -> Iterator[Event]:
        for chunk in chunks:
            key = chunk.get("index")
            if key is None:
                key = chunk.get("id") or (len(self._calls) - 1 if self._calls else 0)
            index = self._calls.setdefault(key, len(self._calls))
            yield ToolCallDelta(index, chunk.get("id") or "", chunk.get("name") or "", chunk.get("args") or "")

    def _note(self, metadata: Mapping[str, Any], usage: Mapping[str, Any] | None) -> None:
        for key in _REASON_KEYS:
            word = metadata.get(key)
            if isinstance(word, str) and word:
                self._reason = word
        if usage:
            self._add_usage(usage)

    def _add_usage(self, usage: Mapping[str, Any]) -> None:
        """LangChain's chunks are made to be added up, so their usage is a difference, not a total."""
        cached = _detail(usage.get("input_token_details"), "cache_read")
        thought = _detail(usage.get("output_token_details"), "reasoning")
        told = {
            "input_tokens": usage.get("input_tokens"),
            "output_tokens": usage.get("output_tokens"),
            "reasoning_tokens": thought,
            "cached_tokens": cached,
        }
        for name, value in told.items():
            self._usage[name] = self._usage.get(name, 0) + int(value or 0)


def _detail(details: Mapping[str, Any] | None, name: str) -> int:
    """The tokens of one kind; a service tier stands before its name (`flex_reasoning`)."""
    found = details or {}
    return sum(int(value or 0) for key, value in found.items() if key == name or key.endswith(f"_{name}"))


def _from_kwargs(extra: Mapping[str, Any]) -> Iterator[Event]:
    for key in _REASONING_KWARGS:
        text = _reasoning_text(extra.get(key))
        if text:
            yield ReasoningDelta(text)
            return


def _from_blocks(blocks: Iterable[Any]) -> Iterator[Event]:
    for block in blocks:
        if isinstance(block, str):
            if block:
                yield TextDelta(block)
        elif isinstance(block, Mapping):
            yield from _from_block(block)


def _from_block(block: Mapping[str, Any]) -> Iterator[Event]:
    kind = block.get("type", "text" if "text" in block else "")
    if kind in ("text", "output_text", "text_delta"):
        text = block.get("text")
        if isinstance(text, str) and text:
            yield TextDelta(text)
    elif kind in ("thinking", "reasoning", "reasoning_content"):
        text = _reasoning_text(block)
        if text:
            yield ReasoningDelta(text)


def _reasoning_text(value: Any) -> str:
    """The text in the shapes that integrations use: a string, a block, a list of summaries."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        for key in ("reasoning", "thinking", "reasoning_content", "text", "summary", "content"):
            text = _reasoning_text(value.get(key))
            if text:
                return text
        return ""
    if isinstance(value, list):
        return "".join(_reasoning_text(item) for item in value)
    return ""
