"""From a decoder's events to a journal's entries: every run of reasoning bracketed, whoever produced it.

The brackets are entries of their own because clients count them: they are numbered like everything that is sent.
"""

from __future__ import annotations

from collections.abc import Iterable

from headrace.stream.events import (
    Citation,
    Entry,
    Event,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    Usage,
)

_START = ReasoningStart()
_END = ReasoningEnd()


class Bracketing:
    """Stateful, one for each stream. Empty deltas and `Usage` (it travels inside `Finish`) are dropped."""

    __slots__ = ("_thinking",)

    def __init__(self) -> None:
        self._thinking = False

    def feed(self, events: Iterable[Event]) -> list[Entry]:
        """The entries for these events, in order; brackets stay balanced once a `Finish` has been fed.

        A citation may come in mid-thought: it ends no run.
        """
        entries: list[Entry] = []
        for event in events:
            kind = type(event)
            if kind is TextDelta or kind is ReasoningDelta:
                if not event.text:  # type: ignore[union-attr]
                    continue
            elif kind is Usage:
                continue
            if (kind is ReasoningDelta) is not self._thinking and kind is not Citation:
                entries.append(_END if self._thinking else _START)
                self._thinking = not self._thinking
            entries.append(event)  # type: ignore[arg-type]
        return entries
