"""Tells pieces of a text from ever longer wholes of it, and makes pieces of both.

Some models send all that they have said so far, again and again, whatever they were asked for. Refuses to guess as
long as one more message can tell: what may be either is held back for it.
"""

from __future__ import annotations

MAX_HELD = 64
"""Equal pieces in a row that are held back: a model that says the same word so often means it."""


class Growth:
    """What is known of one answer: None, then whether its messages are wholes. Shared by all its texts."""

    __slots__ = ("wholes",)

    def __init__(self) -> None:
        self.wholes: bool | None = None


class GrowingText:
    """One text of the answer. Stateful; linear where pieces come. `held` is what waits for the next message."""

    __slots__ = ("_growth", "_whole", "held")

    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self._whole = ""
        self.held: list[str] = []

    def feed(self, text: str) -> str:
        """What is new in this message, as far as it can be told."""
        if not self.held and (not text or self._growth.wholes is False):
            return text
        if not text or self._growth.wholes is False:
            return self._told(text)
        if self._growth.wholes:
            return self._told("") + self._rest(text)
        last = self.held[-1] if self.held else self._whole
        if not self._whole:
            self._whole = text
            return text
        if not text.startswith(last) or len(self.held) >= MAX_HELD:
            self._growth.wholes = False
            return self._told(text)
        if len(text) > len(last) > len(self._whole):
            self._growth.wholes = True
            return self._told("") + self._rest(text)
        self.held.append(text)
        return ""

    def settle(self, *, repeated: bool = False) -> str:
        """What is held back, when no more of this text will come: longer and longer ones were wholes.

        With `repeated`, a text that came twice is one whole: the second time it came with the end of the answer.
        """
        if not self.held:
            return ""
        if self._growth.wholes is None:
            self._growth.wholes = len(self.held[-1]) > len(self._whole) or (repeated and len(self.held) == 1)
        return self._told("")

    def _told(self, text: str) -> str:
        """What was held back, read as it is now known to be, and then this piece."""
        held, self.held = self.held, []
        if self._growth.wholes:
            return "".join(map(self._rest, held)) + text
        return "".join([*held, text])

    def _rest(self, text: str) -> str:
        """What a whole has beyond what was shown; half a character at its end is none yet."""
        text = text.rstrip("\ufffd")
        known, self._whole = self._whole, max(self._whole, text, key=len)
        return text[len(known) :]
