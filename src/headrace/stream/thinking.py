"""Splits the chain of thought out of an answer's text by its tags, wherever the deltas are cut.

Refuses to guess: tags count at the start of the answer only, unless the model's row says otherwise, and nothing but
tags, and white space beside them, is ever dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from headrace.stream.events import ReasoningDelta, TextDelta
from headrace.stream.styles import DEFAULT, STYLES, ThinkStyle
from headrace.stream.tags import tag

__all__ = ["DEFAULT", "STYLES", "Delta", "ThinkSplitter", "ThinkStyle"]

Delta = TextDelta | ReasoningDelta

_NON_SPACE = re.compile(r"\S")


class ThinkSplitter:
    """The text of one answer, delta by delta. Time is linear in it.

    Held back is only what can still become a tag, and white space that may yet stand before the first one. A block
    without a word in it gives no delta at all. `passthrough` is True once no tag can count any more: the caller may
    then send text on as it is, without `feed`.
    """

    __slots__ = (
        "_answered",
        "_closer",
        "_held",
        "_label",
        "_opener",
        "_space",
        "_step",
        "_style",
        "_wrapper_end",
        "_wrapper_start",
        "passthrough",
    )

    def __init__(self, style: ThinkStyle = DEFAULT) -> None:
        self.passthrough = False
        self._style = style
        self._opener = tag(*style.openers)
        self._closer = tag(*style.closers)
        self._label = tag(style.label) if style.label else None
        self._wrapper_start = tag(style.wrapper[0]) if style.wrapper else None
        self._wrapper_end = tag(style.wrapper[1]) if style.wrapper else self._closer
        # A state is a plain function: a bound method would make a cycle that only the collector can free.
        self._step: Callable[[ThinkSplitter, str, int, list[Delta]], int] = ThinkSplitter._start
        self._held = ""
        self._space: list[str] = []
        self._answered = False

    def feed(self, text: str) -> list[Delta]:
        if self.passthrough:
            return [TextDelta(text)] if text else []
        if self._held:
            text, self._held = self._held + text, ""
        deltas: list[Delta] = []
        at, end = 0, len(text)
        while at < end:
            at = self._step(self, text, at, deltas)
        return deltas

    def close(self) -> list[Delta]:
        """What was held back, read as if no more text could come."""
        thinking = self._step in _THINKING or (self._step is ThinkSplitter._start and self._style.starts_inside)
        held = self._held
        if self._step is ThinkSplitter._start and not thinking:
            held = "".join(self._space) + held
        self._pass()
        return [ReasoningDelta(held) if thinking else TextDelta(held)] if held else []

    def field_seen(self) -> list[Delta]:
        """The provider sends reasoning in a field: from here on tags are text. Returns what was held back."""
        return [] if self.passthrough else self.close()

    def _start(self, text: str, at: int, deltas: list[Delta]) -> int:
        """Nothing but white space so far."""
        first = _word(text, at)
        self._space.append(text[at:first])
        if first == len(text):
            return first
        if end := self._opener.match(text, first):
            return self._open(end)
        if self._opener.begins(text, first):
            return self._hold(text, first)
        if self._style.starts_inside:
            self._space.clear()
            self._step = ThinkSplitter._inside
            return first
        return self._answer(text, first, deltas)

    def _labelled(self, text: str, at: int, _deltas: list[Delta]) -> int:
        """After an opener that a label may follow."""
        first = _word(text, at)
        if self._label is None or first == len(text):
            return first
        if self._label.begins(text, first):
            return self._hold(text, first)
        self._step = ThinkSplitter._lead
        return self._label.match(text, first) or first

    def _lead(self, text: str, at: int, _deltas: list[Delta]) -> int:
        """Inside, before the first word."""
        first = _word(text, at)
        if first < len(text):
            self._step = ThinkSplitter._inside
        return first

    def _inside(self, text: str, at: int, deltas: list[Delta]) -> int:
        start, end = self._closer.seek(text, at)
        if start > at:
            deltas.append(ReasoningDelta(text[at:start]))
        if not end:
            return self._hold(text, start)
        self._step = ThinkSplitter._between if self._answered else ThinkSplitter._closed
        return end

    def _closed(self, text: str, at: int, deltas: list[Delta]) -> int:
        """After the block, before the answer."""
        first = _word(text, at)
        return first if first == len(text) else self._answer(text, first, deltas)

    def _between(self, text: str, at: int, deltas: list[Delta]) -> int:
        """In an answer that may have blocks anywhere."""
        start, end = self._opener.seek(text, at)
        if start > at:
            self._answered = True
            deltas.append(TextDelta(text[at:start]))
        return self._open(end) if end else self._hold(text, start)

    def _wrapped_lead(self, text: str, at: int, _deltas: list[Delta]) -> int:
        """In the wrapper, before the first word."""
        first = _word(text, at)
        if first < len(text):
            self._step = ThinkSplitter._wrapped
        return first

    def _wrapped(self, text: str, at: int, deltas: list[Delta]) -> int:
        start, end = self._wrapper_end.seek(text, at)
        if start > at:
            deltas.append(TextDelta(text[at:start]))
        if not end:
            return self._hold(text, start)
        self._space.append(text[start:end])
        self._step = ThinkSplitter._unwrapped
        return end

    def _unwrapped(self, text: str, at: int, deltas: list[Delta]) -> int:
        """After what ends the wrapper, if nothing follows; else it was a word of the answer."""
        first = _word(text, at)
        self._space.append(text[at:first])
        if first < len(text):
            deltas.append(TextDelta("".join(self._space)))
            self._space.clear()
            self._step = ThinkSplitter._wrapped
        return first

    def _open(self, end: int) -> int:
        self._space.clear()
        self._step = ThinkSplitter._labelled if self._label else ThinkSplitter._lead
        return end

    def _answer(self, text: str, first: int, deltas: list[Delta]) -> int:
        """The first word that is no thought: the answer's, or its wrapper."""
        if self._wrapper_start is not None:
            if end := self._wrapper_start.match(text, first):
                self._space.clear()
                self._step = ThinkSplitter._wrapped_lead
                return end
            if self._wrapper_start.begins(text, first):
                return self._hold(text, first)
        space = "".join(self._space)
        self._space.clear()
        if not self._style.mid_answer:
            deltas.append(TextDelta(space + text[first:]))
            self._pass()
            return len(text)
        if space:
            deltas.append(TextDelta(space))
        self._step = ThinkSplitter._between
        return first

    def _hold(self, text: str, start: int) -> int:
        self._held = text[start:]
        return len(text)

    def _pass(self) -> None:
        self.passthrough = True
        self._held = ""
        self._space.clear()


_THINKING = (ThinkSplitter._labelled, ThinkSplitter._lead, ThinkSplitter._inside)


def _word(text: str, at: int) -> int:
    """Where the first character that is no white space stands; the end of `text` where there is none."""
    found = _NON_SPACE.search(text, at)
    return found.start() if found else len(text)
