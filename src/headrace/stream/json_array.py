"""A JSON array that arrives bit by bit, one frame for each of its elements as soon as that is whole.

Pure and bounded. Looks only at brackets and quotes: whether an element is valid JSON is for its reader to say. Refuses
elements that are no objects or arrays, which no provider sends.
"""

from __future__ import annotations

import re

from headrace.errors import FramingError
from headrace.stream.framing import MAX_EVENT, Frame

_BRACKET_OR_QUOTE = re.compile(rb'["{}\[\]]')
_QUOTE_OR_ESCAPE = re.compile(rb'["\\]')
_NOT_BLANK = re.compile(rb"[^ \t\r\n]")
_BOM = b"\xef\xbb\xbf"


class JSONArrayDecoder:
    """Incremental, used once, in linear time. An array that the end of the body cut keeps its whole elements.

    What was complete before a fault is returned first; the fault is raised by the next call.
    """

    def __init__(self, *, max_element: int = MAX_EVENT) -> None:
        self.ended = False
        """Whether the array's closing bracket was seen."""
        self._max_element = max_element
        self._held = bytearray()
        self._begun = False
        self._after_element = False
        self._depth = 0
        self._in_text = False
        self._escaped = False
        self._fault: FramingError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        if self._fault is not None:
            raise self._fault
        frames: list[Frame] = []
        at = 0
        try:
            while at < len(data):
                at = self._element(data, at, frames) if self._depth else self._between(data, at)
        except FramingError as fault:
            self._fault = fault
            self._held.clear()
            if not frames:
                raise
        return frames

    def close(self) -> list[Frame]:
        if self._fault is not None:
            raise self._fault
        self._held.clear()
        return []

    def _between(self, data: bytes, at: int) -> int:
        """Up to the next element's opening bracket."""
        found = _NOT_BLANK.search(data, at)
        if found is None:
            return len(data)
        at, mark = found.start(), found[0]
        if not self._begun:
            if mark in _BOM:
                return at + 1
            if mark != b"[":
                raise FramingError("a body that is no JSON array")
            self._begun = True
        elif self.ended:
            raise FramingError("a JSON array is followed by something else")
        elif mark in b"{[" and not self._after_element:
            self._depth = 1
            self._after_element = True
            self._held += mark
        elif mark == b"]":
            self.ended = True
        elif mark == b"," and self._after_element:
            self._after_element = False
        else:
            raise FramingError("a JSON array with something else between its objects")
        return at + 1

    def _element(self, data: bytes, at: int, frames: list[Frame]) -> int:
        """To the element's closing bracket, or to the end of the data."""
        end = self._scan(data, at)
        if len(self._held) + end - at > self._max_element:
            raise FramingError(f"an element is longer than {self._max_element} bytes", code="upstream_limit")
        self._held += data[at:end]
        if not self._depth:
            frames.append(Frame(bytes(self._held)))
            self._held.clear()
        return end

    def _scan(self, data: bytes, at: int) -> int:
        while self._depth:
            if self._escaped and at < len(data):
                self._escaped = False
                at += 1
            found = (_QUOTE_OR_ESCAPE if self._in_text else _BRACKET_OR_QUOTE).search(data, at)
            if found is None:
                return len(data)
            mark, at = found[0], found.end()
            if mark == b"\\":
                self._escaped = True
            elif mark == b'"':
                self._in_text = not self._in_text
            else:
                self._depth += 1 if mark in b"{[" else -1
        return at
