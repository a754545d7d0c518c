"""Whether readers of streams were told the truth: what producers wrote against what each reader got, in whatever order.

A history is right when every reader's events are exactly the producer's, from its first number on, without a gap, a
repeat or a foreign byte, and when it ends once and with nothing after it. It neither reads streams nor judges times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

SHOWN = 20  # violations that are listed: a broken run has thousands of the same


def fingerprint(text: str) -> str:
    """What a history remembers of an event."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


class HistoryError(AssertionError):
    """Readers got what was not written, or not all of it."""


@dataclass(slots=True)
class Reading:
    """What one reader got, over all its connections. `ending` is empty until `[DONE]`: `stop`, or an error's code.

    `failure` is that code once it was read: the error is the event before the end.
    """

    stream: str
    start: int = 0
    events: list[tuple[int, str]] = field(default_factory=list)
    ending: str = ""
    failure: str = ""
    after_the_end: int = 0

    def saw(self, number: int, text: str) -> None:
        if self.ending or self.failure:
            self.after_the_end += 1
        self.events.append((number, fingerprint(text)))

    def ended(self, how: str) -> None:
        if self.ending:
            self.after_the_end += 1
        self.ending = how

    @property
    def cursor(self) -> int:
        """The number of the last event read."""
        return self.events[-1][0] if self.events else self.start


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was checked. `endings` counts how readings ended; those that were given up on are under ``""``."""

    streams: int
    readings: int
    events: int
    endings: dict[str, int]


class History:
    """Filled by producers (`wrote`) and readers (`reading`), then checked."""

    def __init__(self) -> None:
        self._written: dict[str, list[str]] = {}
        self._readings: list[Reading] = []

    def wrote(self, stream: str, texts: Iterable[str]) -> None:
        """The events that a stream's producer has, in order."""
        self._written.setdefault(stream, []).extend(map(fingerprint, texts))

    def reading(self, stream: str, start: int = 0) -> Reading:
        """A new reader of this stream, after this number."""
        reading = Reading(stream, start)
        self._readings.append(reading)
        return reading

    def check(self, *, endings: frozenset[str] = frozenset({"stop"}), unfinished: bool = False) -> Verdict:
        """Raises `HistoryError`. `endings` are the allowed ones; only `stop` promises that everything came.

        `unfinished`: readers may have been given up on before the end.
        """
        wrong = [fault for reading in self._readings for fault in self._faults(reading, endings, unfinished)]
        if wrong:
            rest = f"\n… and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
            raise HistoryError("\n".join(wrong[:SHOWN]) + rest)
        counted: dict[str, int] = {}
        for reading in self._readings:
            counted[reading.ending] = counted.get(reading.ending, 0) + 1
        events = sum(len(reading.events) for reading in self._readings)
        return Verdict(len(self._written), len(self._readings), events, counted)

    def _faults(self, reading: Reading, endings: frozenset[str], unfinished: bool) -> Iterable[str]:
        written, name = self._written.get(reading.stream, []), f"stream {reading.stream}"
        expected = reading.start
        for number, seen in reading.events:
            expected += 1
            if number != expected:
                yield f"{name}: event {number} where {expected} was due"
                expected = number
            if number > len(written) or number < 1:
                yield f"{name}: event {number} was never written"
            elif written[number - 1] != seen:
                yield f"{name}: event {number} is not what was written"
        if reading.after_the_end:
            yield f"{name}: {reading.after_the_end} times more after the end"
        if reading.ending not in endings and (reading.ending or not unfinished):
            yield f"{name}: ended with {reading.ending or 'nothing'!r}"
        if reading.ending == "stop" and reading.cursor != len(written):
            yield f"{name}: ended after {reading.cursor} of {len(written)} events"
