"""How a question is written and with what: keys, input methods, presets and links, the picker, the settings."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from headrace.testing import ScriptedUpstream, Send, chat_answer
from tests.live import LiveServer
from tests.web.node import BUILT
from tests.web.pictures import leave
from tests.web.playing import ask, asks, button, closed, ended, playground, stored, talks
from tests.web.test_playground import HALF, faults

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
FIRST_LOAD = 300_000
"""Bytes, gzip: what has to arrive before the page can be used."""
CHROME = [
    ("keydown", {"key": "Process", "keyCode": 229, "isComposing": False}),
    ("compositionstart", {}),
    ("compositionupdate", {"data": "ni"}),
    ("keydown", {"key": "Enter", "keyCode": 229, "isComposing": True}),
    ("compositionend", {"data": "你"}),
    ("keyup", {"key": "Enter", "keyCode": 13, "isComposing": False}),
]
SAFARI = [
    ("compositionstart", {}),
    ("keydown", {"key": "n", "keyCode": 229, "isComposing": False}),
    ("compositionupdate", {"data": "ni"}),
    ("compositionend", {"data": "你"}),
    ("keydown", {"key": "Enter", "keyCode": 229, "isComposing": False}),
    ("keyup", {"key": "Enter", "keyCode": 13, "isComposing": False}),
]
DISPATCH = """(field, events) => {
  for (const [type, data] of events) {
    const Kind = type.startsWith("composition") ? CompositionEvent : KeyboardEvent;
    field.dispatchEvent(new Kind(type, { bubbles: true, cancelable: true, ...data }));
  }
}"""


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(getattr(request, "param", [Send(chat_answer("first answer"))])) as live:
        yield live


@pytest.mark.parametrize("order", [CHROME, SAFARI], ids=["Chrome", "Safari"])
@pytest.mark.parametrize("turned", [False, True], ids=["Enter sends", "Enter breaks"])
async def test_the_enter_of_an_input_method_sends_nothing_anywhere(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, order: Any, turned: bool
) -> None:
    """The orders that the browsers send, with their codes: in the box, an edited question, a name, a search."""
    page = await playground(
        browser, server.url, [stored(server, upstream, "a")], viewport={"width": 1440, "height": 800}
    )
    if turned:
        await turn_enter(page)
    await page.fill("#prompt", "你好")
    await page.locator("#prompt").evaluate(DISPATCH, order)
    await expect(page.locator("#prompt")).to_have_value("你好")
    await page.press("#prompt", "Control+Enter")
    await ended(page)
    await page.get_by_role("button", name="Edit the question").click()
    edited = page.get_by_role("textbox", name="Edit the question")
    await edited.evaluate(DISPATCH, order)
    await expect(edited).to_be_visible()
    await page.keyboard.press("Escape")
    await page.locator("#conversations li [aria-haspopup=menu]").click()
    await page.get_by_role("menuitem", name="Rename").click()
    await page.get_by_role("textbox", name="Rename").evaluate(DISPATCH, order)
    await expect(page.get_by_role("textbox", name="Rename")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.locator("main [aria-haspopup=listbox]").click()
    await page.get_by_role("combobox", name="Search models").evaluate(DISPATCH, order)
    await expect(page.get_by_role("combobox", name="Search models")).to_be_visible()
    await page.keyboard.press("Escape")
    assert talks(upstream) == [["你好"]]
    await closed(page)


async def turn_enter(page: Page) -> None:
    await page.get_by_role("button", name="Settings", exact=True).click()
    await page.get_by_label("Enter sends").uncheck()
    await page.keyboard.press("Escape")


async def test_a_composition_of_the_browsers_own_is_left_alone(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    session = await page.context.new_cdp_session(page)
    watched = ["compositionstart", "keydown", "compositionend"]
    await page.evaluate("window.seen = []")
    for kind in watched:
        await page.evaluate("(kind) => addEventListener(kind, () => seen.push(kind), true)", kind)
    await page.focus("#prompt")
    for text in ("n", "ni", "你"):
        await session.send("Input.imeSetComposition", {"text": text, "selectionStart": 1, "selectionEnd": 1})
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    await session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
    await session.send("Input.insertText", {"text": "你"})
    assert set(watched) == set(await page.evaluate("seen"))
    await expect(page.locator("#prompt")).to_have_value("你")
    assert upstream.requests == []
    await page.press("#prompt", "Enter")
    await ended(page)
    await closed(page)


async def test_enter_and_shift_enter_change_places(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await page.fill("#prompt", "one")
    await page.press("#prompt", "Shift+Enter")
    await expect(page.locator("#prompt")).to_have_value("one\n")
    await turn_enter(page)
    await page.reload()
    await page.press("#prompt", "Enter")
    await expect(page.locator("#prompt")).to_have_value("one\n\n")
    assert upstream.requests == []
    await page.press("#prompt", "Shift+Enter")
    await ended(page)
    await closed(page)


@pytest.mark.parametrize("upstream", [HALF], indirect=True)
async def test_escape_closes_what_is_open_and_only_then_stops(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await ask(page, "one")
    await page.get_by_text("Half an answer").wait_for()
    await page.locator("main [aria-haspopup=listbox]").click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox")).to_have_count(0)
    await page.press("#prompt", "/")
    await expect(page.get_by_role("listbox", name="Presets")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox")).to_have_count(0)
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Esc stops")
    await page.keyboard.press("Escape")
    assert await page.get_by_text("stopped").count() == 0
    await page.locator("#prompt").press("Escape")
    await expect(page.get_by_text("stopped")).to_be_visible()
    assert upstream.wait_disconnect()
    await closed(page)


async def test_up_and_down_go_through_what_was_asked(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    for number, text in enumerate(("one", "two"), 1):
        await ask(page, text)
        await expect(page.locator("article dl")).to_have_count(number)
    for key, shown in (
        ("ArrowUp", "two"),
        ("ArrowUp", "one"),
        ("ArrowUp", "one"),
        ("ArrowDown", "two"),
        ("ArrowDown", ""),
    ):
        await page.press("#prompt", key)
        await expect(page.locator("#prompt")).to_have_value(shown)
    await page.fill("#prompt", "something new")
    await page.press("#prompt", "ArrowUp")
    await expect(page.locator("#prompt")).to_have_value("something new")
    await closed(page)


async def test_a_preset_has_models_settings_and_a_pane_of_its_own(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    one, two = stored(server, upstream, "preset one"), stored(server, upstream, "preset two")
    page = await playground(browser, server.url, [one, two])
    await button(page, "Settings of this model", 2)
    await page.get_by_label("The same as for all models").uncheck()
    await page.get_by_label("Top K").fill("7")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Presets").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("Both")
    await page.keyboard.press("Enter")
    async with page.expect_download() as started:
        await page.get_by_role("dialog").get_by_role("button", name="Export").click()
    text = (await (await started.value).path()).read_text("utf-8")
    await leave(page)

    other = await playground(browser, server.url, [one])
    await other.get_by_role("button", name="Presets").click()
    files = other.get_by_role("dialog").get_by_label("Import")
    await files.set_input_files({"name": "x.json", "mimeType": "application/json", "buffer": b"{}"})
    await expect(other.get_by_role("dialog").get_by_role("alert")).to_contain_text("no presets")
    known_elsewhere = re.sub(r'"configId": "[^"]+"', '"configId": "elsewhere"', text)
    await files.set_input_files({"name": "y.json", "mimeType": "application/json", "buffer": known_elsewhere.encode()})
    await other.keyboard.press("Escape")
    await other.press("#prompt", "/")
    await other.press("#prompt", "b")
    await other.press("#prompt", "Enter")
    await asks(other, "preset one", "preset two")
    await expect(other.get_by_role("listitem").filter(has_text="Top K: 7")).to_be_visible()
    await closed(other)


@pytest.mark.parametrize(
    ("locale", "said", "gone"),
    [("en-GB", "A link has filled", "Not on this server: gone"), ("zh-CN", "一个链接填写了", "本服务器上没有：gone")],
)
async def test_a_link_fills_the_page_and_never_sends(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, locale: str, said: str, gone: str
) -> None:
    name = f"by link, {locale}"
    stored(server, upstream, name)
    fields = f"prompt={quote('Say {{what}}')}&system=Brief&temperature=0.2&topP=7&model={quote(name)}&model=gone"
    page = await playground(browser, f"{server.url}/#{fields}", [], locale=locale)
    await expect(page.get_by_role("status")).to_contain_text([said])
    await expect(page.get_by_role("status")).to_contain_text([gone])
    await expect(page.locator("#prompt")).to_have_value("Say {{what}}")
    await asks(page, name)
    assert page.url == f"{server.url}/"
    assert await faults(page) == []
    assert upstream.requests == []
    await page.get_by_label("what").fill("hello")
    await page.press("#prompt", "Enter")
    await ended(page)
    body = json.loads(upstream.requests[0].body)
    assert [each["content"] for each in body["messages"]] == ["Brief", "Say hello"]
    assert body["temperature"] == 0.2
    assert "top_p" not in body
    choices = "JSON.parse(localStorage['headrace.choices']).parameters.system"
    assert await page.evaluate(choices) == ""  # what a link brings is this conversation's alone
    await page.evaluate("location.hash = '#prompt=again'")  # what was asked stays in its conversation
    await expect(page.locator("#prompt")).to_have_value("again")
    await expect(page.locator("article")).to_have_count(0)
    assert len(upstream.requests) == 1
    await closed(page)


async def test_one_of_300_models_is_found_by_typing(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    models = [
        {"configId": f"c{at}", "name": f"Model {at}", "providerId": ("openai", "mistral", "groq")[at % 3]}
        | {"modelId": f"id-{at}", "endpoint": "", "hasKey": True}
        for at in range(300)
    ]
    await page.route("**/projects/default/models/", lambda route: route.fulfill(json={"models": models}))
    await page.reload()
    await asks(page, "Model 0", "Model 1")
    chosen = page.locator("main [aria-haspopup=listbox]").first
    await chosen.click()
    await page.keyboard.type("299")
    await page.keyboard.press("Enter")
    await asks(page, "Model 299", "Model 1")
    await expect(chosen).to_be_focused()
    await page.keyboard.press("Enter")
    search = page.get_by_role("combobox", name="Search models")
    await expect(search).to_be_focused()
    await expect(page.get_by_role("option")).to_have_count(302)  # and to add one, to change some
    await expect(page.get_by_role("group", name="Mistral").get_by_role("option")).to_have_count(100)
    await expect(page.get_by_role("option", selected=True)).to_be_in_viewport()  # the one that is asked
    await expect(page.get_by_role("option", selected=True)).to_contain_text("Model 299")
    assert await faults(page) == []
    assert await slowest(page, "mistral 28") < 100
    await expect(page.get_by_role("option")).to_have_count(6)  # 28, 280, 283, 286, 289; and to add one
    assert await faults(page) == []
    await page.keyboard.press("ArrowDown")
    wanted = await page.get_by_role("option", selected=True).inner_text()
    assert await search.get_attribute("aria-activedescendant") == await page.get_by_role(
        "option", selected=True
    ).get_attribute("id")
    await page.keyboard.press("Enter")
    await expect(chosen).to_be_focused()
    await expect(chosen).to_have_text(wanted.split("\n")[0])
    await chosen.click()
    await search.fill("no such model")
    await expect(page.get_by_text("No model called")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Add a model")).to_be_visible()
    await closed(page)


async def slowest(page: Page, text: str) -> float:
    """The most of this page's own processor time, in milliseconds, from a letter to the list that it leaves."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def spent() -> float:
        found = await session.send("Performance.getMetrics")
        return float({each["name"]: each["value"] for each in found["metrics"]}["TaskDuration"]) * 1000

    took = 0.0
    for letter in text:
        before = await spent()
        await page.keyboard.press(letter)
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        took = max(took, await spent() - before)
    assert took > 0
    return took


@pytest.mark.parametrize(
    ("locale", "name", "said"), [("en-GB", "Temperature", "from 0 to 2"), ("zh-CN", "温度", "0 到 2")]
)
async def test_settings_start_at_the_models_default_and_say_what_may_be_sent(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, locale: str, name: str, said: str
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], locale=locale)
    await page.locator("form button").first.click()
    dialog = page.get_by_role("dialog")
    fields = dialog.locator("fieldset input")
    await expect(fields).to_have_count(5)
    assert await fields.evaluate_all("(each) => each.every(({ value, placeholder }) => !value && placeholder)")
    await dialog.get_by_label(name).fill("0.5")
    await dialog.get_by_label(name).fill("7")
    await expect(dialog.get_by_role("alert")).to_contain_text(said)
    assert await faults(page) == []
    await dialog.get_by_label("Top K").fill("40")
    await dialog.locator("textarea").last.fill("END\n\\n\\n")
    await page.keyboard.press("Escape")
    await ask(page, "one")
    await ended(page)
    body = json.loads(upstream.requests[0].body)
    assert (body["temperature"], body["stop"]) == (0.5, ["END", "\n\n"])
    assert not {"top_p", "seed", "max_tokens", "max_completion_tokens", "reasoning_effort"} & body.keys()
    await page.locator("form button").first.click()
    await dialog.locator("fieldset button").click()  # all to the default again
    await page.keyboard.press("Escape")
    await ask(page, "two")
    await expect(page.locator("article dl")).to_have_count(2)
    assert not {"temperature", "stop", "top_k"} & json.loads(upstream.requests[1].body).keys()
    await closed(page)


async def test_the_first_load_is_small() -> None:
    page = BUILT.read_text("utf-8")
    names = re.findall(r'(?:src|href)="/static/headrace/app/([^"]+)"', page)
    assert {name.rpartition(".")[2] for name in names} == {"js", "css"}
    assert sum(len(gzip.compress((BUILT.parent / name).read_bytes())) for name in names) < FIRST_LOAD
