"""Statistics on a real Postgres: the same answers as on SQLite, and several who fold at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from headrace.stats import figures, folding
from headrace.stats.asked import Asked
from headrace.stats.folding import fold, fold_all, prune_now
from headrace.stats.models import Budget, Folding, Notice, RollUp, Stream
from headrace.stats.streams import found
from headrace.stats.webhooks import take
from tests.postgres import Postgres, migrated
from tests.stats.conftest import now_minute, spread_rows
from tests.stats.test_figures import counted, key, wanted


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Its `DATABASE_URL`."""
    with Postgres() as server:
        yield server.url("statistics")


@pytest.fixture
def postgres(server: str, django_db_blocker: Any) -> Iterator[None]:
    """Django's one database is this server, migrated and empty."""
    with migrated(server, django_db_blocker):
        for model in (Stream, RollUp, Notice, Budget):
            model.objects.all().delete()
        yield


def asked(by: Any, **where: str) -> Asked:
    end = now_minute() + 1
    return Asked("default", end - 5 * 1440 - 17, end - 33, ZoneInfo("Asia/Kolkata"), by, where)


@pytest.mark.parametrize("by", ["model", "caller", "token"])
def test_totals_are_those_of_the_rows(postgres: None, by: Any) -> None:
    rows = spread_rows(600, days=6)
    before, folding.FOLD_ROWS = folding.FOLD_ROWS, 150
    try:
        assert [fold(), fold()] == [150, 150]
    finally:
        folding.FOLD_ROWS = before
    question = asked(by)
    groups: dict[tuple[str, ...], list[Stream]] = {}
    for each in wanted(rows, question):
        groups.setdefault(key(each, question), []).append(each)
    shown = figures.totals(question).rows
    assert {tuple(row[name] for name in question.dims): row["streams"] for row in shown} == {
        name: len(each) for name, each in groups.items()
    }
    for row in shown:
        whole = counted(groups[tuple(row[name] for name in question.dims)])
        assert {name: row[name] for name in whole} == whole
    fold_all()
    assert figures.totals(question).rows == shown
    assert sum(point["streams"] for point in figures.series(question, "day").rows) == sum(map(len, groups.values()))


def test_percentiles_and_the_slowest(postgres: None, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = spread_rows(300, days=6)
    fold_all()
    question = asked("model", outcome="stop")
    exact = figures.percentiles(question, "duration", "day")
    monkeypatch.setattr(figures, "EXACT_ROWS", 0)
    sketched = figures.percentiles(question, "duration", "day")
    assert (exact.method, sketched.method) == ("exact", "sketched")
    assert [row["count"] for row in exact.rows] == [row["count"] for row in sketched.rows]
    slowest = found(question, "duration", failed=False, limit=5, offset=0)
    durations = sorted((each.duration_ms for each in wanted(rows, question)), reverse=True)
    assert [each.duration_ms for each in slowest] == durations[:5]
    prune_now()


@pytest.mark.parametrize("first", [False, True])
def test_several_that_fold_at_once_count_each_row_once(postgres: None, *, first: bool) -> None:
    spread_rows(1000, days=3)
    if first:
        Folding.objects.all().delete()

    def work() -> None:
        try:
            fold_all()
        finally:
            connections.close_all()

    before, folding.FOLD_ROWS = folding.FOLD_ROWS, 70
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        folding.FOLD_ROWS = before
    fold_all()
    for facet in ("model", "caller"):
        for minutes in (60, 1440):
            sums = RollUp.objects.filter(facet=facet, minutes=minutes).values_list("streams", flat=True)
            assert sum(sums) == 1000


def test_a_notice_is_taken_once(postgres: None) -> None:
    budget = Budget.objects.create(project="p", measure="tokens", period="day", limit=1, webhook_secret="x" * 16)
    Notice.objects.create(notice_id="n", budget=budget, kind="budget.warning", start=0, body="{}", due=0.0)
    taken = []

    def work() -> None:
        try:
            taken.append(take())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each is not None for each in taken) == 1
