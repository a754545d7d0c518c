"""The shape of an event of Anthropic's Messages, decoded fast where it is as documented and by hand where it is not.

Refuses nothing but what is no JSON object: a field of a wrong type is read for what it can mean, or left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.lenient import as_text, whole_number
from headrace.stream.payload import read


class Block(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    text: str | None = None
    thinking: str | None = None
    citations: list[Any] | None = None


class Delta(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    citation: Any = None


class OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class Counts(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class Message(msgspec.Struct, gc=False):
    usage: Counts | None = None


class WireEvent(msgspec.Struct, gc=False):
    """One event; of a whole message its `content` and `stop_reason` too. Blocks of results are passed over unread."""

    type: str | None = None
    index: int | None = None
    delta: Delta | None = None
    content_block: Block | None = None
    message: Message | None = None
    usage: Counts | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None


_decoder = msgspec.json.Decoder(WireEvent)
decode_strictly = _decoder.decode


def decode(data: bytes) -> WireEvent:
    """A whole message or an error, as if it were an event; FramingError for what is no JSON object."""
    return read(_decoder, data, rebuild)


def rebuild(value: Any) -> WireEvent:
    """An event out of plain JSON values, whatever their types."""
    if not isinstance(value, dict):
        raise FramingError("an event that is no JSON object")
    delta, message, content = value.get("delta"), value.get("message"), value.get("content")
    return WireEvent(
        type=as_text(value.get("type")),
        index=whole_number(value.get("index")),
        delta=_delta(delta) if isinstance(delta, dict) else None,
        content_block=_block(value.get("content_block")),
        message=Message(_counts(message.get("usage"))) if isinstance(message, dict) else None,
        usage=_counts(value.get("usage")),
        content=[block for item in content if (block := _block(item))] if isinstance(content, list) else None,
        stop_reason=as_text(value.get("stop_reason")),
    )


def _delta(value: dict[str, Any]) -> Delta:
    texts = {name: as_text(value.get(name)) for name in ("type", "text", "thinking", "partial_json", "stop_reason")}
    return Delta(**texts, citation=value.get("citation"))


def _block(value: Any) -> Block | None:
    if not isinstance(value, dict):
        return None
    texts = {name: as_text(value.get(name)) for name in ("type", "id", "name", "text", "thinking")}
    citations = value.get("citations")
    return Block(**texts, input=value.get("input"), citations=citations if isinstance(citations, list) else None)


def _counts(value: Any) -> Counts | None:
    if not isinstance(value, dict):
        return None
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens")
    details = value.get("output_tokens_details")
    return Counts(
        **{name: whole_number(value.get(name)) for name in names},
        output_tokens_details=OutputDetails(whole_number(details.get("thinking_tokens")))
        if isinstance(details, dict)
        else None,
    )
