"""What a load saw, as figures. Pure: it counts, it measures no time of its own."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

ON_TIME_US = 100_000  # a tenth of a second: later than this, a reader sees a token come late


class Percentiles(TypedDict):
    p50: float
    p95: float
    p99: float


class Summary(TypedDict):
    """One line of JSON. Times are in milliseconds, rates a second."""

    requests: int
    complete: int
    errors: dict[str, int]
    tokens: int
    expected: int
    body_bytes: int
    wire_bytes: int
    seconds: float
    tokens_per_second: float
    ttft: Percentiles | None
    latency: Percentiles | None
    on_time: float | None


class Tally:
    """Answers and tokens, as they come. Times are in microseconds."""

    def __init__(self) -> None:
        self.errors: Counter[str] = Counter()
        self.complete = 0
        self.tokens = 0
        self.body_bytes = self.wire_bytes = 0
        self.first_tokens = array("q")
        self.latencies = array("q")

    def error(self, kind: str) -> None:
        self.errors[kind] += 1

    @property
    def requests(self) -> int:
        """All answers that have ended, well or not."""
        return self.complete + self.errors.total()

    def summary(self, *, tokens_each: int, seconds: float) -> Summary:
        expected = self.requests * tokens_each
        on_time = sum(latency <= ON_TIME_US for latency in self.latencies)
        return Summary(
            requests=self.requests,
            complete=self.complete,
            errors=dict(self.errors),
            tokens=self.tokens,
            expected=expected,
            body_bytes=self.body_bytes,
            wire_bytes=self.wire_bytes,
            seconds=round(seconds, 3),
            tokens_per_second=round(self.tokens / seconds, 1) if seconds else 0.0,
            ttft=percentiles(self.first_tokens),
            latency=percentiles(self.latencies),
            on_time=round(on_time / expected, 4) if self.latencies else None,
        )


def percentiles(values: Sequence[int]) -> Percentiles | None:
    """In milliseconds, by nearest rank; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    p50, p95, p99 = (round(_nearest(ordered, share) / 1000, 3) for share in (0.50, 0.95, 0.99))
    return Percentiles(p50=p50, p95=p95, p99=p99)


def _nearest(ordered: Sequence[int], share: float) -> int:
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
