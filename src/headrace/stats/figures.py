"""The answers of queries, as rows of a table: totals, series, percentiles. Each is JSON and CSV alike.

Names are those of the wire. Times are in the zone that was asked for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal, TypeVar

from headrace.stats.asked import Asked, rows_since, sums_since
from headrace.stats.folding import SUMS
from headrace.stats.reading import COUNTED, Place, sketches, sums, values
from headrace.stats.spans import Bucket, Cover, cover, edges_of, moment
from headrace.stream.sketch import ERROR, Sketch

Method = Literal["exact", "sketched"]
Measure = Literal["ttft", "speed", "duration", "silence"]
COLUMNS: Mapping[str, str] = {
    "ttft": "ttft_ms",
    "speed": "tokens_per_second",
    "duration": "duration_ms",
    "silence": "longest_silence_ms",
}
SHARES = (10, 25, 50, 75, 90, 95, 99)
EXACT_ROWS = 2000
"""Up to so many streams percentiles are taken of the values themselves: it takes some milliseconds."""
MOST_ROWS = 50_000
"""Where only the rows can answer (one caller's use of one model): beyond it they are counted in sketches too."""
METHOD_ERROR: Mapping[Method, float] = {"exact": 0.0, "sketched": round(ERROR, 4)}
NAMES: Mapping[str, str] = {
    "streams": "streams",
    "failed": "failed",
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "reasoning_tokens": "reasoningTokens",
    "cached_tokens": "cachedTokens",
    "estimated_tokens": "estimatedTokens",
    "cost": "cost",
    "priced": "priced",
    "events": "events",
    "raw_bytes": "rawBytes",
    "sent_bytes": "sentBytes",
    "attempts": "attempts",
    "fallbacks": "fallbacks",
    "resumes": "resumes",
    "readers": "readers",
}
COST_DIGITS = 10
OTHER = "other"
MOST_GROUPS = 500
"""In one answer: whoever chats names the models, and may name a new one each time."""
MOST_POINTS = 50_000
"""In one answer, of all buckets and groups: some 20 MB."""

T = TypeVar("T")

assert set(NAMES) == {*COUNTED, *SUMS}


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` in order of time and size. `complete` is false where rows that would be needed are kept no longer."""

    rows: list[dict[str, Any]]
    start: int
    end: int
    complete: bool
    method: Method | None = None


def totals(asked: Asked) -> Table:
    """One row for each group that has streams, those with the most first; without a group, one row."""
    found = _cover(asked, [asked.start, asked.end])
    groups = _bounded(sums(asked, found), _streams, _add)
    if not asked.dims and not groups:
        groups = {(0, ()): dict.fromkeys(NAMES, 0)}
    rows = [_group(asked, key) | _shown(each) for (_, key), each in groups.items()]
    rows.sort(key=lambda row: -row["streams"])
    return Table(rows, found.edges[0], found.edges[-1], _is_complete(asked, found))


def series(asked: Asked, bucket: Bucket) -> Table:
    """A row for each bucket and group that has streams, in order of time. A bucket without streams has none."""
    found = _cover(asked, edges_of(asked.start, asked.end, bucket, asked.zone))
    points = _bounded(sums(asked, found), _streams, _add, buckets=len(found.edges) - 1)
    rows = [_at(asked, found, n) | _group(asked, key) | _shown(each) for (n, key), each in _ordered(points)]
    return Table(rows, found.edges[0], found.edges[-1], _is_complete(asked, found))


def percentiles(asked: Asked, measure: Measure, bucket: Bucket | None) -> Table:
    """A row for each bucket and group: how many had a value, and where these lie. Without a bucket, the whole range."""
    edges = edges_of(asked.start, asked.end, bucket, asked.zone) if bucket else [asked.start, asked.end]
    found = _cover(asked, edges)
    column = COLUMNS[measure]
    most = EXACT_ROWS if asked.facet else MOST_ROWS
    exact = values(asked, column, most) if asked.start >= rows_since() or not asked.facet else None
    spread = _sketched(asked, found, column) if exact is None else _exact(exact, found)
    rows = [(_at(asked, found, n) if bucket else {}) | _group(asked, key) | each for (n, key), each in _ordered(spread)]
    method: Method = "sketched" if exact is None else "exact"
    return Table(rows, found.edges[0], found.edges[-1], _is_complete(asked, found), method)


def _cover(asked: Asked, edges: Sequence[int]) -> Cover:
    return cover(edges, rows_since=rows_since(), rolled=asked.facet is not None)


def _is_complete(asked: Asked, found: Cover) -> bool:
    """Whether all that the range asks for is still kept in the form that can answer."""
    return found.edges[0] >= (sums_since() if asked.facet else rows_since())


def _bounded(
    found: dict[Place, T], size: Callable[[T], float], add: Callable[[T, T], None], *, buckets: int = 1
) -> dict[Place, T]:
    """The largest groups as they are, and all that are too many as one: `other`."""
    sizes: Counter[tuple[str, ...]] = Counter()
    for (_, key), each in found.items():
        sizes[key] += size(each)  # type: ignore[assignment]
    most = min(MOST_GROUPS, MOST_POINTS // buckets)
    if len(sizes) <= most:
        return found
    kept = {key for key, _ in sizes.most_common(most - 1)}
    bounded: dict[Place, T] = {}
    for (n, key), each in found.items():
        place = n, key if key in kept else (OTHER,) * len(key)
        if place in bounded:
            add(bounded[place], each)
        else:
            bounded[place] = each
    return bounded


def _streams(found: Mapping[str, float]) -> float:
    return found["streams"]


def _add(found: dict[str, float], more: Mapping[str, float]) -> None:
    for name, value in more.items():
        found[name] += value


def _ordered(found: Mapping[Place, Any]) -> list[tuple[Place, Any]]:
    return sorted(found.items(), key=lambda each: each[0])


def _at(asked: Asked, found: Cover, n: int) -> dict[str, Any]:
    return {"at": moment(found.edges[n], asked.zone).isoformat()}


def _group(asked: Asked, key: Sequence[str]) -> dict[str, Any]:
    return dict(zip(asked.dims, key, strict=True))


def _shown(found: Mapping[str, float]) -> dict[str, Any]:
    shown = {wire: found[name] for name, wire in NAMES.items()}
    return shown | {"cost": round(float(found["cost"]), COST_DIGITS)}


def _sketched(asked: Asked, buckets: Cover, column: str) -> dict[Place, dict[str, Any]]:
    found = sketches(asked, buckets, column)
    found = _bounded(found, lambda each: each.count, Sketch.merge, buckets=len(buckets.edges) - 1)
    return {place: _of_sketch(each) for place, each in found.items()}


def _exact(found: Iterable[tuple[int, tuple[str, ...], float]], buckets: Cover) -> dict[Place, dict[str, Any]]:
    lists: dict[Place, list[float]] = defaultdict(list)
    for minute, group, value in found:
        lists[buckets.bucket_of(minute), group].append(value)
    bounded = _bounded(lists, len, list.extend, buckets=len(buckets.edges) - 1)
    return {place: _of_values(each) for place, each in bounded.items()}


def _of_sketch(sketch: Sketch) -> dict[str, Any]:
    places = sketch.quantiles([share / 100 for share in SHARES])
    return _spread(sketch.count, sketch.mean, sketch.least, sketch.most, places)


def _of_values(found: Iterable[float]) -> dict[str, Any]:
    ordered = sorted(found)
    mean = sum(ordered) / len(ordered)
    return _spread(len(ordered), mean, ordered[0], ordered[-1], [_quantile(ordered, share / 100) for share in SHARES])


def _spread(
    count: int, mean: float | None, least: float, most: float, values: Sequence[float | None]
) -> dict[str, Any]:
    places = {f"p{share}": round(value or 0.0, 3) for share, value in zip(SHARES, values, strict=True)}
    return {"count": count, "mean": round(mean or 0, 3), "least": least, "most": most} | places


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The value at this share, between two values in proportion."""
    place = share * (len(ordered) - 1)
    low, high = ordered[floor(place)], ordered[ceil(place)]
    return low + (high - low) * (place - floor(place))
