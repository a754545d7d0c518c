"""What is set up in the page: stored models, presets, whether conversations are kept, whether streams arrive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Page, expect

from headrace.testing import ScriptedUpstream, Send, chat_answer
from tests.live import LiveServer
from tests.web.playing import MODELS, ask, asks, button, closed, ended, playground, stored
from tests.web.test_playground import faults

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
WIDE = {"width": 1440, "height": 900}


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(getattr(request, "param", [Send(chat_answer("first answer"))])) as live:
        yield live


def names(server: LiveServer) -> list[str]:
    return [each["name"] for each in json.loads(server.get(MODELS).read())["models"]]


async def settings(page: Page, name: str = "Settings") -> None:
    await page.get_by_role("button", name=name, exact=True).click()
    await page.get_by_role("dialog").wait_for()


async def test_a_stored_model_is_renamed_and_its_key_changed(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "before")])
    await page.locator("main [aria-haspopup=listbox]").click()
    await page.get_by_role("option", name="Change or remove models").click()
    dialog = page.get_by_role("dialog")
    assert await faults(page) == []
    await dialog.get_by_role("button", name="Change before").click()
    await expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    await dialog.get_by_label("Address").fill("no address")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("endpoint")
    await dialog.get_by_label("Address").fill(f"{upstream.url}/v1")
    await dialog.get_by_label("Name", exact=True).fill("afterwards")
    await dialog.get_by_label("API key").fill("sk-another-0123456789")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("listitem").filter(has_text="afterwards")).to_be_visible()  # back in the list
    await page.keyboard.press("Escape")
    await asks(page, "afterwards")
    await ask(page, "hi")
    await ended(page)
    assert upstream.requests[-1].headers["authorization"] == "Bearer sk-another-0123456789"
    assert "before" not in names(server)
    await closed(page)


@pytest.mark.parametrize(
    ("locale", "set_up", "models", "remove", "delete", "cancel", "gone"),
    [
        ("en-GB", "Settings", "Models", "Remove", "Delete", "Cancel", "no longer here"),
        ("zh-CN", "设置", "模型", "移除", "删除", "取消", "已不存在的模型"),
    ],
)
async def test_a_model_is_removed_after_a_second_thought(
    server: LiveServer,
    browser: Browser,
    upstream: ScriptedUpstream,
    locale: str,
    set_up: str,
    models: str,
    remove: str,
    delete: str,
    cancel: str,
    gone: str,
) -> None:
    name = f"leaving {locale}"
    page = await playground(browser, server.url, [stored(server, upstream, name)], locale=locale)
    await ask(page, "hi")
    await ended(page)
    await settings(page, set_up)
    await page.get_by_role("dialog").get_by_role("button", name=models, exact=True).click()
    dialog = page.get_by_role("dialog", name=models, exact=True)
    await dialog.get_by_role("button", name=f"{remove} {name}").click()
    await dialog.get_by_role("button", name=cancel, exact=True).click()
    await expect(dialog.get_by_role("alert")).to_have_count(0)
    assert name in names(server)
    await dialog.get_by_role("button", name=f"{remove} {name}").click()
    assert await faults(page) == []
    await dialog.get_by_role("button", name=delete, exact=True).click()
    await expect(dialog.get_by_text(name)).to_have_count(0)
    assert name not in names(server)
    await page.keyboard.press("Escape")
    await expect(page.locator("main [aria-haspopup=listbox]")).to_contain_text(gone)
    await expect(page.get_by_text("first answer").first).to_be_visible()  # what it said stays
    await closed(page)


async def test_a_demonstration_model_can_be_had_again(server: LiveServer, browser: Browser) -> None:
    page = await playground(browser, server.url, ["local-plain"])
    await page.get_by_role("button", name="Add a model").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("select").select_option("local")
    await expect(dialog.get_by_label("API key")).to_have_count(0)
    await dialog.get_by_role("button", name="List its models").click()
    await expect(dialog.get_by_role("status")).to_contain_text("2 models")
    await dialog.get_by_label("Model name").fill("smollm2")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await asks(page, "smollm2")
    assert "smollm2" in names(server)
    await closed(page)


async def test_a_demonstration_model_is_renamed_and_hidden(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a real one"), "local-plain"])
    pane = page.locator("main section").first
    demo = page.get_by_role("option").filter(has_text="demo")

    async def listed() -> None:
        await pane.locator("[aria-haspopup=listbox]").click()
        await page.get_by_role("option", name="Change or remove models").wait_for()

    await listed()
    await expect(demo.nth(1)).to_be_visible()
    await page.get_by_role("option", name="Change or remove models").click()
    dialog = page.get_by_role("dialog")
    row = dialog.get_by_role("listitem").filter(has_text="smollm2-reasoning")
    await row.get_by_role("button", name="Change").click()
    await expect(dialog.get_by_label("Address")).to_have_count(0)  # it has a name and nothing else
    await dialog.get_by_label("Name", exact=True).fill("A small thinker")
    await dialog.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("A small thinker")
    await dialog.get_by_label("Hide demonstration models").check()
    assert await faults(page) == []
    await page.keyboard.press("Escape")
    await page.reload()
    await listed()
    await expect(demo).to_have_count(0)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Compare with another").click()
    await expect(page.locator("main section").nth(2).get_by_text("demo", exact=True)).to_have_count(0)
    await listed()
    await page.get_by_role("option", name="Change or remove models").click()
    await dialog.get_by_label("Hide demonstration models").uncheck()
    await page.keyboard.press("Escape")
    await listed()
    await expect(demo.nth(1)).to_be_visible()
    await closed(page)


async def test_a_deleted_preset_can_be_had_back(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await page.fill("#prompt", "Say {{what}}")
    await page.get_by_role("button", name="Presets").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Saying")
    await page.keyboard.press("Enter")
    row = dialog.get_by_role("listitem").filter(has_text="Saying")
    await row.get_by_role("button", name="Actions: Saying").click()
    await page.get_by_role("menuitem", name="Delete").click()
    await expect(row).to_have_count(0)
    assert await faults(page) == []
    await dialog.get_by_role("button", name="Undo").click()
    await expect(row).to_contain_text("Say {{what}}")
    await expect(dialog.get_by_role("button", name="Undo")).to_have_count(0)
    await closed(page)


async def test_conversations_are_kept_no_more_when_nobody_wants_them(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], viewport=WIDE)
    listed = page.locator("#conversations li")
    await ask(page, "one")
    await ended(page)
    await expect(listed).to_have_count(1)
    keeping = page.get_by_label("Keep conversations in this browser")
    await settings(page)
    await keeping.click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(keeping).to_be_checked()
    await expect(listed).to_have_count(1)
    await keeping.click()
    assert await faults(page) == []
    await page.get_by_role("button", name="Delete them and keep none").click()
    await expect(listed).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("first answer").first).to_be_visible()  # the tab still shows it
    await ask(page, "two")
    await expect(page.locator("article dl")).to_have_count(2)
    await page.reload()
    await expect(page.locator("article dl")).to_have_count(2)
    await expect(page.get_by_text("Conversations are not kept")).to_be_visible()
    assert await page.evaluate(STORED) == []
    await page.locator("#conversations button", has_text="New conversation").click()
    await page.get_by_role("button", name="Undo").click()  # nothing else could bring it back
    await settings(page)
    await keeping.click()
    await page.keyboard.press("Escape")
    await expect(listed).to_have_count(1)
    assert len(await page.evaluate(STORED)) == 1
    await closed(page)


STORED = """() => new Promise((done) => {
  indexedDB.open("headrace").onsuccess = ({ target: { result: idb } }) => {
    idb.transaction("talks").objectStore("talks").getAllKeys().onsuccess = ({ target: { result } }) => {
      idb.close();
      done(result);
    };
  };
})"""


@pytest.mark.parametrize(
    ("locale", "set_up", "named", "run", "good", "found"),
    [
        ("en-GB", "Settings", "Do streams arrive?", "Try it", "Streams arrive as they are sent.", "20 events arrived"),
        ("zh-CN", "设置", "流能否及时到达？", "试一试", "流一发出就到达。", "20 个事件逐个到达"),
    ],
)
async def test_whether_streams_arrive_is_found_out_here(
    server: LiveServer, browser: Browser, locale: str, set_up: str, named: str, run: str, good: str, found: str
) -> None:
    page = await playground(browser, server.url, ["local-plain"], locale=locale)
    await settings(page, set_up)
    await page.get_by_role("button", name=named).click()
    dialog = page.get_by_role("dialog", name=named)
    await dialog.get_by_role("button", name=run).click()
    await expect(dialog.get_by_role("status")).to_contain_text(good, timeout=30_000)
    await expect(dialog.get_by_role("listitem").first).to_contain_text(found)
    assert await faults(page) == []
    await page.route("**/api/doctor/", lambda route: route.abort())
    await dialog.get_by_role("button", name=run).click()
    await expect(dialog.get_by_role("status")).to_contain_text(re.compile("could not be reached|无法连接服务器"))
    await closed(page)


WRITTEN = "By \\(E = mc^2\\) and $x^2$ it costs $5 or $10:\n\n\\[\na + b\n\\]\n\nand `\\(as it is\\)`."


@pytest.mark.parametrize("upstream", [[Send(chat_answer(WRITTEN))]], indirect=True)
async def test_maths_is_set_however_a_model_writes_it(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await ask(page, "hi")
    await ended(page)
    answer = page.locator("article [aria-busy]")
    await expect(answer.locator(".katex")).to_have_count(3)
    await expect(answer.locator(".katex-display")).to_have_count(1)
    await expect(answer).to_contain_text("it costs $5 or $10:")
    await expect(answer.locator("code")).to_have_text("\\(as it is\\)")
    await closed(page)


async def test_nothing_tells_a_hidden_name_and_a_vote_is_for_one_answer(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    model = stored(server, upstream, "secret")
    page = await playground(browser, server.url, [model, model], viewport=WIDE)
    await ask(page, "one")
    await expect(page.locator("article dl")).to_have_count(2)
    pressed = page.locator("article button[aria-pressed=true]")
    await button(page, "Better", 1)
    await button(page, "Continue with this", 1)
    await expect(page.get_by_text("Taken over from secret")).to_be_visible()
    await expect(pressed).to_have_count(1)
    await ask(page, "one")  # the same again is another question
    await expect(page.locator("article dl")).to_have_count(4)
    await expect(page.locator("article [aria-busy=true]")).to_have_count(0)
    await settings(page)
    await page.get_by_label("Blind").check()
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("secret")).to_have_count(0)
    await expect(page.get_by_role("button", name="Code", exact=True)).to_have_count(0)
    await button(page, "Better", 2)
    await expect(page.get_by_text("Taken over from secret")).to_be_visible()
    await expect(pressed).to_have_count(2)
    await closed(page)
