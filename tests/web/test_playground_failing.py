"""What goes wrong in the playground: said in people's words with one thing to do, and never at an answer's expense."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from headrace.common.http import CODES
from headrace.errors import ERROR_CODES
from headrace.testing import Close, ScriptedUpstream, Send, chat_answer, response
from tests.live import ROOT, LiveServer
from tests.web.pictures import leave
from tests.web.playing import ask, button, ended, playground, stored, talks
from tests.web.test_playground import faults

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
SOURCE = ROOT / "web" / "playground" / "src"
ELSEWHERE = {"link_unknown", "unknown_person", "provider_failed", "error"}
"""Codes of addresses that the playground never asks: invitations, members, signing in."""
FAILED = response(b'{"error": {"message": "no such key"}}', status="401 No", content_type="application/json")
FRACTIONS = "$$" + r"\frac{1}{" * 300 + "x" + "}" * 300 + "$$"
LISTS = "\n".join("  " * depth + "- x" for depth in range(400))
RICH = "# Rivers\n\n```python\nprint(1)\n```\n\n$$\nx^2\n$$\n\nThe end."


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(*getattr(request, "param", [[Send(chat_answer(RICH))]])) as live:
        yield live


def codes_of_the_server() -> set[str]:
    """Every code that some part of the server names."""
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    named = re.findall(r'code="([a-z_]+)"', sources) + re.findall(r'Refusal\(\s*\d+,\s*"([a-z_]+)"', sources)
    return {*ERROR_CODES, *CODES.values(), *named} - ELSEWHERE


def said() -> dict[str, str]:
    """What the page says of each code."""
    texts = [path.read_text("utf-8") for path in (SOURCE / "problems").glob("*.ts")]
    return dict(re.findall(r"^  (\w+): \{\n(.*?)^  \},$", "\n".join(texts), re.MULTILINE | re.DOTALL))


async def test_every_code_has_its_words_in_both_languages_and_one_action() -> None:
    known, words = codes_of_the_server(), said()
    assert len(known) > 50  # so that they would be missed
    assert known - words.keys() == set()
    whole = r'    en: \["[^"]{4,}", "[^"]{9,}"\],\n    zh: \["[^"]{4,}", "[^"]{9,}"\],\n    action: "\w+",\n'
    assert [code for code, text in words.items() if not re.fullmatch(whole, text)] == []


@pytest.mark.parametrize("upstream", [[[Send(FAILED), Close()], [Send(chat_answer("welcome"))]]], indirect=True)
async def test_a_refused_key_is_changed_where_it_is_said(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await ask(page, "hi")
    failed = page.locator("article").get_by_role("alert").locator("..")
    for fact in (f"{upstream.url}/v1", "asked at", "attempts: 1", "upstream_auth", "missing, wrong, expired"):
        await expect(failed).to_contain_text(fact)
    assert await faults(page) == []
    await page.get_by_role("button", name="Change the key").click()
    await page.get_by_role("dialog").get_by_label("API key").fill("sk-the-right-one")
    await page.get_by_role("button", name="Save and ask again").click()
    await expect(page.locator("article")).to_contain_text("welcome")
    assert upstream.requests[-1].headers["authorization"] == "Bearer sk-the-right-one"
    assert talks(upstream)[1] == ["hi"]
    await leave(page)


def refusing(status: int, code: str, message: str, **headers: str) -> Any:
    """The server says no, in these words."""

    async def answer(route: Route) -> None:
        await route.fulfill(status=status, json={"error": message, "code": code, "field": ""}, headers=headers)

    return answer


LINE = "HEADRACE_EGRESS_ALLOW=http://models.example:8000"
REFUSALS = [
    (400, "egress_refused", f"it is asked over http. The line that allows it: {LINE}", "Show what allows it"),
    (413, "body_too_large", "the body is larger than 8388608 bytes", "Shorten the question"),
    (503, "too_many_streams", "this server runs 5000 streams", "Ask again in"),
    (401, "unauthenticated", "log in first", "Sign in"),
    (404, "unknown_configuration", "there is no such configuration", "Ask again"),
    (405, "method_not_allowed", "this is not asked by POST", "Load the page again"),
    (400, "bad_request", "temperature must be a number", "Look at the settings"),
    (409, "key_unreadable", "the key cannot be read", "Change the key"),
]


@pytest.mark.parametrize(("status", "code", "message", "action"), REFUSALS, ids=[row[1] for row in REFUSALS])
async def test_a_refusal_offers_what_mends_it(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, status: int, code: str, message: str, action: str
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await page.route("**/chat/stream/", refusing(status, code, message, **{"Retry-After": "400"}))
    await ask(page, "a long question")
    await page.locator("article").get_by_role("button", name=action).first.click()
    if code == "egress_refused":
        await expect(page.locator("article code")).to_have_text(LINE)
    elif code == "body_too_large":
        await expect(page.locator("#prompt")).to_have_value("a long question")
        await expect(page.locator("#prompt")).to_be_focused()
    elif code in ("bad_request", "key_unreadable"):
        await expect(page.get_by_role("dialog")).to_be_visible()
    elif code == "unauthenticated":
        await page.wait_for_url("**/sign/in")
    await leave(page)


async def test_what_does_not_load_never_breaks_an_answer(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    blocked: list[str] = []

    async def gone(route: Route) -> None:
        blocked.append(route.request.url)
        await route.abort()

    await page.route(re.compile(r"/assets/(?!index)[^/]+$"), gone)
    await ask(page, "hi")
    await ended(page)
    for part in ("Rivers", "print(1)", "The end."):
        await expect(page.locator("article [aria-busy]")).to_contain_text(part)
    assert any("highlight" in url for url in blocked)
    assert any("maths" in url for url in blocked)
    await button(page, "Code")
    await expect(page.get_by_role("alert")).to_contain_text("This did not load")
    await expect(page.locator("article [aria-busy]")).to_contain_text("The end.")
    await ask(page, "and again")
    await expect(page.locator("article dl")).to_have_count(2)
    await leave(page)


async def test_a_page_that_fails_has_a_way_out(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    model = stored(server, upstream, "a")
    page = await playground(browser, server.url, [model])
    talk = {"panes": [{"id": "p", "configId": model, "turns": [{"id": "t", "prompt": "hi", "answer": None}]}]}
    await page.goto("about:blank")
    await page.context.add_init_script(f"sessionStorage['headrace.talk'] ??= {json.dumps(json.dumps(talk))}")
    page = await page.context.new_page()
    await page.goto(server.url)
    await expect(page.get_by_role("alert")).to_contain_text("This part of the page failed")
    assert await faults(page) == []
    await page.get_by_role("button", name="Begin a new conversation").click()
    await ask(page, "hello")
    await ended(page)
    await leave(page)


async def test_a_server_that_is_gone_is_said_and_the_draft_kept(
    data_dir: Path, browser: Browser, upstream: ScriptedUpstream
) -> None:
    with LiveServer.uvicorn(data_dir) as live:
        page = await playground(browser, live.url, [stored(live, upstream, "a")])
    await page.evaluate("window.scrollTo(0, 0)")
    await ask(page, "are you there?")
    await expect(page.locator("article")).to_contain_text("Headrace server", timeout=60_000)
    await expect(page.locator("article")).to_contain_text("are you there?")
    await leave(page)


@pytest.mark.parametrize("upstream", [[[Send(chat_answer(text))] for text in (FRACTIONS, LISTS, RICH)]], indirect=True)
async def test_an_answer_nested_without_end_is_shown_as_it_was_written(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "deep")])
    for number, text in enumerate((FRACTIONS, LISTS), 1):
        await ask(page, f"deep {number}")
        await page.wait_for_selector(f"article:nth-of-type({number}) dl")
        await expect(page.locator("article").nth(number - 1)).to_contain_text(text, use_inner_text=True)
    await ask(page, "now the rivers")
    await page.wait_for_selector("article:nth-of-type(3) .katex")
    await leave(page)
