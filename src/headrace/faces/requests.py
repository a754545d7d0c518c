"""What the readers of other people's requests share: refusals in their spelling, and the options that all have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from headrace.common.http import parse_json
from headrace.common.request_types import Message
from headrace.common.validation import checked, joined, shown
from headrace.errors import RequestError

B = TypeVar("B", bound=msgspec.Struct)


def read_body(kind: type[B], data: bytes) -> tuple[B, dict[str, Any]]:
    """The body as a `kind`, and those of its members that a `kind` does not have. RequestError names the field."""
    raw = parse_json(data)
    if not isinstance(raw, dict):
        raise RequestError(f"the body must be a JSON object; got {shown(raw)}")
    known = {*kind.__struct_fields__, *kind.__struct_encode_fields__}
    rest = {name: value for name, value in raw.items() if name not in known and value is not None}
    return checked(kind, raw), rest


def member(of: Mapping[str, Any], name: str, kind: type | tuple[type, ...], right: str, at: str) -> Any:
    """A member that must be there and of this kind."""
    value = of.get(name)
    if not isinstance(value, kind):
        where = joined(at, name)
        raise RequestError(f"{where} must be {right}; got {shown(value)}", field=where)
    return value


def items(of: Mapping[str, Any], name: str, at: str) -> list[Any]:
    """The values of a list that may be left out."""
    return [] if of.get(name) is None else list(member(of, name, list, "a list", at))


def talk_of(messages: Iterable[Mapping[str, Any]]) -> list[Message]:
    """The messages of ours that theirs have become. RequestError where nothing is left to answer."""
    talk = [checked(Message, each, at="messages") for each in messages]
    if all(message.role == "system" for message in talk):
        raise RequestError("messages say nothing: one of them must have content to answer", field="messages")
    return talk


def content_of(parts: list[dict[str, Any]]) -> Any:
    """The parts as a message's content: one that is text alone as a string, which every model takes; None for none."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts or None
