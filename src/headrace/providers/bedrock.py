"""Amazon Bedrock's ConverseStream, one form for every model there.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

Refuses to show signatures, encrypted thoughts and the results of Amazon's own tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.errors import ErrorCode, FramingError
from headrace.providers.base import Adapter
from headrace.providers.bedrock_events import (
    Body,
    Counts,
    Delta,
    ToolUse,
    counts_of,
    decode_strictly,
    rebuild,
    tool_use_of,
)
from headrace.providers.bedrock_request import build_converse
from headrace.providers.bedrock_signing import secrets_of, sign
from headrace.providers.citations import Sources, cite
from headrace.providers.error_facts import find_error, read_facts
from headrace.providers.failures import failure, failure_in_stream
from headrace.providers.lenient import as_text, count_of
from headrace.providers.tool_calls import arguments_text
from headrace.stream.aws_eventstream import AWSEventStreamDecoder
from headrace.stream.events import (
    Citation,
    Event,
    Failure,
    Finish,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from headrace.stream.framing import Frame
from headrace.stream.payload import decode_json

FINISH_REASONS: Mapping[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
"""Words for the end that are not `stop`; an unknown one is `stop`."""

_BROKEN = frozenset({"malformed_model_output", "malformed_tool_use"})
"""Words for an end in mid-answer: the model wrote what cannot be read."""

_EXCEPTIONS: Mapping[str, ErrorCode] = {
    "accessdenied": "upstream_auth",
    "internalserver": "upstream_unavailable",
    "modelerror": "upstream_error",
    "modelnotready": "upstream_unavailable",
    "modelstreamerror": "upstream_unavailable",
    "modeltimeout": "upstream_timeout",
    "resourcenotfound": "upstream_not_found",
    "servicequotaexceeded": "upstream_quota",
    "serviceunavailable": "upstream_unavailable",
    "throttling": "upstream_rate_limited",
    "validation": "upstream_bad_request",
}
"""Exceptions by their names without that word, in small letters."""


class _OpenCall:
    __slots__ = ("number", "streamed")

    def __init__(self, number: int) -> None:
        self.number = number
        self.streamed = False


class ConverseParser:
    """One answer, event by event."""

    __slots__ = ("_calls", "_finished", "_open", "_sources", "provider_reason")

    def __init__(self) -> None:
        self._calls = 0
        self._open: dict[int | None, _OpenCall] = {}
        self._finished = False
        self._sources = Sources()
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        if frame.name.startswith(("exception:", "error:")):
            return [read_exception(frame)]
        try:
            body = decode_strictly(frame.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if not frame.data.strip():
                return []
            body = rebuild(decode_json(frame.data, halves=True))
        return self.event(frame.name, body)

    def close(self) -> list[Event]:
        if not self._finished:
            return []
        rest = [event for index in list(self._open) for event in self._end(index)]
        word = self.provider_reason
        if word in _BROKEN:
            return [*rest, failure("upstream_error", f"The model broke off its answer ({word}).")]
        return [*rest, Finish(FINISH_REASONS.get(word, "stop"), word)]

    def event(self, name: str, body: Body) -> list[Event]:
        """What one event says; an unknown one says nothing."""
        match name:
            case "contentBlockDelta" if body.delta is not None:
                return self._delta(body.delta, body.content_block_index)
            case "contentBlockStart" if body.start is not None and body.start.tool_use is not None:
                return self._begin(body.start.tool_use, body.content_block_index)
            case "contentBlockStop":
                return self._end(body.content_block_index)
            case "messageStop":
                self._finished = True
                self.provider_reason = body.stop_reason or ""
            case "metadata" if body.usage is not None:
                return [_usage(body.usage)]
        return []

    def whole(self, data: bytes) -> list[Event]:
        """The events of a complete JSON answer; FramingError where it is none."""
        match answer := decode_json(data):
            case {"output": {"message": {"content": list(blocks)}}}:
                events = [event for index, block in enumerate(blocks) for event in self._block(block, index)]
            case _:
                if (facts := find_error(answer)) is not None:
                    return [failure_in_stream(facts)]
                raise FramingError("JSON that is neither an answer nor an error", code="upstream_not_a_stream")
        usage = counts_of(answer.get("usage"))
        self._finished = True
        self.provider_reason = as_text(answer.get("stopReason")) or ""
        return [*events, *([_usage(usage)] if usage is not None else []), *self.close()]

    def _delta(self, delta: Delta, index: int | None) -> list[Event]:
        if delta.text:
            return [TextDelta(delta.text)]
        if delta.reasoning_content is not None:
            return [ReasoningDelta(delta.reasoning_content.text)] if delta.reasoning_content.text else []
        if delta.citation is not None:
            return list(self._sources.new([_cite(delta.citation)]))
        call = self._open.get(index)
        if call is None or delta.tool_use is None or not (arguments := arguments_text(delta.tool_use.input)):
            return []
        call.streamed = True
        return [ToolCallDelta(call.number, arguments=arguments)]

    def _begin(self, call: ToolUse, index: int | None) -> list[Event]:
        before = self._end(index)
        self._open[index] = _OpenCall(self._calls)
        self._calls += 1
        return [*before, ToolCallDelta(self._calls - 1, call.tool_use_id or "", call.name or "")]

    def _end(self, index: int | None) -> list[Event]:
        """A call without arguments has an empty object of them, so that every call's can be read as JSON."""
        call = self._open.pop(index, None)
        return [] if call is None or call.streamed else [ToolCallDelta(call.number, arguments="{}")]

    def _block(self, block: Any, index: int) -> list[Event]:
        match block:
            case {"text": str(text)} | {"reasoningContent": {"reasoningText": {"text": str(text)}}} if text:
                return [TextDelta(text) if "text" in block else ReasoningDelta(text)]
            case {"citationsContent": {"content": list(said), "citations": list(found)}}:
                told = as_text(said)
                return [*([TextDelta(told)] if told else []), *self._sources.new(map(_cite, found))]
            case {"toolUse": dict(value)}:
                call = tool_use_of(value) or ToolUse()
                begun = self._begin(call, index)
                return [*begun, *self._delta(Delta(tool_use=call), index), *self._end(index)]
        return []


def _cite(citation: Any) -> Citation | None:
    if not isinstance(citation, dict):
        return None
    location, content = citation.get("location"), citation.get("sourceContent")
    web = location.get("web") if isinstance(location, dict) else None
    web = web if isinstance(web, dict) else {}
    return cite(web.get("url"), citation.get("title") or web.get("domain"), quote=content)


def read_exception(frame: Frame) -> Failure:
    """The failure that an exception or error frame tells of."""
    kind = frame.name.partition(":")[2]
    try:
        facts = read_facts(decode_json(frame.data)) if frame.data.strip() else read_facts("")
    except FramingError:
        facts = read_facts(frame.data.decode("utf-8", "replace"))
    message = facts.message or f"Amazon ended the answer with {kind or 'an error'}."
    code = _EXCEPTIONS.get(kind.lower().removesuffix("exception"))
    if code is None:
        return failure_in_stream(read_facts({"type": kind, "message": message}))
    return failure(code, message)


def _usage(counts: Counts) -> Usage:
    cached = counts.cache_read_input_tokens or counts.cache_read_input_token_count
    return Usage(count_of(counts.input_tokens), count_of(counts.output_tokens), cached_tokens=count_of(cached))


def _read_whole(data: bytes) -> list[Event]:
    return ConverseParser().whole(data)


def framing() -> AWSEventStreamDecoder:
    """A message that the body's end cut is dropped: whether the answer is whole, the frames before it say."""
    return AWSEventStreamDecoder(forgive_tail=True)


ADAPTER = Adapter("bedrock", framing, build_converse, ConverseParser, _read_whole, sign=sign, secrets=secrets_of)
