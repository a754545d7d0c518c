"""An answer that may not be longer than the operator says: what had arrived is kept, the rest is not asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from msgspec.structs import replace

from headrace.common.streams.sources import Source, Trace
from headrace.errors import UpstreamError
from headrace.stream.events import Event, ReasoningDelta, TextDelta, ToolCallDelta


def bounded(source: Source, most: int) -> Source:
    """The source, ended with `upstream_limit` beyond `most` characters; the source itself where `most` is 0."""
    return _Bounded(source, most) if most else source


class _Bounded:
    def __init__(self, source: Source, most: int) -> None:
        self._source = source
        self._most = most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    async def events(self, trace: Trace) -> AsyncGenerator[list[Event], None]:
        left = self._most
        async with aclosing(self._source.events(trace)) as batches:
            async for events in batches:
                left -= sum(map(_length, events))
                yield events if left >= 0 else _without(events, -left)
                if left < 0:
                    message = f"The answer was cut off after {self._most} characters (HEADRACE_MAX_ANSWER)."
                    raise UpstreamError("upstream_limit", message)


def _without(events: list[Event], excess: int) -> list[Event]:
    """The events up to where the last `excess` characters begin."""
    room, kept = sum(map(_length, events)) - excess, list[Event]()
    for event in events:
        if room <= 0:
            break
        kept.append(_cut(event, room))
        room -= _length(event)
    return kept or [TextDelta("")]


def _cut(event: Event, room: int) -> Event:
    match event:
        case TextDelta() | ReasoningDelta():
            return replace(event, text=event.text[:room])
        case ToolCallDelta():
            return replace(event, arguments=event.arguments[:room])
        case _:
            return event


def _length(event: Event) -> int:
    match event:
        case TextDelta() | ReasoningDelta():
            return len(event.text)
        case ToolCallDelta():
            return len(event.arguments)
        case _:
            return 0
