"""The figures of one stream, taken at the one place where its events pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from headrace.stream.events import Entry, Finish, ReasoningDelta, TextDelta, Timing, ToolCallDelta, Usage

BYTES_A_TOKEN = 4  # of UTF-8: right for English to a fifth, a little low for Chinese; only where nothing was reported


@dataclass(slots=True)
class Figures:
    """Times are event-loop seconds; None until it happened."""

    started: float
    first_event: float | None = None
    first_content: float | None = None
    ended: float | None = None
    entries: int = 0
    text_bytes: int = 0
    reasoning_bytes: int = 0

    def count(self, entries: Sequence[Entry], now: float) -> None:
        """Take these entries into account; they are shown at `now`."""
        if self.first_event is None:
            self.first_event = now
        self.entries += len(entries)
        for entry in entries:
            kind = type(entry)
            if kind is TextDelta:
                self.text_bytes += len(entry.text)  # type: ignore[union-attr]
            elif kind is ReasoningDelta:
                self.reasoning_bytes += len(entry.text)  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                self.text_bytes += len(entry.arguments)  # type: ignore[union-attr]
        if self.first_content is None and self.text_bytes:
            self.first_content = now

    def finish(self, finish: Finish, *, now: float, attempts: int, usage: Usage | None, input_bytes: int) -> Finish:
        """The stream's last entry: this reason, with usage (estimated where none was reported) and timing."""
        self.ended = now
        usage = finish.usage or usage or self._estimate(input_bytes)
        return structs.replace(finish, usage=usage, timing=self._timing(usage), attempts=attempts)

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
        speed = usage.output_tokens / generating if usage and usage.output_tokens and generating > 0 else None
        return Timing(
            _ms(self.first_event - self.started),
            _ms(ended - self.started),
            round(speed, 2) if speed is not None else None,
        )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
