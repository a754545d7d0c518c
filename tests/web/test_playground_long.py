"""A long answer in Chromium: a hundred thousand tokens of everything that Markdown has, in a recorded trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from headrace.testing import Drip, ScriptedUpstream, Send, chunk, sse, stream_head
from tests.live import LiveServer
from tests.web.pictures import leave
from tests.web.playing import ask, playground, stored

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
TOKENS = 100_000
LONGEST_TASK = 100.0  # milliseconds
CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "__metadata"]
SECTION = (
    "## Part {n}\n\nRivers carry water, *sand* and **stories** from the hills to the sea; 河流把水带向大海。\n\n"
    "- a list\n- of `three`\n- items\n\n"
    "| river | length |\n| --- | --- |\n| Rhine | 1,230 km |\n| 长江 | 6,300 km |\n\n"
    "```python\ndef flow(river: str) -> int:\n    return len(river) * {n}\n```\n\n"
    "It ends at $$e = mc^2$$ and goes on.\n\n"
)


PARTS = TOKENS * 4 // (len(SECTION) + 2)  # each number takes up to four digits where three stood


def tokens() -> list[str]:
    """Pieces of some four characters, as models send them."""
    text = "".join(SECTION.format(n=n) for n in range(TOKENS * 4 // len(SECTION) + 1))
    return [text[at : at + 4] for at in range(0, TOKENS * 4, 4)]


def answer() -> bytes:
    deltas = ({"choices": [{"index": 0, "delta": {"content": token}}]} for token in tokens())
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return chunk(sse(*deltas, end, "[DONE]"))


FRAMES = """() => {
  const counted = (window.counted = { frames: 0, changes: 0, most: 0 });
  let now = 0;
  const tick = () => {
    counted.frames += 1;
    counted.most = Math.max(counted.most, now);
    now = 0;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  const change = () => (counted.changes += 1, now += 1);
  const everything = { subtree: true, childList: true, characterData: true };
  new MutationObserver(change).observe(document.querySelector("main"), everything);
}"""
MOST_CHANGES = 4
"""In one frame: the text that came, the piece before it that is now set, its colours, the figures at the end."""
SHOWN = """(parts) => new Promise((resolve) => {
  const look = () => {
    const done = document.querySelector("article dl") && document.querySelectorAll("article h2").length >= parts;
    if (done) resolve(); else setTimeout(look, 100);
  };
  look();
})"""
"""To look for roles from outside would cost more than the page does."""


async def traced(browser: Browser, page: Page) -> list[dict[str, Any]]:
    """What the browser records while the page asks and is answered."""
    await browser.start_tracing(page=page, categories=CATEGORIES)
    await ask(page, "everything, please")
    await page.evaluate(SHOWN, PARTS)
    events: list[dict[str, Any]] = json.loads(await browser.stop_tracing())["traceEvents"]
    return events


def tasks_of(events: list[dict[str, Any]]) -> list[float]:
    """Milliseconds that each task of the page's main thread took of the processor, whatever else the machine did."""
    named = (each for each in events if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain")
    mains = {(each["pid"], each["tid"]) for each in named}
    tasks = (each for each in events if each["name"] == "RunTask" and (each["pid"], each["tid"]) in mains)
    return [each.get("tdur", each.get("dur", 0)) / 1000 for each in tasks]


async def test_a_hundred_thousand_tokens_stay_smooth(server: LiveServer, browser: Browser) -> None:
    script = [Send(stream_head()), Drip(answer(), 8192, 0.01), Send(b"0\r\n\r\n")]
    with ScriptedUpstream(script) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "long")])
        await page.evaluate(FRAMES)
        tasks = tasks_of(await traced(browser, page))
        counted = await page.evaluate("window.counted")
        assert len(tasks) > 1000  # it was recorded
        assert max(tasks) < LONGEST_TASK
        assert counted["most"] <= MOST_CHANGES
        texts = await page.locator("article [aria-busy] p").all_text_contents()
        assert sum("It ends at" in text for text in texts) >= PARTS
        await leave(page)
