"""Somebody who reads Chinese goes through the page: at each station nothing speaks English to them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from headrace.testing import Close, ScriptedUpstream, Send, chunk, response, sse, stream_head
from tests.live import LiveServer
from tests.web.conftest import migrate
from tests.web.pictures import picture
from tests.web.playing import ask, button, closed, ended, playground, stored

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
WIDE = {"width": 1440, "height": 900}
ENDED = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
TEXTS = """() => {
  const spoken = ["aria-label", "title", "placeholder", "aria-description"];
  const walked = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walked.nextNode()) {
    const holder = walked.currentNode.parentElement;
    const shown = holder.checkVisibility({ visibilityProperty: true });
    if (shown && !holder.closest("pre, code, script, style")) found.push(walked.currentNode.data);
  }
  for (const each of document.querySelectorAll(spoken.map((name) => `[${name}]`).join(", ")))
    if (each.checkVisibility()) found.push(...spoken.map((name) => each.getAttribute(name) ?? ""));
  return [...new Set(found.map((text) => text.trim()))].filter(Boolean);
}"""
NAMES = (
    "Explain in three sentences what streaming is.",
    "Local model with reasoning",
    "Local model",
    "Shift",
    "Enter",
    "Ctrl",
    "Headrace",
    "Markdown",
)
"""An example in the other language, stored names, keys and the like."""
ENGLISH = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,})+|\b(?:the|of|and|your|one|not|is|to)\b")


def answer(thought: str, text: str) -> list[Send]:
    deltas = [{"reasoning_content": thought}, {"content": text}]
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return [Send(stream_head() + chunk(sse(*events, ENDED, "[DONE]")) + chunk(b""))]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One of its own: what other tests have stored and asked is in English."""
    folder = tmp_path_factory.mktemp("chinese")
    migrate(folder, {})
    with LiveServer.uvicorn(folder) as live:
        yield live


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(answer("先想一想", "河流流向大海。")) as live:
        yield live


async def spoken(page: Page) -> None:
    """Whatever this station says, it says in Chinese."""
    await picture(page)
    texts = [str(text) for text in await page.evaluate(TEXTS)]
    for name in NAMES:
        texts = [text.replace(name, "") for text in texts]
    assert [text for text in texts if ENGLISH.search(text)] == []


async def dialog(page: Page, opener: Locator) -> Locator:
    await opener.click()
    opened = page.get_by_role("dialog")
    await opened.wait_for()
    await spoken(page)
    return opened


async def test_each_station_speaks_chinese(server: LiveServer, browser: Browser, upstream: ScriptedUpstream) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "甲")] * 2, viewport=WIDE, locale="zh-CN")
    await expect(page.get_by_text("只问一次").first).to_be_visible()
    await spoken(page)
    await ask(page, "河流去哪里？")
    for pane in (1, 2):
        await ended(page, pane)
    await spoken(page)
    await dialog(page, page.get_by_role("button", name="代码", exact=True).first)
    await page.get_by_role("dialog").get_by_role("tab", name="线路", exact=True).click()
    await expect(page.get_by_role("dialog").get_by_role("table")).to_be_visible()
    await spoken(page)
    await page.keyboard.press("Escape")
    await button(page, "更好", 2)
    for name in ("设置", "预设", "添加模型", "快捷键"):
        await dialog(page, page.get_by_role("button", name=name, exact=True))
        await page.keyboard.press("Escape")
    await page.locator("main [aria-haspopup=listbox]").first.click()
    await spoken(page)
    await dialog(page, page.get_by_role("option", name="修改或移除模型"))
    await page.keyboard.press("Escape")
    await page.locator("#conversations li [aria-haspopup=menu]").first.click()
    await spoken(page)
    await page.get_by_role("menuitem", name="删除", exact=True).click()
    await expect(page.get_by_role("button", name="撤销")).to_be_visible()
    await spoken(page)
    await page.goto(f"{server.url}/#/statistics")
    await expect(page.get_by_role("heading", name="统计")).to_be_visible()
    await dialog(page, page.get_by_role("region", name="最近的流").get_by_role("link").first)
    await closed(page)


@pytest.mark.parametrize("status", [401, 404, 429, 500])
async def test_a_failure_speaks_chinese(server: LiveServer, browser: Browser, status: int) -> None:
    body = b'{"error": {"message": "\xe4\xb8\x8d\xe8\xa1\x8c"}}'
    refusing = [Send(response(body, status=status, content_type="application/json")), Close()]
    with ScriptedUpstream(*[refusing] * 5) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "丙")], viewport=WIDE, locale="zh-CN")
        await ask(page, "你好")
        await page.get_by_role("alert").first.wait_for()
        await spoken(page)
        await closed(page)
