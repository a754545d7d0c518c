"""Budgets: how a project stands, who is refused until when, and that a webhook hears of it whatever comes between."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from headrace.stats import budgets, webhooks
from headrace.stats.budgets import Gate, gate, notice, period_of
from headrace.stats.folding import fold_all
from headrace.stats.models import Budget, Notice, Stream
from headrace.stats.recording import Recorder
from headrace.stats.webhooks import Courier, signature, wait_after
from headrace.testing import FakeModel
from headrace.testing.steps import Hold, Send, response
from headrace.testing.upstream import ScriptedUpstream
from tests.common.test_hooks import quiet
from tests.people.conftest import SELF, People, people, required  # noqa: F401 - fixtures
from tests.stats.conftest import now_minute, row, store
from tests.stats.test_recording import QUESTION, wait

BUDGETS = "/api/projects/default/budgets/"
CHAT = "/api/projects/default/playground/chat/"
SECRET = "a secret of our own"
GOOD = [Send(response(b"", status="204 No Content"))]
BUSY = [Send(response(b"", status="503 Service Unavailable"))]


def lose_zone(name: str) -> None:
    """As when the zone of a budget was renamed since it had been set."""
    budgets._missed.discard(name)
    assert Budget.objects.update(zone=name)


def put(path: str = "tokens/month/", status: int = 200, **fields: Any) -> Any:
    answer = Client(headers=SELF).put(BUDGETS + path, fields, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def spend(tokens: int, cost: float | None = None, n: int = 0) -> None:
    import random

    given = {"input_tokens": tokens // 4, "output_tokens": tokens - tokens // 4, "cost": cost}
    store([row(n, now_minute(), random.Random(n), **given)])


def chat() -> Any:
    gate.forget()  # what is believed for two seconds
    body = {"messages": QUESTION, "model": FakeModel(["a"])}
    return Client(headers=SELF).post(CHAT, body, content_type="application/json")


@pytest.fixture
def told(database: None, headrace_settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "FIRST_WAIT", 0.01)


def test_a_budget_says_how_it_stands(told: None) -> None:
    assert put(limit=1000)["spent"] == 0
    spend(250)
    fold_all()
    spend(350, n=1)
    (found,) = Client(headers=SELF).get(BUDGETS).json()["budgets"]
    assert (found["spent"], found["share"], found["exceeded"], found["limit"]) == (600, 0.6, False, 1000)
    start, end = (datetime.fromisoformat(found[name]) for name in ("periodStart", "periodEnd"))
    assert (start.day, end.day, start <= datetime.now(start.tzinfo) < end) == (1, 1, True)


def test_dollars_are_those_whose_price_is_known(told: None) -> None:
    put("cost/day/", limit=2)
    spend(10, cost=1.5)
    spend(10, cost=None, n=1)
    assert Client(headers=SELF).get(BUDGETS).json()["budgets"][0]["spent"] == 1.5


@pytest.mark.parametrize("path", ["tokens/day/", "tokens/month/", "cost/day/", "cost/month/"])
def test_whoever_has_spent_it_is_refused_until_the_period_ends(told: None, path: str) -> None:
    put(path, limit=100)
    spend(99, cost=99)
    assert chat().status_code == 200
    spend(1, cost=1, n=1)
    refused = chat()
    assert (refused.status_code, refused.json()["code"]) == (429, "budget_exceeded")
    end = datetime.fromisoformat(put(path, limit=100)["periodEnd"]).timestamp()
    assert int(refused.headers["Retry-After"]) == pytest.approx(end - time.time(), abs=5)
    assert Client(headers=SELF).delete(BUDGETS + path).status_code == 204
    assert chat().status_code == 200


def test_a_higher_limit_opens_at_once(told: None) -> None:
    put(limit=100)
    spend(200)
    assert chat().status_code == 429
    put(limit=1000)
    body = {"messages": QUESTION, "model": FakeModel(["a"])}
    assert Client(headers=SELF).post(CHAT, body, content_type="application/json").status_code == 200


def test_what_was_spent_before_counts_no_more(told: None) -> None:
    put("tokens/day/", limit=100)
    spend(200)
    Stream.objects.update(started=(now_minute() - 2 * 1440) * 60_000)
    assert chat().status_code == 200


def test_openais_clients_are_told_in_their_form(told: None) -> None:
    put(limit=100)
    spend(200)
    gate.forget()
    body = {"messages": QUESTION, "model": "local/plain"}
    answer = Client(headers=SELF).post("/v1/chat/completions", body, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "budget_exceeded")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_webhook_hears_of_it_signed_and_once(told: None) -> None:
    with ScriptedUpstream(GOOD) as hook:
        put(limit=100, webhookUrl=hook.url + "/budget", webhookSecret=SECRET)
        spend(79)
        assert not notice(["default"])
        spend(1, n=1)
        assert notice(["default"])
        assert not notice(["default", "other"])
        Courier().wake()
        assert hook.wait_requests(1)
        wait(lambda: Notice.objects.filter(settled=True).count() == 1)
        spend(20, n=2)
        assert notice(["default"])
        Courier().wake()
        assert hook.wait_requests(2)
        wait(lambda: Notice.objects.filter(settled=True).count() == 2)
    bodies = [json.loads(each.body) for each in hook.requests]
    assert [each["type"] for each in bodies] == ["budget.warning", "budget.exceeded"]
    assert (bodies[0]["spent"], bodies[0]["share"], bodies[0]["project"]) == (80, 0.8, "default")
    for request, body in zip(hook.requests, bodies, strict=True):
        at, signed = (part.partition("=")[2] for part in request.headers["headrace-signature"].split(","))
        expected = hmac.new(SECRET.encode(), f"{at}.".encode() + request.body, hashlib.sha256).hexdigest()
        assert signed == expected
        assert int(at) == pytest.approx(time.time(), abs=30)
        assert request.headers["headrace-id"] == body["id"]
    assert SECRET.encode() not in hook.received


def test_it_is_tried_again_until_it_arrives(told: None) -> None:
    with ScriptedUpstream(BUSY, BUSY, BUSY, GOOD) as hook:
        put(limit=100, webhookUrl=hook.url, webhookSecret=SECRET)
        spend(90)
        notice(["default"])
        Courier().wake()
        assert hook.wait_requests(4)
        found = wait(lambda: Notice.objects.filter(settled=True).first())
    assert (found.attempts, found.problem) == (4, "")
    assert len({each.headers["headrace-id"] for each in hook.requests}) == 1


def test_a_restart_loses_none(told: None) -> None:
    put(limit=100, webhookUrl="http://127.0.0.1:9/", webhookSecret=SECRET)
    spend(90)
    notice(["default"])
    found = Notice.objects.get()
    with ScriptedUpstream(GOOD) as hook:
        Budget.objects.update(webhook_url=hook.url)
        Courier().wake()  # as a process does that starts
        assert hook.wait_requests(1)
        wait(lambda: Notice.objects.filter(settled=True, notice_id=found.notice_id).exists())


def test_two_workers_send_it_once(told: None) -> None:
    with ScriptedUpstream(GOOD) as hook:
        put(limit=100, webhookUrl=hook.url, webhookSecret=SECRET)
        spend(90)
        notice(["default"])
        taken = [webhooks.take(), webhooks.take()]
        assert [each is None for each in taken] == [False, True]
        assert taken[0] is not None
        assert SECRET not in repr(taken[0])


def test_a_stream_that_ends_sets_it_off(told: None, recording: Recorder) -> None:
    with ScriptedUpstream(GOOD) as hook:
        put(limit=1, webhookUrl=hook.url, webhookSecret=SECRET)
        assert chat().status_code == 200
        assert hook.wait_requests(2)
        wait(lambda: Notice.objects.filter(settled=True).count() == 2)
    wait(quiet)


@pytest.mark.parametrize(
    ("path", "fields", "field"),
    [
        ("tokens/month/", {"limit": 0}, "limit"),
        ("tokens/month/", {"limit": "much"}, "limit"),
        ("tokens/month/", {"limit": 1, "zone": "Mars"}, "zone"),
        ("tokens/month/", {"limit": 1, "webhookUrl": "ftp://x"}, "webhookUrl"),
        ("tokens/month/", {"limit": 1, "webhookUrl": "http://169.254.169.254/"}, "webhookUrl"),
        ("tokens/month/", {"limit": 1, "webhookSecret": "short"}, "webhookSecret"),
        ("tokens/week/", {"limit": 1}, "period"),
        ("steps/month/", {"limit": 1}, "measure"),
    ],
)
def test_what_is_wrong_is_named(told: None, path: str, fields: dict[str, Any], field: str) -> None:
    assert put(path, 400, **fields)["field"] == field
    assert not Budget.objects.exists()


def test_a_secret_that_we_made_is_shown_once(told: None) -> None:
    made = put(limit=1, webhookUrl="https://hooks.example/budget")["webhookSecret"]
    assert len(made) > 30
    assert "webhookSecret" not in put(limit=2)
    assert made not in Client(headers=SELF).get(BUDGETS).content.decode()
    assert Budget.objects.get().webhook_secret.reveal() == made
    assert Budget.objects.get().webhook_url == "https://hooks.example/budget"


def test_the_webhook_is_told_to_owners(people: People) -> None:  # noqa: F811
    answer = people.client("owner").put(
        BUDGETS + "tokens/day/",
        {"limit": 5, "webhookUrl": "https://hooks.example/secret-path"},
        content_type="application/json",
    )
    assert answer.status_code == 200
    assert "secret-path" not in people.client("viewer").get(BUDGETS).content.decode()
    assert "secret-path" in people.client("owner").get(BUDGETS).content.decode()


async def test_a_database_that_is_away_refuses_nobody(caplog: pytest.LogCaptureFixture) -> None:
    gate.forget()
    await asyncio.wait_for(gate("default"), 5)
    assert "could not be looked at" in caplog.text


async def test_a_burst_of_chats_is_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def looked(project: str) -> tuple[None, float]:
        looks.append(project)
        return None, time.monotonic() + 60

    fresh = Gate()
    fresh._believed["p"] = (None, 0.0)
    monkeypatch.setattr(fresh, "_looked", looked)
    await asyncio.gather(*(fresh("p") for _ in range(50)))
    assert looks == ["p"]


@pytest.mark.parametrize(
    ("days", "path", "status"),
    [
        ({"STATS_DAYS": 0}, "tokens/day/", 409),
        ({"STATS_SUMMARY_DAYS": 7}, "tokens/month/", 409),
        ({"STATS_SUMMARY_DAYS": 7}, "tokens/day/", 200),
        ({"STATS_DAYS": 1, "STATS_SUMMARY_DAYS": 32}, "tokens/month/", 200),
    ],
)
def test_what_is_not_counted_as_long_has_no_budget(
    told: None, headrace_settings: Any, days: dict[str, int], path: str, status: int
) -> None:
    headrace_settings.HEADRACE = days
    answer = put(path, status, limit=1)
    assert status == 200 or "HEADRACE_STATS_" in answer["error"]
    assert Budget.objects.exists() == (status == 200)


def test_a_webhook_that_says_nothing_keeps_no_other_from_its_notice(told: None) -> None:
    with ScriptedUpstream([Hold()]) as silent:
        with ScriptedUpstream(GOOD) as hook:
            put("tokens/day/", limit=100, webhookUrl=silent.url)
            spend(90)
            assert notice(["default"])
            put("tokens/month/", limit=100, webhookUrl=hook.url)
            assert notice(["default"])
            Courier().wake()
            assert silent.wait_requests(1)
            wait(lambda: Notice.objects.filter(settled=True, budget__period="month").exists())
        assert Notice.objects.get(budget__period="day").attempts == 0
        Budget.objects.filter(period="day").update(webhook_url="")
    wait(lambda: Notice.objects.get(budget__period="day").settled)


def test_a_webhook_that_sends_elsewhere_is_not_followed(told: None) -> None:
    with ScriptedUpstream(GOOD) as inner:
        away = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {inner.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        with ScriptedUpstream([Send(away)], GOOD) as hook:
            put(limit=100, webhookUrl=hook.url)
            spend(90)
            assert notice(["default"])
            Courier().wake()
            assert hook.wait_requests(2)
            wait(lambda: Notice.objects.filter(settled=True, attempts=2).exists())
        assert not inner.requests


def test_where_people_sign_in_no_webhook_leads_inside(people: People) -> None:  # noqa: F811
    owner = people.client("owner")
    for url in ("http://127.0.0.1:1/", "https://10.0.0.1/", "http://[::1]/", "https://localhost/", "http://a.example/"):
        answer = owner.put(f"{BUDGETS}tokens/day/", {"limit": 1, "webhookUrl": url}, content_type="application/json")
        assert (answer.status_code, answer.json()["field"]) == (400, "webhookUrl"), url
    assert not Budget.objects.exists()


def test_notices_of_long_ago_are_let_go_of(told: None) -> None:
    put(limit=100)
    given = {"budget": Budget.objects.get(), "kind": "budget.warning", "body": "{}", "due": 0.0}
    now = now_minute()
    for name, days, settled in (("old", 91, True), ("waits", 91, False), ("this month", 31, True)):
        Notice.objects.create(notice_id=name, start=now - days * 1440 - len(name), settled=settled, **given)
    webhooks.prune()
    assert set(Notice.objects.values_list("notice_id", flat=True)) == {"waits", "this month"}


@given(st.floats(1.7e9, 2.0e9), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
def test_a_period_holds_its_moment_and_begins_at_midnight(now: float, zone: str) -> None:
    for period, longest in (("day", 25 * 60), ("month", 31 * 1440 + 60)):
        start, end = period_of(Budget(project="p", measure="tokens", period=period, limit=1, zone=zone), now)
        assert start * 60 <= now < end * 60
        assert end - start <= longest
        first = datetime.fromtimestamp(start * 60, ZoneInfo(zone))
        assert (first.hour, first.minute) == (0, 0)
        assert period == "day" or first.day == 1


def test_waits_grow_to_an_hour() -> None:
    waits = [wait_after(n) for n in range(30)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2.0, 3600.0)


def test_a_signature_is_of_its_moment_and_body() -> None:
    assert signature("s", 1, b"{}") != signature("s", 2, b"{}") != signature("s", 2, b"{ }")


def test_a_budget_whose_zone_is_gone_holds_by_utc_and_says_so_once(
    told: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert put("tokens/month/", limit=100, zone="Europe/Berlin")["zoneKnown"]
    lose_zone("Mars/Olympus")
    assert chat().status_code == 200
    spend(200)
    for _ in range(2):
        refused = chat()
        assert (refused.status_code, refused.json()["code"]) == (429, "budget_exceeded")
        assert "+00:00" in refused.json()["error"]
    (shown,) = Client(headers=SELF).get(BUDGETS).json()["budgets"]
    assert (shown["zone"], shown["zoneKnown"], shown["exceeded"]) == ("Mars/Olympus", False, True)
    assert datetime.fromisoformat(shown["periodStart"]).utcoffset() == timedelta(0)
    (said,) = [each.message for each in caplog.records if "Mars/Olympus" in each.message]
    assert "UTC" in said
    assert put("tokens/month/", limit=100, zone="UTC")["zoneKnown"]
