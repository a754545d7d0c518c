"""The rows of single streams: the latest, the slowest, those that failed."""

from __future__ import annotations

from typing import Literal

from django.db.models import F, QuerySet
from django.db.models.expressions import CombinedExpression

from headrace.stats.asked import Asked
from headrace.stats.folding import MINUTE_MS
from headrace.stats.models import Stream
from headrace.stats.reading import within

Sort = Literal["started", "ttft", "duration"]
SLOWNESS = {"ttft": "ttft_ms", "duration": "duration_ms"}
FEW_ROWS = 20_000
"""A range with at most so many streams is read whole and sorted; in a longer one the slowest are looked for from the
top of an index, and soon found."""


def found(asked: Asked, sort: Sort, *, failed: bool, limit: int, offset: int) -> list[Stream]:
    """At most `limit` streams, after the first `offset`."""
    rows = Stream.objects.filter(asked.condition)
    if failed:
        rows = rows.filter(failed=True)
    there = within(rows, asked.start, asked.end)
    if sort == "started":
        ordered = there.order_by("-started", "-pk")
    elif _are_few(there):
        ordered = there.exclude(**{SLOWNESS[sort]: None}).order_by(_unindexed(SLOWNESS[sort]).desc())
    else:
        late = rows.annotate(at=_unindexed("started"))
        late = late.filter(at__gte=asked.start * MINUTE_MS, at__lt=asked.end * MINUTE_MS)
        ordered = late.exclude(**{SLOWNESS[sort]: None}).order_by(f"-{SLOWNESS[sort]}")
    return list(ordered[offset : offset + limit])


def _are_few(rows: QuerySet[Stream]) -> bool:
    return len(rows.order_by().values_list("pk")[: FEW_ROWS + 1]) <= FEW_ROWS


def _unindexed(name: str) -> CombinedExpression:
    """The column in a form that no index is used for."""
    return F(name) + 0
