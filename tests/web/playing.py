"""The playground in a browser: a server with models that a test has scripted, and what people do to the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect

from headrace.testing import ScriptedUpstream
from tests.live import LiveServer, model_at
from tests.web.pictures import leave

MODELS = "/api/projects/default/models/"
VIOLATIONS = """window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));"""


def stored(server: LiveServer, upstream: ScriptedUpstream, name: str) -> str:
    """The id of a configuration of this upstream."""
    answer = server.post(MODELS, model_at(f"{upstream.url}/v1", modelId=name) | {"name": name})
    assert answer.status == 201
    return str(json.loads(answer.read())["configId"])


async def playground(browser: Browser, url: str, config_ids: Sequence[str], **context: Any) -> Page:
    """The page, with a pane for each of these models. Its console and its policy are watched."""
    opened: BrowserContext = await browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | context))
    choices = json.dumps({"configIds": list(config_ids)})
    await opened.add_init_script(f"localStorage['headrace.choices'] ??= {json.dumps(choices)}; {VIOLATIONS}")
    page = await opened.new_page()
    page.set_default_timeout(15_000)
    await page.goto(url)
    await page.wait_for_selector("main section")
    return page


async def ask(page: Page, text: str) -> None:
    await page.fill("#prompt", text)
    await page.press("#prompt", "Enter")


async def ended(page: Page, pane: int = 1) -> None:
    """Its last answer has its figures."""
    await page.wait_for_selector(f"main section:nth-of-type({pane}) article:last-child dl")


async def button(page: Page, name: str, pane: int = 1) -> None:
    """Press it in this pane; the last of that name."""
    place = page.locator(f"main section:nth-of-type({pane})")
    await place.get_by_role("button", name=name, exact=True).last.click()


async def asks(page: Page, *names: str) -> None:
    """The panes ask these models, in this order."""
    chosen = page.locator("main section button[aria-haspopup=listbox]")
    await expect(chosen).to_have_text(list(names))


def talks(upstream: ScriptedUpstream) -> list[list[Any]]:
    """The contents of the messages of each request that it had."""
    return [[each["content"] for each in json.loads(request.body)["messages"]] for request in upstream.requests]


async def closed(page: Page) -> None:
    """Nothing was refused by the page's policy; nothing stays open."""
    assert await page.evaluate("window.violations") == []
    await leave(page)
