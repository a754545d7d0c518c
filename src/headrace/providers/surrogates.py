"""Joins the halves of a character that a provider cut over two deltas; a half without its other becomes U+FFFD.

Only lenient JSON decoding lets halves through at all (`"\\ud83d"`), so nearly every event passes untouched.
"""

from __future__ import annotations

from headrace.stream.events import ReasoningDelta, TextDelta, ToolCallDelta

Content = TextDelta | ReasoningDelta | ToolCallDelta
REPLACEMENT = "\ufffd"


class SurrogateJoiner:
    """Stateful, one for each answer; text, reasoning and each tool call are channels of their own."""

    __slots__ = ("_event", "held")

    def __init__(self) -> None:
        self.held = ""
        self._event: Content | None = None

    def feed(self, event: Content) -> list[Content]:
        """The event mended, after a half that this event shows to be a lone one; nothing where only a half came."""
        ready = [] if self._event is None or _same_channel(self._event, event) else self.close()
        text = self.held + text_of(event)
        name = event.name if isinstance(event, ToolCallDelta) else ""
        if not self.held and _is_whole(text) and _is_whole(name):
            return [*ready, event]
        self.held, self._event = "", None
        if text[-1:] and "\ud800" <= text[-1] <= "\udbff":
            self.held, self._event = text[-1], event
            text = text[:-1]
        mended = _with_text(event, _mend(text))
        return [*ready, mended] if text or name or isinstance(event, ToolCallDelta) else ready

    def close(self) -> list[Content]:
        """The half that is still held, as the replacement character."""
        event, self.held, self._event = self._event, "", None
        if event is None:
            return []
        rest = ToolCallDelta(event.index) if isinstance(event, ToolCallDelta) else event
        return [_with_text(rest, REPLACEMENT)]


def text_of(event: Content) -> str:
    return event.arguments if isinstance(event, ToolCallDelta) else event.text


def _same_channel(one: Content, other: Content) -> bool:
    if isinstance(one, ToolCallDelta) and isinstance(other, ToolCallDelta):
        return one.index == other.index
    return type(one) is type(other)


def _with_text(event: Content, text: str) -> Content:
    if isinstance(event, ToolCallDelta):
        return ToolCallDelta(event.index, _mend(event.id), _mend(event.name), text)
    return type(event)(text)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mend(text: str) -> str:
    return text if _is_whole(text) else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
