"""Buckets and what covers them: every minute once, days of any zone, and no more rows than needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import RequestError
from headrace.stats.spans import DAY, HOUR, WATCH, Bucket, Cover, cover, edges_of, suited

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe")
STARTS = st.integers(27_000_000, 33_000_000)  # minutes of the years 2021 to 2032
BUCKETS: st.SearchStrategy[Bucket] = st.sampled_from(["hour", "day", "month"])


def covered(found: Cover) -> list[tuple[int, int]]:
    return sorted([span for spans in found.rolled.values() for span in spans] + found.rows)


@given(STARTS, st.integers(1, 20 * DAY), BUCKETS, st.sampled_from(ZONES))
def test_every_minute_is_covered_once(start: int, length: int, bucket: Bucket, zone: str) -> None:
    edges = edges_of(start, start + length, bucket, ZoneInfo(zone))
    found = cover(edges)
    spans = covered(found)
    assert (spans[0][0], spans[-1][1]) == (start, start + length)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert all(moment % step == 0 for step, spans in found.rolled.items() for span in spans for moment in span)
    assert all(found.in_one(span) for span in found.rows)


@given(STARTS, st.integers(1, 20 * DAY), BUCKETS, st.sampled_from(ZONES))
def test_a_whole_roll_up_lies_in_one_bucket(start: int, length: int, bucket: Bucket, zone: str) -> None:
    found = cover(edges_of(start, start + length, bucket, ZoneInfo(zone)))
    for step, spans in found.rolled.items():
        for first, last in spans:
            for moment in range(first, last, step):
                assert found.bucket_of(moment) == found.bucket_of(moment + step - 1) >= 0


@given(STARTS, st.integers(1, 400), st.sampled_from(ZONES))
def test_days_begin_at_midnight_there(start: int, days: int, name: str) -> None:
    zone = ZoneInfo(name)
    edges = edges_of(start, start + days * DAY, "day", zone)
    for edge in edges[1:-1]:
        there = datetime.fromtimestamp(edge * 60, UTC).astimezone(zone)
        before = there - timedelta(minutes=1)
        assert (there.hour, there.minute) == (0, 0) or before.date() != there.date()


def test_a_day_of_23_hours_is_one() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = int(datetime(2026, 3, 29, tzinfo=berlin).timestamp()) // 60
    edges = edges_of(start, start + 2 * DAY, "day", berlin)
    assert [after - before for before, after in pairwise(edges)][:1] == [23 * HOUR]


def test_ninety_days_of_utc_are_one_span_of_days() -> None:
    found = cover(edges_of(0, 90 * DAY, "day", ZoneInfo("UTC")))
    assert (found.rolled, found.rows) == ({DAY: [(0, 90 * DAY)], WATCH: [], HOUR: []}, [])


def test_where_rows_are_gone_borders_are_those_of_hours() -> None:
    found = cover([10 * HOUR + 7, 12 * HOUR + 30, 14 * HOUR + 5], rows_since=13 * HOUR)
    assert found.rows == [(14 * HOUR, 14 * HOUR + 5)]
    assert covered(found)[0] == (10 * HOUR, 14 * HOUR)
    assert [found.bucket_of(hour * HOUR) for hour in (10, 11, 12, 13)] == [0, 0, 1, 1]


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(RequestError) as refused:
        edges_of(0, 10 * DAY, "minute", ZoneInfo("UTC"))
    assert refused.value.field == "bucket"


@given(st.integers(1, 900 * DAY))
def test_what_suits_is_never_too_fine(length: int) -> None:
    assert len(edges_of(0, length, suited(0, length), ZoneInfo("UTC"))) <= 1001
