"""Statistics over HTTP: ranges, groups and forms, one stream's timeline, and who is told what of whom."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from headrace.stats.folding import fold_all
from headrace.stats.models import Stream
from tests.people.conftest import SELF, People, people, required  # noqa: F401 - fixtures
from tests.stats.conftest import now_minute, spread_rows

STATS = "/api/projects/default/stats/"
Get = Callable[..., Any]


@pytest.fixture
def rows(database: None) -> list[Stream]:
    found = spread_rows(300, days=2)
    fold_all()
    return found


@pytest.fixture
def get(rows: list[Stream], headrace_settings: Any) -> Get:
    """What is answered for a path below the statistics; the status is checked."""

    def ask(path: str, status: int = 200, **query: Any) -> Any:
        response = Client(headers=SELF).get(STATS + path, query)
        assert response.status_code == status, response.content
        return response.json() if "json" in response.headers["Content-Type"] else response.content.decode()

    return ask


def iso(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).isoformat()


def test_totals_of_a_range(get: Get, rows: list[Stream]) -> None:
    answer = get("totals/", **{"from": iso(now_minute() - 2 * 1440), "to": iso(now_minute() + 1), "by": "model"})
    assert sum(group["streams"] for group in answer["groups"]) == len(rows)
    first = answer["groups"][0]
    assert set(first) >= {"provider", "model", "streams", "inputTokens", "cost", "estimatedTokens"}
    assert "outcome" not in first
    assert (answer["zone"], answer["complete"]) == ("UTC", True)


def test_a_day_is_what_is_asked_for_when_nothing_is(get: Get, rows: list[Stream]) -> None:
    answer = get("totals/")
    since = datetime.fromisoformat(answer["from"]).timestamp() * 1000
    assert answer["groups"][0]["streams"] == sum(each.started >= since for each in rows)


def test_a_project_without_streams_has_zeros(get: Get) -> None:
    Stream.objects.all().delete()
    answer = get("totals/", **{"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"})
    assert answer["groups"][0]["streams"] == 0
    assert get("series/", **{"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"})["points"] == []


def test_days_are_those_of_the_zone(get: Get) -> None:
    query = {"from": iso(now_minute() - 2 * 1440), "zone": "Asia/Kolkata", "bucket": "day"}
    answer = get("series/", **query)
    assert answer["bucket"] == "day"
    assert all(point["at"].endswith("+05:30") for point in answer["points"])
    assert all(datetime.fromisoformat(point["at"]).hour == 0 for point in answer["points"][1:])


def test_a_moment_without_an_offset_is_the_zones(get: Get) -> None:
    answer = get("totals/", **{"from": "2026-01-10T00:00:00", "to": "2026-01-11T00:00:00", "zone": "Europe/Berlin"})
    assert answer["from"] == "2026-01-10T00:00:00+01:00"


def test_percentiles_say_how_they_were_found(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = get("percentiles/", measure="duration", by="model", bucket="hour")
    assert (answer["method"], answer["error"], answer["measure"]) == ("exact", 0, "duration")
    assert all(point["p10"] <= point["p50"] <= point["p99"] for point in answer["points"])
    monkeypatch.setattr("headrace.stats.figures.EXACT_ROWS", 0)
    answer = get("percentiles/", measure="duration")
    assert (answer["method"], answer["error"]) == ("sketched", 0.0099)
    assert "at" not in answer["points"][0]


@pytest.mark.parametrize("path", ["totals/", "series/", "percentiles/", "streams/"])
def test_csv_has_the_same_rows(get: Get, path: str) -> None:
    query = {"by": "model"} if path != "streams/" else {}
    fields = {"totals/": "groups", "streams/": "streams"}
    expected = get(path, **query)[fields.get(path, "points")]
    text = get(path, format="csv", **query)
    read = list(csv.DictReader(StringIO(text)))
    assert len(read) == len(expected)
    for one, other in zip(read, expected, strict=True):
        shown = {name: value for name, value in other.items() if name not in ("started", "at")}
        assert {name: one[name] for name in shown} == {
            name: "" if value is None else str(value) for name, value in shown.items()
        }


def test_a_name_that_a_spreadsheet_would_run_is_text(get: Get) -> None:
    Stream.objects.update(model="=cmd()", folded=True)
    text = get("streams/", format="csv", limit=1)
    assert "'=cmd()" in text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-02T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "from"),
        ({"from": "0001-01-01T00:00:00Z", "zone": "America/New_York"}, "from"),
        ({"from": "0001-01-01T00:00:00", "zone": "Asia/Tokyo"}, "from"),
        ({"to": "9999-12-31T23:59:59Z"}, "to"),
        ({"to": "0001-01-01T00:00:00Z"}, "to"),
        ({"model": "a\0b"}, "model"),
        ({"caller": "a\0b"}, "caller"),
        ({"by": "colour"}, "by"),
        ({"bucket": "minute", "from": "2026-01-01T00:00:00Z"}, "bucket"),
        ({"format": "xml"}, "format"),
    ],
)
def test_what_is_wrong_is_named(get: Get, query: dict[str, str], field: str) -> None:
    answer = get("series/", 400, **query)
    assert answer["field"] == field


@pytest.mark.parametrize("few", [0, 20_000])
@pytest.mark.parametrize(("sort", "name"), [("ttft", "ttftMs"), ("duration", "durationMs")])
def test_the_slowest_come_first(
    get: Get, rows: list[Stream], few: int, sort: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.stats.streams.FEW_ROWS", few)
    query = {"from": iso(now_minute() - 1440), "to": iso(now_minute() - 60)}
    found = get("streams/", sort=sort, limit=7, **query)["streams"]
    column = f"{sort}_ms"
    there = [each for each in rows if (now_minute() - 1440) * 60_000 <= each.started < (now_minute() - 60) * 60_000]
    values = sorted((v for each in there if (v := getattr(each, column)) is not None), reverse=True)
    assert [each[name] for each in found] == values[:7]


def test_failed_streams_are_found(get: Get, rows: list[Stream]) -> None:
    found = get("streams/", failed=True, limit=200, **{"from": iso(now_minute() - 2 * 1440)})["streams"]
    assert len(found) == min(200, sum(each.failed for each in rows))
    assert all(each["failed"] and each["outcome"].startswith("upstream") for each in found)
    assert [each["started"] for each in found] == sorted((each["started"] for each in found), reverse=True)


def test_a_timeline_begins_with_asking(get: Get) -> None:
    moments = [{"atMs": 3.0, "kind": "retry", "detail": "upstream_reset"}, {"atMs": 9.0, "kind": "ended"}]
    Stream.objects.filter(stream_id="s1").update(moments=moments)
    answer = get("streams/s1/")
    assert [each["kind"] for each in answer["moments"]] == ["asked", "retry", "ended"]
    assert answer["streamId"] == "s1"
    assert get("streams/none/", 404)["code"] == "stream_not_found"


def test_streams_of_other_projects_are_nobodys(get: Get) -> None:
    Stream.objects.filter(stream_id="s1").update(project="other")
    assert get("streams/s1/", 404)["code"] == "stream_not_found"
    assert "s1" not in {each["streamId"] for each in get("streams/", limit=200)["streams"]}


@pytest.mark.parametrize("who", ["viewer", "editor", "reading"])
@pytest.mark.parametrize("query", [{"by": "person"}, {"by": "token"}, {"by": "caller"}, {"caller": "1"}])
def test_what_people_do_is_for_owners(people: People, who: str, query: dict[str, str]) -> None:  # noqa: F811
    spread_rows(20, days=0.5)
    assert people.client(who).get(STATS + "totals/", query).status_code == 403
    assert people.client("owner").get(STATS + "totals/", query).status_code == 200


def test_owners_see_names_and_viewers_see_neither_names_nor_keys(people: People) -> None:  # noqa: F811
    key = str(people.users["editor"].pk)
    spread_rows(5, days=0.5, caller=key)
    (group,) = people.client("owner").get(STATS + "totals/", {"by": "person"}).json()["groups"]
    assert (group["caller"], group["name"]) == (key, "editor")
    shown = people.client("viewer").get(STATS + "streams/").json()["streams"]
    assert shown
    assert not {"caller", "name"} & set(shown[0])
    assert people.client("owner").get(STATS + "streams/").json()["streams"][0]["name"] == "editor"


def test_a_caller_that_is_no_key_of_anybody_harms_nothing(get: Get) -> None:
    Stream.objects.update(caller="no number")
    assert get("totals/", by="caller")["groups"]


def test_queries_are_few(get: Get, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12, connection=connection):
        get("series/", by="model", bucket="hour", **{"from": iso(now_minute() - 5 * 1440)})
