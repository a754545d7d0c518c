"""Rows and roll-ups read as one: what is folded of the roll-ups, the rest of the rows, nothing twice.

Nothing is locked for it. Should rows be folded while they are read, they are read again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Count, F, Model, Q, QuerySet, Sum

from headrace.errors import ERROR_CODES
from headrace.stats.asked import Asked
from headrace.stats.folding import MINUTE_MS, SUMS
from headrace.stats.models import Folding, RollUp, Stream
from headrace.stats.spans import DAY, Cover, Span
from headrace.stream.sketch import Sketch

Place = tuple[int, tuple[str, ...]]
"""A bucket's number, and the group's key."""
T = TypeVar("T")
COUNTED = ("streams", "failed", "cost", "priced")
ATTEMPTS = 5
"""At reading while others fold; a folding takes far less than the ten seconds between two."""
FEW_SPANS = 4
"""Up to so many are asked for one by one, each by its own stretch of an index. Of roll-ups and of the few rows that are
not folded more are read in one go, from the first to the last, and what lies between them is left out."""


def settled(read: Callable[[], T]) -> T:
    """What `read` returns, read while nothing was folded."""
    for _ in range(ATTEMPTS - 1):
        before = _number()
        found = read()
        if _number() == before:
            return found
    return read()


def _number() -> int:
    return Folding.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def sums(asked: Asked, cover: Cover) -> dict[Place, dict[str, float]]:
    """`COUNTED` and all of `SUMS`, for each bucket and group that has any."""
    found: dict[Place, dict[str, float]] = defaultdict(lambda: dict.fromkeys((*COUNTED, *SUMS), 0))
    for minute, row in settled(lambda: list(_sums(asked, cover))):
        there = found[cover.bucket_of(minute), tuple(row[name] for name in asked.dims)]
        for name in there:
            value = row[name] or 0
            there[name] += value if type(value) is float else int(value)  # PostgreSQL adds whole numbers to Decimals
    return dict(found)


def _sums(asked: Asked, cover: Cover) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rolled: dict[str, Any] = {name: Sum(name) for name in ("streams", "cost", "priced", *SUMS)}
    rolled["failed"] = Sum("streams", filter=Q(outcome__in=ERROR_CODES))
    for kept, spans in _rolled(asked, cover):
        groups = _grouped(kept, _keys("start", asked, cover, spans), rolled)
        yield from _inside(((row.get("start", spans[0][0]), row) for row in groups), spans)
    counted: dict[str, Any] = {name: Sum(name) for name in ("cost", *SUMS)}
    counted |= {"streams": Count("pk"), "failed": Count("pk", filter=Q(failed=True)), "priced": Count("cost")}
    for rows, spans in _rows(asked, cover):
        groups = _grouped(rows, _keys("minute", asked, cover, spans), counted)
        yield from _inside(((row.get("minute", spans[0][0]), row) for row in groups), spans)


def _keys(time: str, asked: Asked, cover: Cover, spans: Sequence[Span]) -> tuple[str, ...]:
    """What sums are told apart by: by time only where they fall into several buckets."""
    return asked.dims if len(spans) == 1 and cover.in_one(spans[0]) else (time, *asked.dims)


def _grouped(rows: QuerySet[Any], keys: Sequence[str], sums: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One dictionary a group. The sums have names of their own: those of columns are taken."""
    found = rows.order_by().values(*keys).annotate(**{f"sum_{name}": each for name, each in sums.items()})
    if not keys:
        found = [rows.aggregate(**{f"sum_{name}": each for name, each in sums.items()})]
    for row in found:
        if row["sum_streams"]:
            yield {name.removeprefix("sum_"): value for name, value in row.items()}


def sketches(asked: Asked, cover: Cover, measure: str) -> dict[Place, Sketch]:
    """The distribution of a measure, for each bucket and group that has any."""
    found: dict[Place, Sketch] = defaultdict(Sketch)
    edges = cover.edges
    for row in settled(lambda: list(_distributions(asked, cover, measure))):
        there = found[bisect_right(edges, row[0]) - 1, row[2:]]
        if isinstance(row[1], float):
            there.add(row[1])
        else:
            there.merge_encoded(row[1])
    return dict(found)


def _distributions(asked: Asked, cover: Cover, measure: str) -> Iterator[tuple[Any, ...]]:
    """Minute, value or sketch, and the group's key, of tens of thousands: no step more than needed."""
    for kept, spans in _rolled(asked, cover):
        rows = kept.exclude(**{measure: None}).order_by().values_list("start", measure, *asked.dims)
        yield from _within(rows, spans)
    for found, spans in _rows(asked, cover):
        rows = found.exclude(**{measure: None}).order_by().values_list("minute", measure, *asked.dims)
        yield from _within(rows, spans)


def values(asked: Asked, measure: str, most: int) -> list[tuple[int, tuple[str, ...], float]] | None:
    """Minute, group and value of every row; None where there are more than `most`."""
    rows = within(Stream.objects.filter(asked.condition), asked.start, asked.end).exclude(**{measure: None})
    found = list(rows.order_by().values_list("started", measure, *asked.dims)[: most + 1])
    if len(found) > most:
        return None
    return [(started // MINUTE_MS, tuple(group), value) for started, value, *group in found]


def _rolled(asked: Asked, cover: Cover) -> Iterator[tuple[QuerySet[RollUp], Sequence[Span]]]:
    """The roll-ups that answer, a few spans at a time."""
    found = RollUp.objects.filter(asked.condition, facet=asked.facet)
    for minutes, spans in cover.rolled.items():
        for start, end, inside in _stretches(spans):
            kept = found.filter(minutes=minutes, start__gte=start, start__lt=end)
            yield _at_times(kept, {each % DAY for span in inside for each in range(*span, minutes)}, minutes), inside


def _at_times(kept: QuerySet[RollUp], times: set[int], minutes: int) -> QuerySet[RollUp]:
    """Only those that begin at these minutes of UTC's day: of each day of another zone it is the same few hours."""
    if len(times) * minutes >= DAY:
        return kept
    return kept.annotate(time=F("start") % DAY).filter(time__in=times)


def _rows(asked: Asked, cover: Cover) -> Iterator[tuple[QuerySet[Any], Sequence[Span]]]:
    """The rows of the spans that roll-ups cannot answer, and in the others those that are in no roll-up yet."""
    found = Stream.objects.filter(asked.condition).annotate(minute=F("started") / MINUTE_MS)
    for start, end in cover.rows:
        yield within(found, start, end), [(start, end)]
    for start, end, inside in _stretches(_joined(cover)):
        yield within(found.filter(folded=False), start, end), inside


M = TypeVar("M", bound=Model)


def within(rows: QuerySet[M], start: int, end: int) -> QuerySet[M]:
    """The rows that started between these minutes."""
    return rows.filter(started__gte=start * MINUTE_MS, started__lt=end * MINUTE_MS)


def _joined(cover: Cover) -> list[Span]:
    """All that roll-ups answer, in order; what touches is one."""
    found: list[Span] = []
    for start, end in sorted(span for spans in cover.rolled.values() for span in spans):
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _stretches(spans: Sequence[Span]) -> Iterator[tuple[int, int, Sequence[Span]]]:
    """What is read in one go, with the spans that are wanted of it."""
    if len(spans) > FEW_SPANS:
        yield spans[0][0], spans[-1][1], spans
    else:
        yield from ((start, end, [(start, end)]) for start, end in spans)


def _inside(rows: Iterable[tuple[int, T]], spans: Sequence[Span]) -> Iterator[tuple[int, T]]:
    """Those whose minute is in one of the spans."""
    if len(spans) == 1:
        yield from rows
        return
    whole = Cover([start for start, _ in spans])
    for minute, row in rows:
        n = whole.bucket_of(minute)
        if n >= 0 and minute < spans[n][1]:
            yield minute, row


def _within(rows: Iterable[tuple[Any, ...]], spans: Sequence[Span]) -> Iterable[tuple[Any, ...]]:
    """`_inside` of rows that begin with their minute."""
    return rows if len(spans) == 1 else (row for _, row in _inside(((row[0], row) for row in rows), spans))
