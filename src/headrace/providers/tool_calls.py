"""Numbers the tool calls of one answer from 0 without gaps, whatever a provider uses to tell them apart.

Refuses to read arguments: they pass as text.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.lenient import mended
from headrace.stream.events import ToolCallDelta

MAX_COMPARED = 16 * 1024
"""Characters of a call's arguments up to which we look whether they are whole, where a name is repeated: looking
costs time that grows with its square. Beyond it the name goes on with the same call."""


class _Call:
    __slots__ = ("arguments", "id", "name", "number", "size")

    def __init__(self, number: int) -> None:
        self.number = number
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.size = 0

    def starts_anew(self, call_id: str, name: str, arguments: str) -> bool:
        """Whether a piece that points here is the first of another call: providers reuse an index, or send none."""
        if not name or not self.name:
            return False
        if call_id and self.id:
            return call_id != self.id
        if name != self.name:
            return True
        return bool(arguments) and self.size <= MAX_COMPARED and _is_whole("".join(self.arguments))


class ToolCallNumbering:
    """Stateful, one for each answer."""

    __slots__ = ("_by_id", "_by_index", "_calls")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(
        self, index: int | None, call_id: str, name: str, arguments: str, *, place: int | None = None
    ) -> ToolCallDelta | None:
        """One piece as the provider sent it, or None if it says nothing new.

        `place` is its place among several pieces that came together: all that is left to go by where a piece has
        neither index, id nor name.
        """
        call = self._find(index, call_id, name, arguments, place)
        fresh = call is None
        if call is None:
            call = self._open(index)
        told_id = "" if call.id else call_id
        told_name = "" if call.name else name
        if told_id:
            call.id = told_id
            self._by_id.setdefault(told_id, call)
        call.name = call.name or name
        if arguments:
            call.arguments.append(arguments)
            call.size += len(arguments)
        if not (fresh or told_id or told_name or arguments):
            return None
        return ToolCallDelta(call.number, told_id, told_name, arguments)

    def _open(self, index: int | None) -> _Call:
        call = _Call(len(self._calls))
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _find(self, index: int | None, call_id: str, name: str, arguments: str, place: int | None) -> _Call | None:
        if index is not None:
            call = self._by_index.get(index)
            if call is None:
                return None if name else self._by_id.get(call_id)
            return None if call.starts_anew(call_id, name, arguments) else call
        if call_id:
            return self._by_id.get(call_id)
        last = self._calls[-1] if self._calls else None
        if name:
            return None if last is None or last.starts_anew("", name, arguments) else last
        return self._calls[place] if place is not None and place < len(self._calls) else last


def _is_whole(text: str) -> bool:
    if not text.rstrip().endswith(("}", "]", '"')):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


def arguments_text(arguments: Any) -> str:
    """Arguments as the text that clients expect, where a provider sends them as an object."""
    if arguments is None:
        return ""
    if isinstance(arguments, str):
        return arguments
    try:
        return msgspec.json.encode(arguments).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_mended_all(arguments)).decode()
    except RecursionError:
        raise FramingError("the arguments of a tool call are nested too deep") from None


def _mended_all(value: Any) -> Any:
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, list):
        return [_mended_all(item) for item in value]
    if isinstance(value, dict):
        return {mended(str(key)): _mended_all(item) for key, item in value.items()}
    return value
