"""What one recorded answer tells about its endpoint, in plain words. Pure: it asks nobody and reads no clock.

It judges what was seen and says so; it promises nothing about the next answer, or another model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from headrace.errors import FramingError
from headrace.providers.base import Provider
from headrace.providers.decoder import StreamDecoder
from headrace.providers.presets import think_style
from headrace.stream.events import Event, Failure, Finish, ReasoningDelta, TextDelta, Usage
from headrace.stream.framing import Frame
from headrace.stream.styles import STYLES

Level = Literal["good", "note", "bad"]
Streaming = Literal["streams", "at once", "held back", "whole", "nothing"]

LIVE_READS = 5
"""Pieces in so many separate reads cannot come from a buffer that was emptied once."""
LIVE_SPREAD = 0.05  # seconds between first and last piece that tell a slow model's few reads from one burst
HELD_BACK = 1.0  # seconds of waiting before a burst that make it suspicious
LONG_SILENCE = 15.0  # proxies on the way begin to close connections not long after that
REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "thinking", "thought")
MAX_DEPTH = 8

_COMMENT = re.compile(rb"^:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """Bytes that arrived together, so many seconds after the question was sent."""

    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Observation:
    """One question's answer as it came. `ended` is when it was over; `failure` is what kept it away or broke it off."""

    row: Provider
    model: str
    ended: float
    status: int = 0
    content_type: str = ""
    head_at: float | None = None
    readings: tuple[Reading, ...] = ()
    failure: Failure | None = None
    refused: tuple[str, ...] = ()
    """Fields that it would not take, and that were left out then."""
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    text: str


@dataclass
class Diagnosis:
    """The figures of an observation, and what they mean."""

    seen: Observation

    @cached_property
    def events(self) -> list[tuple[float, Event]]:
        """Every event with the time at which its bytes had arrived."""
        style = think_style(self.seen.row, self.seen.model)
        decoder = StreamDecoder(self.seen.row, think=style, secrets=self.seen.secrets)
        found: list[tuple[float, Event]] = []
        for reading in self.seen.readings:
            found += [(reading.at, event) for event in decoder.feed(reading.data)]
        if not decoder.done and self.seen.head_at is not None:
            failure = self.seen.failure
            end = decoder.close() if failure is None else decoder.abort(failure)
            found += [(self.seen.ended, event) for event in end]
        return found

    @cached_property
    def body(self) -> bytes:
        return b"".join(reading.data for reading in self.seen.readings)

    @cached_property
    def payloads(self) -> list[Any]:
        """The JSON messages of the answer, as far as it has any."""
        if self.is_whole:
            return [found for found in (_json(self.body),) if found is not None]
        return [found for frame in self.frames if (found := _json(frame.data)) is not None]

    @cached_property
    def frames(self) -> list[Frame]:
        decoder = self.seen.row.adapter.framing()
        found: list[Frame] = []
        with suppress(FramingError):
            found += decoder.feed(self.body)
            found += decoder.close()
        return found

    @cached_property
    def failure(self) -> Failure | None:
        found = next((event for _, event in self.events if isinstance(event, Failure)), None)
        return found or self.seen.failure

    @cached_property
    def finish(self) -> Finish | None:
        return next((event for _, event in self.events if isinstance(event, Finish)), None)

    @cached_property
    def usage(self) -> Usage | None:
        """The provider's last report; none of ours."""
        reported = (event.usage if isinstance(event, Finish) else event for _, event in self.events)
        return next((each for each in reversed([*reported]) if isinstance(each, Usage)), None)

    @cached_property
    def pieces(self) -> list[float]:
        """When each piece of text or reasoning arrived."""
        return [at for at, event in self.events if isinstance(event, TextDelta | ReasoningDelta)]

    @cached_property
    def text(self) -> str:
        return "".join(event.text for _, event in self.events if isinstance(event, TextDelta))

    @property
    def is_whole(self) -> bool:
        """One JSON body instead of a stream."""
        row = self.seen.row.adapter
        return self.body.lstrip()[:1] == b"{" and not row.json_lines

    @property
    def heartbeats(self) -> int:
        """Comments, and the dialect's own pings."""
        pings = sum(frame.name == "ping" or frame.data.startswith(b'{"type": "ping"') for frame in self.frames)
        return pings + (len(_COMMENT.findall(self.body)) if not self.is_whole else 0)

    @property
    def done_seen(self) -> bool:
        return any(frame.data.strip() == b"[DONE]" for frame in self.frames)

    @property
    def first_at(self) -> float | None:
        return self.pieces[0] if self.pieces else None

    @property
    def spread(self) -> float:
        return self.pieces[-1] - self.pieces[0] if self.pieces else 0.0

    @property
    def longest_silence(self) -> float:
        """Between one arrival and the next, the head and the end among them."""
        start = [] if self.seen.head_at is None else [self.seen.head_at]
        times = [*start, *(reading.at for reading in self.seen.readings), self.seen.ended]
        return max((after - before for before, after in pairwise(times)), default=0.0)

    @property
    def streaming(self) -> Streaming:
        reads = len(set(self.pieces))
        if not reads:
            return "nothing"
        if self.is_whole:
            return "whole"
        if reads >= LIVE_READS or (reads > 1 and self.spread >= LIVE_SPREAD):
            return "streams"
        return "held back" if self.pieces[0] >= HELD_BACK else "at once"

    @property
    def reasoning_fields(self) -> list[str]:
        if not any(isinstance(event, ReasoningDelta) for _, event in self.events):
            return []  # sealed thoughts and empty fields are nothing that anybody could be shown
        found = {name for payload in self.payloads for name in _reasoning(payload)}
        return [name for name in REASONING_FIELDS if name in found]

    @property
    def reasons_in_tags(self) -> bool:
        return not self.reasoning_fields and any(isinstance(event, ReasoningDelta) for _, event in self.events)

    @property
    def stray_closer(self) -> str:
        """The tag that ends a block which nothing in the text began: the prompt had begun it."""
        closers = (closer for style in STYLES.values() for closer in style.closers)
        return next((closer for closer in closers if closer in self.text), "")

    @property
    def usable(self) -> bool:
        return self.failure is None and self.finish is not None and bool(self.pieces)

    @property
    def quirks(self) -> list[str]:
        """Habits of the row to use that were learned here."""
        return ["no_stream_options"] if "stream_options" in self.seen.refused else []

    def findings(self) -> list[Finding]:
        """What a person should know, in the order of an answer."""
        return [*self._arrival(), *self._thoughts(), *self._end(), *self._refusals()]

    def verdict(self) -> str:
        """The whole in one sentence."""
        if not self.usable:
            return "It cannot be used as it is: " + (self.failure.message if self.failure else "it said nothing.")
        manner = {
            "streams": "It works, and streams.",
            "at once": "It works. The answer came in one burst, so soon that this says little about streaming.",
            "held back": "It works, but the answer was held back and came in one burst: something on the way buffers.",
            "whole": "It works, but does not stream: it answers with one whole JSON body.",
        }
        return manner[self.streaming]

    def _arrival(self) -> Iterator[Finding]:
        seen = self.seen
        if seen.head_at is not None:
            yield Finding(
                "note", f"status {seen.status}, {seen.content_type or 'no content type'}, after {_s(seen.head_at)}"
            )
        if self.first_at is None:
            return
        level: Level = "good" if self.streaming == "streams" else "note" if self.streaming == "at once" else "bad"
        reads = len(set(self.pieces))
        yield Finding(
            level,
            f"{_count(len(self.pieces), 'piece')} in {_count(reads, 'read')} over {_s(self.spread)}: "
            f"the first after {_s(self.first_at)}, the last after {_s(self.pieces[-1])}",
        )
        silence = self.longest_silence
        level = "bad" if silence >= LONG_SILENCE and not self.heartbeats else "note"
        beats = _count(self.heartbeats, "heartbeat") if self.heartbeats else "no heartbeats"
        yield Finding(level, f"longest silence {_s(silence)}; {beats}")

    def _thoughts(self) -> Iterator[Finding]:
        if self.reasoning_fields:
            yield Finding("good", f"reasoning comes in the field {' and '.join(self.reasoning_fields)}")
        elif self.reasons_in_tags:
            yield Finding("good", "reasoning comes in tags in the text; they are taken out")
        elif self.pieces:
            yield Finding("note", "no reasoning in this answer")
        if self.stray_closer:
            yield Finding(
                "bad", f"{self.stray_closer} stands in the answer without an opener: the answer begins inside it"
            )

    def _end(self) -> Iterator[Finding]:
        if self.failure is not None:
            yield Finding("bad", f"{self.failure.code}: {self.failure.message}")
        finish = self.finish
        if finish is None or finish.reason == "error":
            return
        word = f"finish reason {finish.provider_reason!r}" if finish.provider_reason else "no finish reason"
        done = "[DONE] at the end" if self.done_seen else "no [DONE]"
        yield Finding("good" if finish.provider_reason else "bad", f"{word} ({finish.reason}); {done}")
        if self.usage is None:
            yield Finding("note", "no usage reported: tokens will be estimated")
        else:
            yield Finding("good", f"usage reported: {self.usage.input_tokens} in, {self.usage.output_tokens} out")

    def _refusals(self) -> Iterator[Finding]:
        for name in self.seen.refused:
            yield Finding("note", f"it refuses {name}; Headrace leaves it out, and remembers that for the model")


def _reasoning(payload: Any, depth: int = 0) -> Iterator[str]:
    """The names of members that hold reasoning, wherever they stand."""
    if depth > MAX_DEPTH:
        return
    if isinstance(payload, dict):
        for name, value in payload.items():
            if name in REASONING_FIELDS and value and isinstance(value, str | list | bool):
                yield name
            elif name not in ("usage", "usageMetadata"):
                yield from _reasoning(value, depth + 1)
    elif isinstance(payload, list):
        for value in payload:
            yield from _reasoning(value, depth + 1)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"
