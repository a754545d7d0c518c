"""What is answered is what a look at every single row says, however much of it is folded."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from headrace.stats import figures, folding
from headrace.stats.asked import Asked, GroupBy
from headrace.stats.figures import COLUMNS, NAMES
from headrace.stats.folding import MINUTE_MS, SUMS, fold, fold_all, prune_now
from headrace.stats.models import RollUp, Stream
from headrace.stats.spans import Bucket, edges_of, moment
from headrace.stream.sketch import ERROR
from tests.stats.conftest import now_minute, spread_rows

GROUPS: list[GroupBy | None] = [None, "model", "provider", "outcome", "caller", "person", "token"]
WHERES = [{}, {"model": "gpt-4o"}, {"outcome": "stop"}, {"caller": "1"}, {"provider": "openai", "caller": "token:abc"}]
ZONES = ("UTC", "Asia/Kolkata", "America/New_York")


@pytest.fixture
def rows(database: None) -> list[Stream]:
    """Of nine days, two thirds of them folded, in several goes."""
    found = spread_rows(1500, days=9)
    fold_some(5)
    return found


def fold_some(times: int) -> None:
    before, folding.FOLD_ROWS = folding.FOLD_ROWS, 200
    try:
        for _ in range(times):
            assert fold() == 200
    finally:
        folding.FOLD_ROWS = before


def question(by: GroupBy | None, where: dict[str, str], rng: random.Random, zone: str) -> Asked:
    end = now_minute() + 1 - rng.randrange(3000)
    return Asked("default", end - rng.randrange(60, 8 * 1440), end, ZoneInfo(zone), by, where)


def wanted(rows: list[Stream], asked: Asked) -> list[Stream]:
    def fits(each: Stream) -> bool:
        is_token = each.caller.startswith("token:")
        kind = {"token": is_token, "person": not is_token}.get(asked.by or "", True)
        there = asked.start * MINUTE_MS <= each.started < asked.end * MINUTE_MS
        return there and kind and all(getattr(each, name) == value for name, value in asked.where.items())

    return [each for each in rows if fits(each)]


def counted(rows: list[Stream]) -> dict[str, Any]:
    found = {NAMES[name]: sum(getattr(each, name) for each in rows) for name in SUMS}
    known = [each.cost for each in rows if each.cost is not None]
    failed = sum(each.failed for each in rows)
    return found | {"streams": len(rows), "failed": failed, "cost": sum(known), "priced": len(known)}


def key(each: Stream, asked: Asked) -> tuple[str, ...]:
    return tuple(getattr(each, name) for name in asked.dims)


def test_totals_are_those_of_the_rows(rows: list[Stream]) -> None:
    rng = random.Random(1)
    for by, where in product(GROUPS, WHERES):
        asked = question(by, where, rng, "UTC")
        groups: dict[tuple[str, ...], list[Stream]] = defaultdict(list)
        for each in wanted(rows, asked):
            groups[key(each, asked)].append(each)
        found = figures.totals(asked)
        shown = {tuple(each[name] for name in asked.dims): each for each in found.rows if each["streams"]}
        assert {k: {name: v[name] for name in NAMES.values()} for k, v in shown.items()} == {
            k: counted(v) for k, v in groups.items()
        }
        assert found.complete


def test_series_are_those_of_the_rows(rows: list[Stream]) -> None:
    buckets: list[Bucket] = ["hour", "day"]
    groups: list[GroupBy | None] = [None, "model", "caller"]
    for by, bucket, zone in product(groups, buckets, ZONES):
        check_series(rows, by, bucket, zone)


def check_series(rows: list[Stream], by: GroupBy | None, bucket: Bucket, zone: str) -> None:
    asked = question(by, {}, random.Random(f"{by}{bucket}{zone}"), zone)
    edges = edges_of(asked.start, asked.end, bucket, asked.zone)
    places: dict[tuple[Any, ...], list[Stream]] = defaultdict(list)
    for each in wanted(rows, asked):
        at = max(edge for edge in edges[:-1] if edge * MINUTE_MS <= each.started)
        places[(moment(at, asked.zone).isoformat(), *key(each, asked))].append(each)
    found = figures.series(asked, bucket).rows
    shown = {(each["at"], *(each[name] for name in asked.dims)): each for each in found}
    assert {k: {name: v[name] for name in NAMES.values()} for k, v in shown.items()} == {
        k: counted(v) for k, v in places.items()
    }


@pytest.mark.parametrize("most", [0, 2000])
def test_percentiles_are_those_of_the_rows(rows: list[Stream], most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "EXACT_ROWS", most)
    groups: list[GroupBy | None] = [None, "model", "outcome", "caller"]
    for by, measure in product(groups, COLUMNS):
        check_percentiles(rows, by, measure, most)


def check_percentiles(rows: list[Stream], by: GroupBy | None, measure: Any, most: int) -> None:
    asked = question(by, {}, random.Random(f"{by}{measure}"), "UTC")
    found = figures.percentiles(asked, measure, None)
    assert found.method == ("exact" if most else "sketched")
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for each in wanted(rows, asked):
        if (value := getattr(each, COLUMNS[measure])) is not None:
            groups[key(each, asked)].append(value)
    assert len(found.rows) == len(groups)
    for shown in found.rows:
        ordered = sorted(groups[tuple(shown[name] for name in asked.dims)])
        assert (shown["count"], shown["least"], shown["most"]) == (len(ordered), ordered[0], ordered[-1])
        assert shown["mean"] == pytest.approx(sum(ordered) / len(ordered), abs=0.001)
        place = 0.9 * (len(ordered) - 1)
        low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
        error = ERROR + 1e-6
        assert low * (1 - error) - 0.01 <= shown["p90"] <= high * (1 + error) + 0.01


def test_folding_twice_changes_nothing(rows: list[Stream]) -> None:
    asked = question("model", {}, random.Random(3), "UTC")
    before = figures.totals(asked).rows
    fold_all()
    assert fold_all() == 0
    assert figures.totals(asked).rows == before
    assert RollUp.objects.filter(facet="model", minutes=60).values_list("streams", flat=True)
    assert sum(RollUp.objects.filter(facet="caller", minutes=1440).values_list("streams", flat=True)) == len(rows)


def test_what_is_too_old_goes_and_its_sums_stay(rows: list[Stream], headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"STATS_DAYS": 4, "STATS_SUMMARY_DAYS": 8}
    fold_all()
    end = now_minute() // 60 * 60
    asked = Asked("default", end - 7 * 1440, end, ZoneInfo("UTC"), "model")
    before = figures.totals(asked)
    prune_now()
    assert 0 < Stream.objects.count() < len(rows)
    assert figures.totals(asked).rows == before.rows
    alone = Asked("default", end - 7 * 1440, end, ZoneInfo("UTC"), "model", {"caller": "1"})
    assert (before.complete, figures.totals(alone).complete) == (True, False)
    assert min(RollUp.objects.values_list("start", flat=True)) >= end - 9 * 1440


def test_groups_beyond_the_bound_are_one(rows: list[Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked("default", now_minute() - 9 * 1440 - 1, now_minute() + 1, ZoneInfo("UTC"), "outcome")
    whole = figures.totals(asked).rows
    monkeypatch.setattr(figures, "MOST_GROUPS", 3)
    found = figures.totals(asked).rows
    assert len(found) == 3
    assert {each["outcome"] for each in found} == {each["outcome"] for each in whole[:2]} | {"other"}
    for name in NAMES.values():
        assert sum(each[name] for each in found) == sum(each[name] for each in whole)
    points = figures.series(asked, "day").rows
    assert {each["outcome"] for each in points} == {each["outcome"] for each in found}
    assert sum(each["streams"] for each in points) == len(rows)


@pytest.mark.parametrize("exact_rows", [0, 10_000])
def test_percentiles_of_groups_beyond_the_bound_are_those_of_all_of_them(
    rows: list[Stream], monkeypatch: pytest.MonkeyPatch, exact_rows: int
) -> None:
    asked = Asked("default", now_minute() - 9 * 1440 - 1, now_minute() + 1, ZoneInfo("UTC"), "outcome")
    monkeypatch.setattr(figures, "EXACT_ROWS", exact_rows)
    whole = figures.percentiles(asked, "duration", None).rows
    monkeypatch.setattr(figures, "MOST_GROUPS", 3)
    found = figures.percentiles(asked, "duration", None).rows
    assert len(found) == 3
    assert sum(each["count"] for each in found) == len(rows)
    assert max(each["most"] for each in found) == max(each["most"] for each in whole)


def test_points_are_bounded_however_many_buckets_there_are(rows: list[Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked("default", now_minute() - 5 * 1440, now_minute() + 1, ZoneInfo("UTC"), "outcome")
    monkeypatch.setattr(figures, "MOST_POINTS", 300)
    found = figures.series(asked, "hour").rows
    assert len(found) <= 300
    assert len({each["outcome"] for each in found}) == 2


def test_what_is_older_than_the_sums_is_not_complete(rows: list[Stream], headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"STATS_DAYS": 1, "STATS_SUMMARY_DAYS": 3}
    end = now_minute()
    for days, complete in ((2, True), (4, False)):
        assert figures.totals(Asked("default", end - days * 1440, end, ZoneInfo("UTC"))).complete is complete
