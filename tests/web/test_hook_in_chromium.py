"""`useStream` in Chromium: React's development build and StrictMode, over broken lines, reloads and changed minds."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from headrace.testing import Hold, ScriptedUpstream, Send, Sleep, chat_answer, chunk, sse, stream_head
from tests.client.cutting import CuttingProxy
from tests.client.history import texts
from tests.live import LiveServer
from tests.web.node import BUILD, WEB, missing, node_environment
from tests.web.site import armed_at_random, opened, stored, whole

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]  # a browser on a busy machine
DEVELOPMENT = "process.env.NODE_ENV:'development'"  # only there StrictMode mounts everything twice
BEGUN = chunk(sse({"choices": [{"index": 0, "delta": {"content": "begun"}}]}))
ENDLESS = [Send(stream_head() + BEGUN), Hold()]
SILENT = [Send(stream_head()), Hold()]
LATE = [Send(stream_head()), Sleep(3), Send(BEGUN + chunk(sse("[DONE]")) + chunk(b""))]
SHORT = [Send(chat_answer("short"))]
NO_STORAGE = (
    """Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("no", "SecurityError") } })"""
)


@pytest.fixture(scope="module")
def pages(site: LiveServer, site_folder: Path) -> str:
    """The address of `web/client/test/page.tsx`, bundled into the project's static files."""
    bundler = WEB / "node_modules" / ".bin" / "rolldown"
    if not bundler.exists():
        missing("what web/ is built with", BUILD)
    options = ["--format", "esm", "--platform", "browser", "--transform.define", DEVELOPMENT]
    command = [str(bundler), "client/test/page.tsx", "--file", str(site_folder / "hook.js"), *options]
    done = subprocess.run(command, cwd=WEB, env=node_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return f"{site.url}/pages/hook/"


async def shown(browser: Browser, pages: str, model: str, query: str = "", script: str = "") -> Page:
    """The page, its faults written down."""
    page = await opened(browser, "about:blank")
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
    if script:
        await page.add_init_script(script)
    await page.goto(f"{pages}?model={model}{query}")
    await page.wait_for_selector("section")
    page.faults = said  # type: ignore[attr-defined]
    return page


async def ask(page: Page, pane: str = "pane1") -> None:
    await page.click(f"#{pane} button:text-is('Ask')")


async def kept(page: Page, pane: str = "pane1") -> str:
    """The id of the stream under way."""
    await page.wait_for_function("(name) => sessionStorage.getItem(name)", arg=pane)
    return str(await page.evaluate("(name) => sessionStorage.getItem(name)", pane))


async def closed(page: Page, pane: str = "pane1") -> None:
    await page.wait_for_selector(f"#{pane}[data-phase=closed]")


async def answer(page: Page, pane: str = "pane1") -> dict[str, Any]:
    """What the pane shows, once its stream has ended."""
    await closed(page, pane)
    script = """(pane) => Object.fromEntries(["blockquote", "pre", "output", "strong"].map(
      (name) => [name, document.querySelector(`#${pane} ${name}`)?.textContent ?? ""]))"""
    return dict(await page.evaluate(script, pane))


def told(site: LiveServer, stream_id: str) -> dict[str, Any]:
    """The same of the stream as the server has it."""
    events = whole(site, stream_id)
    reason = events[-1]["reason"]
    return {"blockquote": texts(events, "reasoning"), "pre": texts(events, "content"), "output": reason, "strong": ""}


async def leave(page: Page) -> None:
    """Nothing went wrong in it, and React warned of nothing."""
    assert page.faults == []  # type: ignore[attr-defined]
    await page.close()


async def test_it_shows_thought_and_answer(
    site: LiveServer, browser: Browser, pages: str, model: str, upstream: ScriptedUpstream
) -> None:
    page = await shown(browser, pages, model)
    await expect(page.locator("#pane1 p")).to_have_text("idle")
    await ask(page)
    stream_id = await kept(page)
    assert await answer(page) == told(site, stream_id)
    assert await page.evaluate("sessionStorage.length") == 0
    assert len(upstream.requests) == 1
    await leave(page)


@pytest.mark.parametrize(("seed", "reset"), [(3, False), (4, True)])
async def test_it_survives_broken_lines(
    site: LiveServer, browser: Browser, pages: str, model: str, upstream: ScriptedUpstream, seed: int, reset: bool
) -> None:
    switch, plan = armed_at_random(seed, 1500)
    with CuttingProxy(site.port, plan, reset=reset) as proxy:
        page = await shown(browser, pages.replace(site.url, proxy.url), model)
        await ask(page)
        stream_id = await kept(page)
        switch["armed"] = True
        seen = await answer(page)
        switch["armed"] = False
    assert seen == told(site, stream_id)
    assert proxy.cuts > 1
    assert len(upstream.requests) == 1
    await page.close()


async def test_what_is_mounted_twice_asks_once(
    site: LiveServer, browser: Browser, pages: str, model: str, upstream: ScriptedUpstream
) -> None:
    page = await shown(browser, pages, model, "&ask=why")
    stream_id = await kept(page)
    assert await answer(page) == told(site, stream_id)
    assert len(upstream.requests) == 1
    await leave(page)


async def test_what_is_unmounted_goes_on_and_is_found_again(
    site: LiveServer, browser: Browser, pages: str, model: str, upstream: ScriptedUpstream
) -> None:
    page = await shown(browser, pages, model)
    await ask(page)
    stream_id = await kept(page)
    await page.click("#show")
    await page.wait_for_selector("section", state="detached")
    await page.click("#show")
    assert await answer(page) == told(site, stream_id)
    assert len(upstream.requests) == 1
    await leave(page)


@pytest.mark.parametrize("upstream", [ENDLESS, SILENT], indirect=True)
async def test_stop_ends_it_upstream(browser: Browser, pages: str, model: str, upstream: ScriptedUpstream) -> None:
    page = await shown(browser, pages, model)
    await ask(page)
    await page.wait_for_selector("#pane1[data-phase=open]")
    await page.click("#pane1 button:text-is('Stop')")
    assert (await answer(page))["output"] == "cancelled"
    assert upstream.wait_disconnect()
    await leave(page)


@pytest.mark.parametrize("upstream", [SILENT], indirect=True)
async def test_a_question_that_is_stopped_at_once_is_not_asked(
    browser: Browser, pages: str, model: str, upstream: ScriptedUpstream
) -> None:
    page = await shown(browser, pages, model)
    await page.evaluate("for (const button of document.querySelectorAll('#pane1 button')) button.click()")
    await closed(page)
    assert upstream.requests == []
    await leave(page)


async def test_another_question_ends_the_one_before(browser: Browser, site: LiveServer, pages: str) -> None:
    with ScriptedUpstream(ENDLESS, SHORT) as upstream:
        page = await shown(browser, pages, stored(site, upstream), "&ask=one")
        await expect(page.locator("#pane1 pre")).to_have_text("begun")
        before = await kept(page)
        await page.click("#change")
        await expect(page.locator("#pane1 pre")).to_have_text("short")
        assert (await answer(page))["output"] == "stop"
        assert told(site, before)["output"] == "cancelled"
        assert len(upstream.requests) == 2
        await leave(page)


async def test_reloads_in_mid_answer_lose_nothing(
    site: LiveServer, browser: Browser, pages: str, model: str, upstream: ScriptedUpstream
) -> None:
    page = await shown(browser, pages, model)
    await ask(page)
    stream_id = await kept(page)
    for piece in ("piece 3", "piece 20"):
        await expect(page.locator("#pane1 pre")).to_contain_text(piece)
        await page.reload()
    assert await answer(page) == told(site, stream_id)
    assert len(upstream.requests) == 1
    await leave(page)


@pytest.mark.parametrize("upstream", [LATE], indirect=True)
async def test_a_reload_before_the_first_word_loses_nothing(
    site: LiveServer, browser: Browser, pages: str, model: str, upstream: ScriptedUpstream
) -> None:
    page = await shown(browser, pages, model)
    await ask(page)
    await page.wait_for_selector("#pane1[data-phase=open]")
    await page.reload()
    assert (await answer(page))["pre"] == "begun"
    assert len(upstream.requests) == 1
    await leave(page)


async def test_two_hooks_keep_their_own(
    site: LiveServer, browser: Browser, pages: str, model: str, upstream: ScriptedUpstream
) -> None:
    page = await shown(browser, pages, model, "&panes=2")
    await ask(page, "pane1")
    first = await kept(page, "pane1")
    await expect(page.locator("#pane1 pre")).to_contain_text("piece 3")
    await ask(page, "pane2")
    second = await kept(page, "pane2")
    await page.reload()
    assert await answer(page, "pane1") == told(site, first)
    assert await answer(page, "pane2") == told(site, second)
    assert first != second
    assert len(upstream.requests) == 2
    await leave(page)


@pytest.mark.parametrize("upstream", [SHORT], indirect=True)
async def test_a_browser_that_keeps_nothing_still_answers(browser: Browser, pages: str, model: str) -> None:
    page = await shown(browser, pages, model, script=NO_STORAGE)
    await ask(page)
    assert (await answer(page))["pre"] == "short"
    await leave(page)
