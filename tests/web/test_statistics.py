"""The statistics in the page, of real streams on the live server: read, compared, stopped, followed to a timeline."""

from __future__ import annotations

import csv
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from headrace.backends.children import start_python
from headrace.testing import Close, Hold, ScriptedUpstream, Send, Sleep, chat_answer, chunk, response, sse, stream_head
from tests.live import MESSAGES, ROOT, STREAM, LiveServer, model_at
from tests.web.conftest import migrate
from tests.web.pictures import leave
from tests.web.playing import VIOLATIONS
from tests.web.test_playground import faults

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
STATS = "/api/projects/default/stats/"
END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def delta(text: str) -> bytes:
    return chunk(sse({"choices": [{"index": 0, "delta": {"content": text}}]}))


QUICK = [
    Send(stream_head() + delta("<think>plan</think>Hello")),
    Sleep(0.1),
    Send(delta(" there") + chunk(sse(END, "[DONE]")) + b"0\r\n\r\n"),
]
SLOW = [Sleep(0.7), Send(chat_answer("At last"))]
BUSY = response(b'{"error": {"message": "busy"}}', status="503 Busy", content_type="application/json")
REFUSED = response(b'{"error": {"message": "no such key"}}', status="401 No", content_type="application/json")
HALF: list[Any] = [Send(stream_head() + delta("Half an answer")), Hold()]
ONE = re.compile(r"Streams1\D")
ASKED = {"quick": 6, "slow": 2, "busy": 1, "refused": 2}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose streams are these and no others."""
    folder = tmp_path_factory.mktemp("counted")
    migrate(folder, {})
    with (
        LiveServer.uvicorn(folder) as live,
        ScriptedUpstream(QUICK) as quick,
        ScriptedUpstream(SLOW) as slow,
        ScriptedUpstream([Send(BUSY), Close()], QUICK) as busy,
        ScriptedUpstream([Send(REFUSED), Close()]) as refused,
    ):
        upstreams = {"quick": quick, "slow": slow, "busy": busy, "refused": refused}
        for name, count in ASKED.items():
            for _ in range(count):
                live.stream(model_at(f"{upstreams[name].url}/v1", modelId=name)).read()
        wait_for_rows(live, sum(ASKED.values()), {})
        yield live


def wait_for_rows(live: LiveServer, count: int, headers: dict[str, str]) -> None:
    deadline = time.monotonic() + 20
    while json.loads(live.get(f"{STATS}totals/", headers=headers).read())["groups"][0]["streams"] < count:
        assert time.monotonic() < deadline, "the rows were not written"
        time.sleep(0.1)


@pytest_asyncio.fixture(loop_scope="module")
async def page(counted: LiveServer, browser: Browser) -> Any:
    opened = await statistics(browser, counted)
    yield opened
    assert await opened.evaluate("window.violations") == []
    await leave(opened)


async def statistics(browser: Browser, live: LiveServer, query: str = "", **context: Any) -> Page:
    opened = await browser.new_context(**({"viewport": {"width": 1440, "height": 900}, "locale": "en-GB"} | context))
    await opened.add_init_script(VIOLATIONS)
    page = await opened.new_page()
    page.set_default_timeout(15_000)
    await page.goto(f"{live.url}/#/statistics{query}")
    await page.wait_for_selector("figure canvas")
    return page


def figure(page: Page, name: str) -> Any:
    return page.get_by_role("figure", name=name, exact=True)


async def test_it_says_what_the_streams_did(page: Page) -> None:
    tiles = page.locator("main dl").first
    total = sum(ASKED.values())
    await expect(tiles).to_contain_text(f"Streams{total}")
    await expect(tiles).to_contain_text("Failed18 %")
    models = page.get_by_role("region", name="By model: Table")
    for name, count in ASKED.items():
        row = models.get_by_role("row").filter(has_text=name)
        await expect(row.get_by_role("cell").first).to_have_text(str(count))
    await models.get_by_role("button", name="Failed").click()
    await expect(models.get_by_role("row").nth(1)).to_contain_text("refused")
    await expect(page.get_by_role("region", name="Slowest to begin").get_by_role("link").first).to_contain_text("slow")
    failed = page.get_by_role("region", name="Failed streams").get_by_role("link")
    await expect(failed).to_have_count(ASKED["refused"])
    await expect(failed.first).to_contain_text("The provider refuses the key")
    await expect(figure(page, "Outcomes")).to_contain_text(re.compile(r"complete\s*9"))
    for name in ("Time to first token", "Speed", "Tokens", "Outcomes"):
        await expect(figure(page, name).locator("canvas")).to_be_visible()
    await expect(figure(page, "Cost")).to_contain_text("None.")  # no price is known of these


@pytest.mark.parametrize(("theme", "locale"), [("light", "en-GB"), ("dark", "zh-CN")])
@pytest.mark.parametrize("width", [390, 820, 1440])
async def test_it_fits_and_axe_finds_nothing_serious(
    counted: LiveServer, browser: Browser, width: int, theme: Any, locale: str
) -> None:
    size = {"width": width, "height": 900}
    page = await statistics(browser, counted, viewport=size, color_scheme=theme, locale=locale)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await faults(page) == []
    await leave(page)


async def test_a_chart_is_read_by_keys_and_as_a_table(page: Page) -> None:
    outcomes = figure(page, "Outcomes")
    await outcomes.get_by_role("group").focus()
    await page.keyboard.press("End")
    said = outcomes.locator("p[aria-live=polite]")
    await expect(said).to_contain_text(re.compile(r"\d\d:\d\d · "))
    await page.keyboard.press("Home")
    await expect(said).to_contain_text("–")
    await outcomes.get_by_role("button", name="Outcomes: Table").click()
    table = outcomes.get_by_role("table")
    await expect(table.get_by_role("columnheader")).to_contain_text(
        ["Time", "complete", "The provider refuses the key"]
    )
    numbers = await table.locator("tbody td").all_inner_texts()
    assert sum(int(each) for each in numbers) == sum(ASKED.values())
    assert await faults(page) == []


async def test_a_stream_leads_to_its_timeline(page: Page) -> None:
    await page.get_by_role("region", name="By model").get_by_role("button", name="busy").click()
    await expect(page.locator("main dl").first).to_contain_text(ONE)
    await expect(page).to_have_url(re.compile("model=busy"))
    slowest = page.get_by_role("region", name="Slowest to begin").get_by_role("link")
    await expect(slowest).to_have_count(1)  # each card asks for itself
    await slowest.click()
    dialog = page.get_by_role("dialog", name="Timeline")
    moments = dialog.get_by_role("list", name="Timeline").get_by_role("listitem")
    await expect(moments).to_contain_text(
        ["asked", "tried again The provider is out of order", "thinking began", "the answer began", "ended complete"]
    )
    await expect(dialog).to_contain_text("Attempts2")
    assert await faults(page) == []
    await page.reload()
    await expect(moments).to_have_count(5)
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(page.locator("main dl").first).to_contain_text(ONE)
    await page.go_back()
    await expect(dialog).to_be_visible()


async def test_ranges_are_in_the_address(page: Page) -> None:
    await page.get_by_role("button", name="7 d").click()
    await page.wait_for_url("**range=7d*")
    await page.reload()
    await expect(page.get_by_role("button", name="7 d")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("main dl").first).to_contain_text(f"Streams{sum(ASKED.values())}")


def in_the_hour_before(live: LiveServer, address: str) -> int:
    """How many streams there were before the moment that stands in the page's address."""
    to = datetime.fromisoformat(parse_qs(address.partition("?")[2])["to"][0])
    query = urlencode({"from": (to - timedelta(hours=1)).isoformat(), "to": to.isoformat()})
    return int(json.loads(live.get(f"{STATS}totals/?{query}").read())["groups"][0]["streams"])


async def test_a_moment_is_looked_at_more_closely_and_left_again(counted: LiveServer, page: Page) -> None:
    failed = page.get_by_role("region", name="Failed streams").get_by_role("link")
    await expect(failed).to_have_count(ASKED["refused"])
    outcomes = figure(page, "Outcomes")
    await outcomes.get_by_role("group").focus()
    await page.keyboard.press("End")
    while "complete" not in await outcomes.locator("p[aria-live=polite]").inner_text():
        await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**range=1h&to=*")
    then = page.get_by_role("group", name="Time", exact=True)
    await expect(then).to_contain_text(re.compile(r"\d\d:00 – \d\d:00"))
    await page.get_by_role("button", name="Latest streams: More").click()
    latest = page.get_by_role("region", name="Latest streams").get_by_role("link")
    await expect(latest).to_have_count(in_the_hour_before(counted, page.url))
    shown = await then.text_content() or ""
    await then.get_by_role("button", name="Earlier").click()
    await expect(then).not_to_have_text(shown)
    await then.get_by_role("button", name="Later").click()
    await expect(then).to_have_text(shown)
    await then.get_by_role("button", name="Now").click()
    await expect(then).to_have_count(0)
    await expect(page.locator("main dl").first).to_contain_text(f"Streams{sum(ASKED.values())}")


async def test_a_moment_is_named(page: Page) -> None:
    field = page.get_by_label("What happened at")
    await field.fill("2026-03-15T14:03")
    await field.press("Enter")
    then = page.get_by_role("group", name="Time", exact=True)
    await expect(then).to_contain_text("Mar 15, 13:58 – 14:08")
    await expect(page.get_by_text("No streams in this time")).to_be_visible()


async def test_a_finger_reads_before_it_looks_closer(counted: LiveServer, browser: Browser) -> None:
    page = await statistics(browser, counted, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    outcomes = figure(page, "Outcomes")
    await outcomes.locator(".u-over").tap(position={"x": 100, "y": 60})
    await expect(outcomes.get_by_text("·")).to_be_visible()
    assert "to=" not in page.url
    await outcomes.get_by_role("button", name="Look closer").tap()
    await page.wait_for_url("**range=1h&to=*")
    await leave(page)


async def test_models_are_told_apart_over_time(page: Page) -> None:
    chart = figure(page, "Time to first token")
    await chart.get_by_role("button", name="By model").click()
    await expect(chart.get_by_role("list")).to_contain_text(re.compile(r"quick\s+slow"))
    await chart.get_by_role("button", name="Time to first token: Table").click()
    await expect(chart.get_by_role("columnheader")).to_have_text(["Time", "quick", "slow", "busy"])
    assert await faults(page) == []
    await page.reload()
    await expect(chart.get_by_role("button", name="By model")).to_have_attribute("aria-pressed", "true")


async def test_what_is_shown_is_saved_as_csv(page: Page) -> None:
    models = await saved(page, "By model")
    shown = {row["Model"]: (row["Streams"], row["Failed"], row["Retries"]) for row in models}
    assert shown == {
        "quick": ("6", "0", "0"),
        "slow": ("2", "0", "0"),
        "busy": ("1", "0", "1"),
        "refused": ("2", "2", "0"),
    }
    series = await saved(page, "Outcomes")
    assert sum(int(row["complete (Streams)"]) for row in series) == 9
    assert all(row["Time (UTC)"].endswith("Z") for row in series)
    failed = await saved(page, "Failed streams")
    assert [row["outcome"] for row in failed] == ["upstream_auth"] * 2


async def saved(page: Page, card: str) -> list[dict[str, str]]:
    """The rows of the file that this card's button makes."""
    async with page.expect_download() as download:
        await page.get_by_role("button", name=f"{card}: CSV", exact=True).click()
    path = await (await download.value).path()
    return list(csv.DictReader(StringIO(path.read_text("utf-8-sig"))))


async def test_owners_see_who_asked_and_others_do_not(browser: Browser, tmp_path: Path) -> None:
    with people_asking(tmp_path) as (live, heads):
        owner = await signed_in(browser, live, heads["ada"])
        who = owner.get_by_role("region", name="By person and program: Table").get_by_role("row")
        await expect(who).to_contain_text(["Who", "support-bot", "ben"])
        await expect(who.nth(1)).to_contain_text("program2")
        await who.nth(2).get_by_role("button", name="ben").click()
        await expect(owner).to_have_url(re.compile("caller="))
        await expect(owner.locator("main dl").first).to_contain_text(ONE)
        await expect(owner.get_by_role("region", name="Latest streams").get_by_role("link")).to_contain_text(["ben"])
        assert await faults(owner) == []
        await owner.get_by_label("Project").select_option("research")
        await expect(owner.get_by_text("No streams in this time")).to_be_visible()
        await leave(owner)
        editor = await signed_in(browser, live, heads["ben"])
        await expect(editor.locator("main dl").first).to_contain_text("Streams3")
        await expect(editor.get_by_text("By person")).to_have_count(0)
        await leave(editor)


@contextmanager
def people_asking(folder: Path) -> Iterator[tuple[LiveServer, dict[str, str]]]:
    """A server with people, one of whom has asked once, and a program that has asked twice."""
    environment = {"HEADRACE_AUTH": "required", "HEADRACE_EGRESS_ALLOW": "127.0.0.1"}
    migrate(folder, environment)
    settings = {"DJANGO_SETTINGS_MODULE": "headrace.config.settings", "HEADRACE_DATA_DIR": str(folder)}
    variables = os.environ | environment | settings | {"PYTHONPATH": str(ROOT)}
    made, _ = start_python("soak.day.people", env=variables, merge_output=True).communicate()
    with ScriptedUpstream(QUICK) as upstream, LiveServer.uvicorn(folder, **environment) as live:
        heads = json.loads(made.splitlines()[-1])
        for name in ("support-bot", "support-bot", "ben"):
            header, _, value = heads[name].partition(": ")
            body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1", modelId="quick")}
            live.post(STREAM, body, headers={header: value}).read()
        wait_for_rows(live, 3, {header: value})
        yield live, heads


async def signed_in(browser: Browser, live: LiveServer, head: str) -> Page:
    _, _, session = head.partition("=")
    opened = await browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    await opened.add_cookies([{"name": "sessionid", "value": session, "url": live.url}])
    page = await opened.new_page()
    await page.goto(f"{live.url}/#/statistics?range=1h")
    await page.wait_for_selector("figure canvas")
    return page


async def test_what_runs_is_shown_and_stopped(counted: LiveServer, page: Page) -> None:
    live = page.get_by_role("region", name="Live now")
    with ScriptedUpstream(HALF) as upstream:
        answer = counted.stream(model_at(f"{upstream.url}/v1", modelId="endless"))
        await expect(live).to_contain_text("endless")
        await live.get_by_role("button", name="Stop endless").click()
        assert upstream.wait_disconnect()
        answer.read()
    await expect(live).to_contain_text("No stream runs")


async def test_the_two_views_lead_to_each_other_and_charts_are_loaded_for_one(
    counted: LiveServer, browser: Browser
) -> None:
    opened = await browser.new_context(locale="en-GB")
    page = await opened.new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    await page.goto(counted.url)
    await page.fill("#prompt", "a draft")
    assert not any("Statistics" in url for url in loaded)
    await page.get_by_role("link", name="Statistics").click()
    await page.wait_for_selector("figure canvas")
    assert any("Statistics" in url for url in loaded)
    await page.get_by_role("link", name="Playground").click()
    await expect(page.locator("#prompt")).to_have_value("a draft")
    await opened.close()


async def test_a_server_that_refuses_and_one_without_streams(
    counted: LiveServer, server: LiveServer, browser: Browser
) -> None:
    opened = await browser.new_context(locale="en-GB")
    page = await opened.new_page()
    await page.route("**/stats/totals/**", lambda route: route.fulfill(status=503, json={"code": "draining"}))
    await page.goto(f"{counted.url}/#/statistics")
    await expect(page.get_by_role("alert")).to_contain_text("about to restart")
    await page.unroute("**/stats/totals/**")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("main dl").first).to_contain_text("Streams")
    await page.get_by_role("button", name="1 h").click()
    nothing = {"streams": 0, "inputTokens": 0, "outputTokens": 0, "cost": 0, "priced": 0}
    await page.route("**/stats/totals/**", lambda route: route.fulfill(json={"groups": [nothing], "complete": True}))
    await page.reload()
    await expect(page.get_by_text("No streams in this time")).to_be_visible()
    await opened.close()
