"""The figures of one stream, taken at the one place where its events pass, and of what its readers were sent.

They cost a few additions a batch and are bounded: gaps are counted in a sketch, and of silences the longest are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop

from msgspec import structs

from headrace.stream.events import Entry, Finish, ReasoningDelta, TextDelta, Timing, ToolCallDelta, Usage
from headrace.stream.sketch import Sketch

BYTES_A_TOKEN = 4  # of UTF-8: right for English to a fifth, a little low for Chinese; only where nothing was reported
SILENCE_SECONDS = 1.0  # a gap that somebody who waits notices; shorter ones are in the distribution alone
LEAST_SECONDS = 0.05  # that a speed is told of: an answer that came in one read, or was stopped at once, has none
KEPT_SILENCES = 16  # the longest ones of a stream, for its timeline


@dataclass(slots=True)
class Delivery:
    """What the readers of one stream were sent by this process.

    Each number is changed by one addition without a call in it, which in CPython no other thread can come between.
    """

    readers: int = 0
    resumes: int = 0
    raw_bytes: int = 0
    saved_bytes: int = 0
    """What compression made of them less."""

    @property
    def sent_bytes(self) -> int:
        return self.raw_bytes - self.saved_bytes


@dataclass(slots=True)
class Figures:
    """Times are event-loop seconds; None until it happened. Gaps are milliseconds between events."""

    started: float
    first_event: float | None = None
    first_reasoning: float | None = None
    first_content: float | None = None
    last: float = 0.0
    ended: float | None = None
    entries: int = 0
    text_bytes: int = 0
    reasoning_bytes: int = 0
    gaps: Sketch = field(default_factory=Sketch)
    longest: float = 0.0
    """Seconds of the longest silence after the first event, the one before the end too."""
    silences: list[tuple[float, float]] = field(default_factory=list)
    """A heap of (seconds, when it began)."""

    def count(self, entries: Sequence[Entry], now: float) -> None:
        """Take these entries into account; they are shown at `now`. Those that come together have no gap between."""
        if self.first_event is None:
            self.first_event = now
        else:
            gap = now - self.last
            self.gaps.add(gap * 1000)
            if gap > self.longest:  # noqa: PLR1730 - for each event, and a call costs thrice as much
                self.longest = gap
            if gap >= SILENCE_SECONDS:
                self._keep_silence(gap)
        self.last = now
        self.entries += len(entries)
        together = -1
        for entry in entries:
            kind = type(entry)
            if kind is TextDelta:
                self.text_bytes += len(entry.text)  # type: ignore[union-attr]
            elif kind is ReasoningDelta:
                self.reasoning_bytes += len(entry.text)  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                self.text_bytes += len(entry.arguments)  # type: ignore[union-attr]
            else:
                continue
            together += 1
        if together > 0:
            self.gaps.add_nothing(together)
        if self.first_content is None and self.text_bytes:
            self.first_content = now
        if self.first_reasoning is None and self.reasoning_bytes:
            self.first_reasoning = now

    def _keep_silence(self, gap: float) -> None:
        keep = heappush if len(self.silences) < KEPT_SILENCES else heappushpop
        keep(self.silences, (gap, self.last))

    def finish(self, finish: Finish, *, now: float, attempts: int, usage: Usage | None, input_bytes: int) -> Finish:
        """The stream's last entry: this reason, with usage (estimated where none was reported) and timing."""
        self.ended = now
        if self.first_event is not None and (gap := now - self.last) > self.longest:
            self.longest = gap
            if gap >= SILENCE_SECONDS:
                self._keep_silence(gap)
        usage = finish.usage or usage or self._estimate(input_bytes)
        return structs.replace(finish, usage=usage, timing=self._timing(usage), attempts=attempts)

    def since_start(self, moment: float | None) -> float | None:
        """Milliseconds from the start to this moment."""
        return None if moment is None else _ms(moment - self.started)

    def _estimate(self, input_bytes: int) -> Usage | None:
        if not self.entries:
            return None
        reasoning = -(-self.reasoning_bytes // BYTES_A_TOKEN)
        output = -(-self.text_bytes // BYTES_A_TOKEN) + reasoning
        return Usage(-(-input_bytes // BYTES_A_TOKEN), output, reasoning, 0, "estimated")

    def _timing(self, usage: Usage | None) -> Timing:
        ended = self.ended if self.ended is not None else self.started
        if self.first_event is None:
            return Timing(None, _ms(ended - self.started), None)
        generating = ended - self.first_event
        measurable = usage is not None and usage.output_tokens > 0 and generating >= LEAST_SECONDS
        speed = usage.output_tokens / generating if usage and measurable else None
        return Timing(
            _ms(self.first_event - self.started),
            _ms(ended - self.started),
            round(speed, 2) if speed is not None else None,
        )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
