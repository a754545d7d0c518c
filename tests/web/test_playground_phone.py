"""The playground on a phone: panes are swiped, the box stays above the keyboard, nothing is out of reach."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.live import LiveServer
from tests.web.playing import ask, closed, ended, playground, stored
from tests.web.test_playground import faults

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
WIDTH, HEIGHT, ABOVE_KEYBOARD = 390, 800, 420
STEPS = 20  # of a finger
PHONE: dict[str, Any] = {
    "viewport": {"width": WIDTH, "height": HEIGHT},
    "has_touch": True,
    "is_mobile": True,
}
LONG = "\n\n".join(f"Paragraph {number} of an answer that fills a phone more than once." for number in range(40))
FIELDS = " ".join(f"{{{{field {number}}}}}" for number in range(12))
UNENDED: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": LONG}}]}))), Hold()]
SAFARI = """(height) => {
  Object.defineProperty(visualViewport, "height", { value: height, configurable: true });
  visualViewport.dispatchEvent(new Event("resize"));
}"""
"""Its keyboard lies over the page, and only this tells."""
ENDS_ABOVE = """(place, height) => {
  const { top, bottom } = place.getBoundingClientRect();
  return top >= 0 && bottom > top && bottom <= height;
}"""
AT_END = "({ scrollHeight, scrollTop, clientHeight }) => Math.abs(scrollHeight - scrollTop - clientHeight) <= 1"


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(getattr(request, "param", [Send(chat_answer("first answer"))])) as live:
        yield live


async def swipe(page: Page, distance: int) -> None:
    """A finger goes that far to the right, over what a pane says."""
    session = await page.context.new_cdp_session(page)
    start = WIDTH // 2 - distance // 2
    for step in range(STEPS + 1):
        point = {"x": start + distance * step // STEPS, "y": HEIGHT // 2}
        touch = {"type": "touchMove" if step else "touchStart", "touchPoints": [point]}
        await session.send("Input.dispatchTouchEvent", touch)
    await session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


async def looked_at(page: Page, place: int) -> None:
    """This pane is the one that is seen, and the strip says so."""
    await expect(strip(page).locator("[aria-current=true]")).to_have_count(1)
    await expect(strip(page).get_by_role("button").nth(place - 1)).to_have_attribute("aria-current", "true")
    for other, section in enumerate(await page.locator("main section").all(), 1):
        seen = expect(section)
        await (seen.to_be_in_viewport(ratio=0.9) if other == place else seen.not_to_be_in_viewport(ratio=0.1))


def strip(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Models side by side")


async def test_panes_are_swiped_and_a_strip_says_which(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    models = [stored(server, upstream, name) for name in ("a", "b", "c")]
    page = await playground(browser, server.url, models, **PHONE)
    await expect(strip(page).get_by_role("button")).to_have_text(["a", "b", "c"])
    await looked_at(page, 1)
    await swipe(page, -250)
    await looked_at(page, 2)
    await swipe(page, -250)
    await looked_at(page, 3)
    await swipe(page, 250)
    await looked_at(page, 2)
    assert await faults(page) == []
    await ask(page, "hi")
    for pane in (1, 2, 3):
        await ended(page, pane)
    await looked_at(page, 2)
    await closed(page)


async def test_a_phone_on_its_side_shows_one_pane_too(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    size = {"width": HEIGHT, "height": WIDTH}
    model = stored(server, upstream, "a")
    page = await playground(browser, server.url, [model] * 3, **(PHONE | {"viewport": size}))
    await looked_at(page, 1)
    await strip(page).get_by_role("button").nth(1).tap()
    await looked_at(page, 2)
    await page.set_viewport_size({"width": HEIGHT, "height": 700})
    await expect(strip(page)).to_be_hidden()
    for section in await page.locator("main section").all():
        await expect(section).to_be_in_viewport(ratio=1)
    await closed(page)


async def test_the_strip_is_used_by_keys_and_follows_what_is_added(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    models = [stored(server, upstream, name) for name in ("a", "b", "c")]
    page = await playground(browser, server.url, models, **PHONE)
    await strip(page).get_by_role("button", name="3 of 3: c").focus()
    await page.keyboard.press("Enter")
    await looked_at(page, 3)
    await page.get_by_role("button", name="Compare with another").tap()
    await looked_at(page, 4)
    await page.locator("main section").nth(3).get_by_role("button", name="Remove from the comparison").tap()
    await looked_at(page, 3)
    await page.set_viewport_size({"width": 1000, "height": HEIGHT})
    await expect(strip(page)).to_be_hidden()  # where all are seen
    await closed(page)


async def holds(place: Locator, condition: str, argument: object = None) -> None:
    """Soon, if not now."""
    async with asyncio.timeout(10):
        while not await place.evaluate(condition, argument):
            await place.evaluate("() => new Promise(requestAnimationFrame)")


async def above(page: Page, height: int) -> None:
    """The box and the button beside it are seen whole above that line."""
    for place in (page.locator("#prompt"), page.locator("form button").last):
        await holds(place, ENDS_ABOVE, height)


@pytest.mark.parametrize("upstream", [UNENDED], indirect=True)
async def test_the_box_stays_above_the_keyboard_and_the_view_at_the_end(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    model = stored(server, upstream, "a")
    page = await playground(browser, server.url, [model, model], **PHONE)
    asked = await page.locator("meta[name=viewport]").get_attribute("content")
    assert "interactive-widget=resizes-content" in str(asked)  # Chromium's keyboard makes the page smaller
    await page.locator("#prompt").tap()
    await page.set_viewport_size({"width": WIDTH, "height": ABOVE_KEYBOARD})
    await above(page, ABOVE_KEYBOARD)
    for text in (FIELDS, "a question\n" * 30):
        await page.fill("#prompt", text)
        await above(page, ABOVE_KEYBOARD)
    await page.get_by_role("button", name="Send").tap()
    await expect(page.locator("#prompt")).not_to_be_focused()  # the keyboard goes
    await expect(page.get_by_text("Paragraph 39").first).to_be_in_viewport()
    log = page.get_by_role("log").first
    for height in (HEIGHT, ABOVE_KEYBOARD):
        await page.set_viewport_size({"width": WIDTH, "height": height})
        await expect(page.get_by_text("Paragraph 39").first).to_be_in_viewport()
        await holds(log, AT_END)
        await above(page, height)
    await closed(page)


@pytest.mark.parametrize("upstream", [UNENDED], indirect=True)
async def test_a_keyboard_that_lies_over_the_page_does_not_hide_the_box(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], **PHONE)
    await ask(page, "hi")
    await expect(page.get_by_text("Paragraph 39")).to_be_in_viewport()
    await page.evaluate(SAFARI, ABOVE_KEYBOARD)
    await above(page, ABOVE_KEYBOARD)
    await expect(page.get_by_text("Paragraph 39")).to_be_in_viewport()
    await page.evaluate(SAFARI, HEIGHT)
    await expect(page.locator("form")).to_be_in_viewport(ratio=1)
    box = await page.locator("form").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] > HEIGHT - 20
    await closed(page)


@pytest.mark.parametrize(
    ("locale", "opens", "presets", "settings"),
    [("en-GB", "Settings, files, presets", "Presets", "Settings"), ("zh-CN", "设置、文件、预设", "预设", "设置")],
)
async def test_settings_and_presets_are_one_touch_away(
    server: LiveServer,
    browser: Browser,
    upstream: ScriptedUpstream,
    locale: str,
    opens: str,
    presets: str,
    settings: str,
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], locale=locale, **PHONE)
    menu = page.get_by_role("button", name=opens)
    await menu.tap()
    assert await faults(page) == []
    await page.get_by_role("menuitem", name=presets).tap()
    await expect(page.get_by_role("dialog", name=presets)).to_be_in_viewport(ratio=1)
    await page.keyboard.press("Escape")
    await menu.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name=settings)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name=settings)).to_be_visible()
    await closed(page)


async def test_the_fields_of_a_dialog_stay_above_a_keyboard(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], **PHONE)
    await page.locator("main [aria-haspopup=listbox]").tap()
    await page.get_by_role("option", name="Add a model").tap()
    dialog = page.get_by_role("dialog")
    key = dialog.get_by_label("API key")
    await key.tap()
    await page.evaluate(SAFARI, ABOVE_KEYBOARD)
    await holds(key, ENDS_ABOVE, ABOVE_KEYBOARD)
    await holds(dialog, ENDS_ABOVE, ABOVE_KEYBOARD)
    await expect(dialog.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
    await closed(page)


async def test_a_list_that_opens_brings_no_keyboard_and_fits_above_one(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    for number in range(12):
        stored(server, upstream, f"listed {number}")
    page = await playground(browser, server.url, [stored(server, upstream, "a")], **PHONE)
    await page.locator("main [aria-haspopup=listbox]").tap()
    search = page.get_by_role("combobox", name="Search models")
    await expect(search).to_be_visible()
    await expect(search).not_to_be_focused()
    await search.tap()
    await page.set_viewport_size({"width": WIDTH, "height": ABOVE_KEYBOARD})
    await holds(page.get_by_role("listbox"), ENDS_ABOVE, ABOVE_KEYBOARD)
    await page.get_by_role("option", name="Add a model").tap()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Model name")).not_to_be_focused()
    tops = [await dialog.get_by_role("button", name=name, exact=True).bounding_box() for name in ("Cancel", "Add")]
    assert len({each["y"] for each in tops if each}) == 1  # beside each other
    await dialog.get_by_role("button", name="Add", exact=True).scroll_into_view_if_needed()
    await expect(dialog.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
    await closed(page)
