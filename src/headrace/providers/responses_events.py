"""The shape of an event of OpenAI's Responses, decoded fast where it is as documented and by hand where it is not.

Refuses nothing but what is no JSON object: a field of a wrong type is read for what it can mean, or left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.lenient import as_text, whole_number


class Part(msgspec.Struct, gc=False):
    """Of a message, or of a thought: output_text, refusal, summary_text, reasoning_text."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: list[Any] | None = None


class Item(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    input: str | None = None
    content: list[Part] | None = None
    summary: list[Part] | None = None


class InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class Counts(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class Incomplete(msgspec.Struct, gc=False):
    reason: str | None = None


class Response(msgspec.Struct, gc=False):
    """A whole answer, or what is known of it; `output` stays unread until it is needed."""

    status: str | None = None
    usage: Counts | None = None
    incomplete_details: Incomplete | None = None
    output: msgspec.Raw = msgspec.Raw()
    error: Any = None


class WireEvent(msgspec.Struct, gc=False):
    """Any event's fields; which are set, its type says."""

    type: str = ""
    delta: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    item: Item | None = None
    response: Response | None = None
    annotation: Any = None
    arguments: str | None = None
    input: str | None = None
    text: str | None = None
    refusal: str | None = None
    error: Any = None


decode_strictly = msgspec.json.Decoder(WireEvent).decode
_decode_items = msgspec.json.Decoder(list[Item]).decode


def rebuild(value: Any) -> WireEvent:
    """An event out of plain JSON values, whatever their types."""
    if not isinstance(value, dict):
        raise FramingError("an event that is no JSON object")
    texts = {name: as_text(value.get(name)) for name in ("delta", "arguments", "input", "text", "refusal")}
    places = {name: whole_number(value.get(name)) for name in ("output_index", "content_index", "summary_index")}
    return WireEvent(
        type=as_text(value.get("type")) or "",
        item=item_of(value.get("item")),
        response=response_of(value.get("response")),
        annotation=value.get("annotation"),
        error=value.get("error"),
        **texts,  # type: ignore[arg-type]
        **places,  # type: ignore[arg-type]
    )


def response_of(value: Any) -> Response | None:
    if not isinstance(value, dict):
        return None
    details, output = value.get("incomplete_details"), value.get("output")
    return Response(
        status=as_text(value.get("status")),
        usage=_counts(value.get("usage")),
        incomplete_details=Incomplete(as_text(details.get("reason"))) if isinstance(details, dict) else None,
        output=msgspec.Raw(_encoded(output)),
        error=value.get("error"),
    )


def items_of(output: msgspec.Raw) -> list[Item]:
    """The items of a whole answer."""
    data = bytes(output)
    if not data:
        return []
    try:
        return _decode_items(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _items_leniently(data)


def _items_leniently(data: bytes) -> list[Item]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    return [item for each in value if (item := item_of(each))] if isinstance(value, list) else []


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError, TypeError, ValueError, OverflowError):
        return b""


def item_of(value: Any) -> Item | None:
    if not isinstance(value, dict):
        return None
    arguments = value.get("arguments")
    return Item(
        type=as_text(value.get("type")),
        id=as_text(value.get("id")),
        call_id=as_text(value.get("call_id")),
        name=as_text(value.get("name")),
        arguments=arguments if isinstance(arguments, dict) else as_text(arguments),
        input=as_text(value.get("input")),
        content=_parts(value.get("content")),
        summary=_parts(value.get("summary")),
    )


def _parts(value: Any) -> list[Part] | None:
    if isinstance(value, str):
        return [Part("output_text", value)]
    if not isinstance(value, list):
        return None
    return [_part(item) for item in value if isinstance(item, dict)]


def _part(value: dict[str, Any]) -> Part:
    annotations = value.get("annotations")
    kind, text, refusal = (as_text(value.get(name)) for name in ("type", "text", "refusal"))
    return Part(kind, text, refusal, annotations if isinstance(annotations, list) else None)


def _counts(value: Any) -> Counts | None:
    if not isinstance(value, dict):
        return None
    given, made = value.get("input_tokens_details"), value.get("output_tokens_details")
    return Counts(
        whole_number(value.get("input_tokens")),
        whole_number(value.get("output_tokens")),
        InputDetails(whole_number(given.get("cached_tokens"))) if isinstance(given, dict) else None,
        OutputDetails(whole_number(made.get("reasoning_tokens"))) if isinstance(made, dict) else None,
    )
