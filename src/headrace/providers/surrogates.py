"""Joins the halves of a character that a provider cut over two deltas, event by event.

Only lenient JSON decoding lets halves through at all (`"\\ud83d"`), so nearly every event passes untouched.
"""

from __future__ import annotations

from headrace.providers.lenient import is_whole, mended
from headrace.stream.events import ReasoningDelta, TextDelta, ToolCallDelta
from headrace.stream.payload import SurrogateJoiner

Content = TextDelta | ReasoningDelta | ToolCallDelta


class HalfJoiner:
    """Stateful, one for each answer; text, reasoning and each tool call are channels of their own.

    `held` says whether a half waits for its other: the next event must then be fed, whatever is in it.
    """

    __slots__ = ("_joiner", "_waiting", "held")

    def __init__(self) -> None:
        self.held = False
        self._joiner = SurrogateJoiner()
        self._waiting: Content | None = None

    def feed(self, event: Content) -> list[Content]:
        """The event with whole characters only, after a half that it shows to be a lone one."""
        if not self.held and is_whole(_every_text(event)):
            return [event]
        ready = [] if self._waiting is None or _same_channel(self._waiting, event) else self.close()
        text = text_of(event)
        joined = self._joiner.feed(text)
        if text:
            self.held = "\ud800" <= text[-1] <= "\udbff"
            self._waiting = event if self.held else None
        if isinstance(event, ToolCallDelta):
            ready.append(ToolCallDelta(event.index, mended(event.id), mended(event.name), joined))
        elif joined:
            ready.append(event if joined is text else type(event)(joined))
        return ready

    def close(self) -> list[Content]:
        """The half that still waits, as the replacement character."""
        rest, event = self._joiner.close(), self._waiting
        self.held, self._waiting = False, None
        if event is None or not rest:
            return []
        return [ToolCallDelta(event.index, arguments=rest) if isinstance(event, ToolCallDelta) else type(event)(rest)]


def _every_text(event: Content) -> str:
    return event.arguments + event.id + event.name if isinstance(event, ToolCallDelta) else event.text


def text_of(event: Content) -> str:
    return event.arguments if isinstance(event, ToolCallDelta) else event.text


def _same_channel(one: Content, other: Content) -> bool:
    if isinstance(one, ToolCallDelta) and isinstance(other, ToolCallDelta):
        return one.index == other.index
    return type(one) is type(other)
