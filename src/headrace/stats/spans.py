"""Time as statistics cut it: buckets in somebody's zone, and which of them whole hours and days of UTC can answer.

Pure. Moments are minutes since 1970 (UTC), spans end before their second moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from headrace.errors import RequestError

Bucket = Literal["minute", "quarter", "hour", "day", "month"]
Span = tuple[int, int]
HOUR = 60
WATCH = 180
"""Three hours: days that do not begin when UTC's do are made of these, and of fewer hours."""
DAY = 1440
GRAINS = (DAY, WATCH, HOUR)
"""How long roll-ups are, in minutes; each a multiple of the next."""
FIXED = {"minute": 1, "quarter": 15, "hour": HOUR}
MAX_BUCKETS = 1000
"""In one answer: more than a chart has pixels for."""
AUTOMATIC: tuple[tuple[int, Bucket], ...] = ((3 * HOUR, "minute"), (DAY, "quarter"), (14 * DAY, "hour"))
"""Up to so long a range is cut so; a longer one by days."""


def suited(start: int, end: int) -> Bucket:
    """The buckets that show a range of this length well."""
    return next((bucket for length, bucket in AUTOMATIC if end - start <= length), "day")


def edges_of(start: int, end: int, bucket: Bucket, zone: ZoneInfo) -> list[int]:
    """Where the buckets begin, and the end: the first and the last one may be cut. RequestError for too many."""
    found = [start]
    for edge in _edges(start, bucket, zone):
        if edge >= end:
            break
        found.append(edge)
        if len(found) > MAX_BUCKETS:
            message = f"bucket {bucket!r} cuts this range into more than {MAX_BUCKETS}; choose a longer one"
            raise RequestError(message, field="bucket")
    return [*found, end]


def _edges(start: int, bucket: Bucket, zone: ZoneInfo) -> Iterator[int]:
    """The borders after `start`."""
    if bucket in FIXED:
        step = FIXED[bucket]
        edge = start - start % step + step
        while True:
            yield edge
            edge += step
    day = datetime.fromtimestamp(start * 60, zone).date()
    while True:
        day = day + timedelta(days=1) if bucket == "day" else (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield midnight(day, zone)


def midnight(day: date, zone: ZoneInfo) -> int:
    """When this day begins there."""
    return int(datetime.combine(day, time(), zone).timestamp()) // 60


def moment(minute: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC).astimezone(zone)


@dataclass(frozen=True, slots=True)
class Cover:
    """Buckets taken apart: what is read of which roll-ups, by their length in minutes, and what of the rows."""

    edges: Sequence[int]
    rolled: dict[int, list[Span]] = field(default_factory=lambda: {step: [] for step in GRAINS})
    rows: list[Span] = field(default_factory=list)

    def bucket_of(self, minute: int) -> int:
        """The number of the bucket that this minute is in."""
        return bisect_right(self.edges, minute) - 1

    def in_one(self, span: Span) -> bool:
        """Whether all of this span is in one bucket."""
        return self.bucket_of(span[0]) == self.bucket_of(span[1] - 1)


def cover(edges: Sequence[int], *, rows_since: int = 0, rolled: bool = True) -> Cover:
    """How these buckets are read with the fewest rows. Before `rows_since` there are no rows any more: borders there
    are those of the hours. Without `rolled`, everything is read of the rows."""
    if not rolled:
        return Cover(edges, rows=[(edges[0], edges[-1])])
    whole = [edge if edge >= rows_since else edge - edge % HOUR for edge in edges]
    found = Cover(whole)
    for start, end in pairwise(whole):
        _take(found, start, end, GRAINS)
    return found


def _take(found: Cover, start: int, end: int, grains: Sequence[int]) -> None:
    """Cover this with the longest roll-ups that fit, and what is left at both ends with shorter ones."""
    if start >= end:
        return
    if not grains:
        found.rows.append((start, end))
        return
    step, rest = grains[0], grains[1:]
    first, last = -(-start // step) * step, end - end % step
    if first >= last:
        _take(found, start, end, rest)
        return
    _take(found, start, first, rest)
    _add(found.rolled[step], first, last)
    _take(found, last, end, rest)


def _add(spans: list[Span], start: int, end: int) -> None:
    """One more span; made one with the last where they touch."""
    if spans and spans[-1][1] == start:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))
