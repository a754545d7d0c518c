"""Tool calls where an API wants their arguments as an object, not as the text that models write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.errors import FramingError, UpstreamError
from headrace.stream.events import Finish, ToolCallDelta
from headrace.stream.payload import decode_json

Spoken = tuple[dict[str, Any], Mapping[str, Any]]
"""A call as `gather` keeps it, and its arguments."""


class Call:
    """One call, as far as it has been said."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self, call_id: str = "", name: str = "", arguments: str = "") -> None:
        self.id = call_id
        self.name = name
        self.arguments = arguments

    def add(self, delta: ToolCallDelta) -> None:
        self.id = self.id or delta.id
        self.name = self.name or delta.name
        self.arguments += delta.arguments

    @property
    def complete(self) -> bool:
        """Whether no further argument text can come: an object that has been closed."""
        return self.arguments.rstrip().endswith("}") and arguments_object(self.arguments) is not None


def arguments_object(text: str) -> Mapping[str, Any] | None:
    """The object that this text is; an empty one for no text, None for what is no object, or not yet."""
    if not text.strip():
        return {}
    try:
        found = decode_json(text.encode("utf-8", "replace"))
    except FramingError:
        return None
    return found if isinstance(found, Mapping) else None


def spare_id(stream_id: str, index: int) -> str:
    """An id for a call whose provider gave it none; clients answer a call by its id."""
    return f"call_{stream_id}_{index}"


def whole_calls(calls: list[dict[str, Any]], finish: Finish) -> Iterator[Spoken]:
    """Each call of an answer with its arguments as an object.

    One that the answer's limit has cut off is left out. UpstreamError where the model wrote no object.
    """
    for call in calls:
        given = arguments_object(call["arguments"])
        if given is not None:
            yield call, given
        elif finish.reason != "length":
            raise UpstreamError("upstream_protocol", unreadable(call["name"]))


def unreadable(name: str) -> str:
    return f"The model called {name[:100]!r} with arguments that are no JSON object."
