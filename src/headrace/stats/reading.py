"""Rows and roll-ups read as one: what is folded of the roll-ups, the rest of the rows, nothing twice.

Nothing is locked for it. Should rows be folded while they are read, they are read again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django.db.models import Count, F, Model, Q, QuerySet, Sum

from headrace.stats.asked import Asked
from headrace.stats.folding import DAY, HOUR, MINUTE_MS, SUMS
from headrace.stats.models import Folding, RollUp, Stream
from headrace.stats.spans import Cover, Span
from headrace.stream.sketch import Sketch

Place = tuple[int, tuple[str, ...]]
"""A bucket's number, and the group's key."""
T = TypeVar("T")
ATTEMPTS = 5
"""At reading while others fold; a folding takes far less than the ten seconds between two."""
MAX_SPANS = 40
"""In one condition; beyond that all between the first and the last are read, and those outside left out."""


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
    """`streams`, `cost`, `priced` and all of `SUMS`, for each bucket and group that has any."""
    found: dict[Place, dict[str, float]] = defaultdict(lambda: dict.fromkeys(("streams", "cost", "priced", *SUMS), 0))
    for minute, row in settled(lambda: list(_sums(asked, cover))):
        there = found[cover.bucket_of(minute), tuple(row[name] for name in asked.dims)]
        for name in there:
            value = row[name] or 0
            there[name] += value if type(value) is float else int(value)  # PostgreSQL adds whole numbers to Decimals
    return dict(found)


def _sums(asked: Asked, cover: Cover) -> Iterator[tuple[int, Mapping[str, Any]]]:
    by_time = len(cover.edges) > 2
    rolled: dict[str, Any] = {name: Sum(name) for name in ("streams", "cost", "priced", *SUMS)}
    for minutes, spans in _grains(cover):
        if spans:
            keys = ("start", *asked.dims) if by_time else asked.dims
            groups = _grouped(_rolled(asked, minutes, spans), keys, rolled)
            yield from _inside(((row.get("start", spans[0][0]), row) for row in groups), spans)
    counted: dict[str, Any] = {name: Sum(name) for name in ("cost", *SUMS)}
    counted |= {"streams": Count("pk"), "priced": Count("cost")}
    for rows, spans in _rows(asked, cover):
        groups = _grouped(rows, ("minute", *asked.dims) if by_time else asked.dims, counted)
        yield from _inside(((row.get("minute", spans[0][0]), row) for row in groups), spans)


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
    for minute, group, value in settled(lambda: list(_distributions(asked, cover, measure))):
        there = found[cover.bucket_of(minute), group]
        if isinstance(value, float):
            there.add(value)
        else:
            there.merge(Sketch.decode(bytes(value)))
    return dict(found)


def _distributions(asked: Asked, cover: Cover, measure: str) -> Iterator[tuple[int, tuple[str, ...], Any]]:
    for minutes, spans in _grains(cover):
        if spans:
            kept = _rolled(asked, minutes, spans).exclude(**{measure: None})
            rows = kept.order_by().values_list("start", measure, *asked.dims)
            yield from ((start, tuple(group), data) for start, (data, *group) in _split(rows, spans))
    for found, spans in _rows(asked, cover):
        rows = found.exclude(**{measure: None}).order_by().values_list("minute", measure, *asked.dims)
        yield from ((start, tuple(group), value) for start, (value, *group) in _split(rows, spans))


def values(asked: Asked, measure: str, most: int) -> list[tuple[int, tuple[str, ...], float]] | None:
    """Minute, group and value of every row; None where there are more than `most`."""
    rows = within(Stream.objects.filter(asked.condition), [(asked.start, asked.end)]).exclude(**{measure: None})
    found = list(rows.order_by().values_list("started", measure, *asked.dims)[: most + 1])
    if len(found) > most:
        return None
    return [(started // MINUTE_MS, tuple(group), value) for started, value, *group in found]


def _grains(cover: Cover) -> tuple[tuple[int, Sequence[Span]], ...]:
    return ((DAY, cover.days), (HOUR, cover.hours))


def _rolled(asked: Asked, minutes: int, spans: Sequence[Span]) -> QuerySet[RollUp]:
    found = RollUp.objects.filter(asked.condition, facet=asked.facet, minutes=minutes)
    return found.filter(_any_of(spans, "start", 1))


def _rows(asked: Asked, cover: Cover) -> Iterator[tuple[QuerySet[Any], Sequence[Span]]]:
    """The rows of the spans that roll-ups cannot answer, and in the others those that are in no roll-up yet."""
    found = Stream.objects.filter(asked.condition).annotate(minute=F("started") / MINUTE_MS)
    if cover.rows:
        yield within(found, cover.rows), cover.rows
    if rolled := sorted(cover.days + cover.hours):
        yield within(found.filter(folded=False), rolled), rolled


M = TypeVar("M", bound=Model)


def within(rows: QuerySet[M], spans: Sequence[Span]) -> QuerySet[M]:
    """The rows that started in one of these spans."""
    return rows.filter(_any_of(spans, "started", MINUTE_MS))


def _any_of(spans: Sequence[Span], name: str, unit: int) -> Q:
    if len(spans) > MAX_SPANS:
        spans = [(spans[0][0], max(end for _, end in spans))]
    each = (Q(**{f"{name}__gte": start * unit, f"{name}__lt": end * unit}) for start, end in spans)
    return reduce(or_, each)


def _inside(rows: Iterable[tuple[int, T]], spans: Sequence[Span]) -> Iterator[tuple[int, T]]:
    """Those whose minute is in one of the spans."""
    if len(spans) <= MAX_SPANS:
        yield from rows
        return
    whole = Cover([start for start, _ in spans])
    for minute, row in rows:
        n = whole.bucket_of(minute)
        if n >= 0 and minute < spans[n][1]:
            yield minute, row


def _split(rows: Iterable[Sequence[Any]], spans: Sequence[Span]) -> Iterator[tuple[int, Sequence[Any]]]:
    return _inside(((row[0], row[1:]) for row in rows), spans)
