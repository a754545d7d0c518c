"""Conversations that the page keeps: listed, searched, deleted and had back; as files; in two tabs; running on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, Request, Route, expect

from headrace.testing import ScriptedUpstream, Send, chat_answer
from tests.client.history import long_answer
from tests.corpus import CASES, needs_corpus, rows
from tests.live import LiveServer
from tests.web.pictures import leave
from tests.web.playing import ask, closed, ended, playground, stored, talks
from tests.web.test_playground import HALF, faults

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
WIDE = {"width": 1440, "height": 900}


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(getattr(request, "param", [Send(chat_answer("first answer"))])) as live:
        yield live


def listed(page: Page) -> Locator:
    return page.locator("#conversations li")


async def act(page: Page, title: str, name: str) -> None:
    """Something from the menu of the conversation of this title."""
    row = listed(page).filter(has_text=title).first
    await row.hover()
    await row.locator("[aria-haspopup=menu]").click()
    await page.get_by_role("menuitem", name=name, exact=True).click()


async def talked(page: Page, *questions: str) -> None:
    """A conversation of each question."""
    for number, text in enumerate(questions, 1):
        if number > 1:
            await page.locator("#conversations button", has_text=re.compile("New conversation|新对话")).click()
        await ask(page, text)
        await ended(page)
        await expect(listed(page)).to_have_count(number)


@pytest.mark.parametrize(
    ("locale", "new", "today", "found"),
    [
        ("en-GB", "New conversation", "Today", "Search conversations"),
        ("zh-CN", "新对话", "今天", "搜索对话"),
    ],
)
async def test_conversations_are_listed_opened_and_searched(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, locale: str, new: str, today: str, found: str
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], viewport=WIDE, locale=locale)
    await talked(page, "about rivers", "about lakes")
    assert await faults(page) == []
    await expect(page.get_by_role("region", name=today).get_by_role("listitem")).to_have_count(2)
    await listed(page).get_by_role("button", name="about rivers").first.click()
    await expect(page.locator("article")).to_have_count(1)
    await ask(page, "and deltas?")
    await expect(page.locator("article dl")).to_have_count(2)
    assert talks(upstream)[-1] == ["about rivers", "first answer", "and deltas?"]
    await page.get_by_role("searchbox", name=found).fill("DELTAS first")
    await expect(listed(page)).to_have_count(1)
    await page.get_by_role("searchbox", name=found).fill("no such thing")
    await expect(listed(page)).to_have_count(0)
    await page.get_by_role("searchbox", name=found).fill("")
    await page.get_by_role("button", name=new, exact=True).click()
    await expect(page.locator("article")).to_have_count(0)
    await closed(page)


async def test_they_are_named_pinned_duplicated_and_deleted_with_undo(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], viewport=WIDE)
    await talked(page, "one", "two")
    await act(page, "one", "Rename")
    await page.get_by_role("textbox", name="Rename").fill("The first")
    await page.keyboard.press("Enter")
    await act(page, "The first", "Pin")
    await expect(page.get_by_role("region", name="Pinned")).to_contain_text("The first")
    await act(page, "The first", "Duplicate")
    await expect(listed(page)).to_have_count(3)
    await expect(listed(page).filter(has_text="The first (copy)").locator("[aria-current=page]")).to_be_visible()
    await act(page, "two", "Delete")
    await expect(listed(page)).to_have_count(2)
    await page.get_by_role("button", name="Undo").click()
    await expect(listed(page)).to_have_count(3)
    await act(page, "The first (copy)", "Delete")  # the one that is shown
    await expect(page.locator("article")).to_have_count(0)
    await expect(listed(page)).to_have_count(2)  # it has left the database too, and not the page alone
    await page.reload()
    await expect(listed(page).filter(has_text=re.compile("The first|two"))).to_have_count(2)
    await closed(page)


async def test_they_outlive_the_tab_and_the_menu_goes_by_keys(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], viewport=WIDE)
    await talked(page, "one")
    other = await page.context.new_page()
    await page.close()
    await other.goto(server.url)
    await expect(other.locator("article")).to_have_count(0)
    menu = listed(other).locator("[aria-haspopup=menu]")
    await menu.focus()
    await other.keyboard.press("Enter")
    await expect(other.get_by_role("menuitem", name="Pin")).to_be_focused()
    assert await faults(other) == []
    await other.keyboard.press("End")
    await expect(other.get_by_role("menuitem", name="Delete")).to_be_focused()
    await other.keyboard.press("Escape")
    await expect(menu).to_be_focused()
    await listed(other).get_by_role("button", name="one").first.focus()
    await other.keyboard.press("Enter")
    await expect(other.get_by_text("first answer").first).to_be_visible()
    await closed(other)


@pytest.mark.parametrize("upstream", [long_answer(60, pause=0.03)], indirect=True)
async def test_what_is_left_in_mid_answer_runs_on(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "long")], viewport=WIDE)
    await ask(page, "count")
    await page.get_by_text("piece 5").first.wait_for()
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.locator("article")).to_have_count(0)
    await expect(listed(page).get_by_text("still answering")).to_be_attached()
    await page.reload()  # it is joined again, though it is not shown
    await expect(listed(page).get_by_text("still answering")).to_be_attached()
    await expect(listed(page).get_by_text("still answering")).to_have_count(0)
    await listed(page).get_by_role("button", name="count").first.click()
    await ended(page)
    text = await page.locator("article [aria-busy]").inner_text()
    assert [int(number) for number in re.findall(r"piece (\d+)", text)] == list(range(60))
    assert len(upstream.requests) == 1
    await closed(page)


@pytest.mark.parametrize("upstream", [HALF], indirect=True)
async def test_more_streams_than_a_browser_has_connections_hold_up_nothing(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")] * 4, viewport=WIDE)
    answers = page.get_by_text("Half an answer")
    await ask(page, "one")
    await expect(answers).to_have_count(4)
    await page.get_by_role("button", name="New conversation").click()
    await ask(page, "two")
    await expect(answers).to_have_count(4)
    assert await page.evaluate("fetch('/api/projects/').then(({ status }) => status)") == 200
    await page.locator("#prompt").press("Escape")
    await expect(page.get_by_text("stopped")).to_have_count(4)
    await listed(page).get_by_role("button", name="one").first.click()
    await expect(answers).to_have_count(4)
    await page.locator("#prompt").press("Escape")
    await expect(page.get_by_text("stopped")).to_have_count(4)
    assert len(upstream.requests) == 8
    await closed(page)


async def test_two_tabs_lose_nothing(server: LiveServer, browser: Browser, upstream: ScriptedUpstream) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], viewport=WIDE)
    await talked(page, "one")
    other = await page.context.new_page()
    await other.goto(server.url)
    await listed(other).get_by_role("button", name="one").first.click()
    await ask(other, "two")
    await expect(other.locator("article dl")).to_have_count(2)
    await expect(page.locator("article dl")).to_have_count(2)  # this tab follows
    await other.evaluate(
        "new BroadcastChannel('headrace.records:').close(); BroadcastChannel.prototype.postMessage = () => {}"
    )
    await ask(other, "three, there")
    await expect(other.locator("article dl")).to_have_count(3)
    await ask(page, "three, here")
    await expect(page.locator("article dl")).to_have_count(3)
    while await rows_kept(page) != 2:  # whichever tab was the later one keeps its own beside the other's
        await page.evaluate("new Promise((done) => requestAnimationFrame(done))")
    await page.reload()
    await expect(listed(page)).to_have_count(2)
    kept = [await texts(page, at) for at in range(2)]
    assert sorted(kept) == [["one", "two", "three, here"], ["one", "two", "three, there"]]
    await closed(page)


async def rows_kept(page: Page) -> int:
    """How many conversations the browser has."""
    count = """() => new Promise((done) => {
      const opening = indexedDB.open("headrace");
      opening.onsuccess = () => {
        const counting = opening.result.transaction("talks").objectStore("talks").count();
        counting.onsuccess = () => { opening.result.close(); done(counting.result); };
      };
    })"""
    return int(await page.evaluate(count))


async def texts(page: Page, at: int) -> list[str]:
    """The questions of the conversation at this place of the list."""
    await listed(page).nth(at).get_by_role("button").first.click()
    await expect(listed(page).nth(at).locator("[aria-current=page]")).to_be_visible()
    return await page.locator("article .bg-tint.whitespace-pre-wrap").all_inner_texts()


async def saved(page: Page, title: str, kind: str) -> str:
    async with page.expect_download() as started:
        await act(page, title, f"Export as {kind}")
    return (await (await started.value).path()).read_text("utf-8")


async def test_files_go_out_and_come_back(server: LiveServer, browser: Browser, upstream: ScriptedUpstream) -> None:
    model = stored(server, upstream, "a")
    page = await playground(browser, server.url, [model, model], viewport=WIDE)
    await talked(page, "one")
    await page.get_by_role("button", name="Better").first.click()
    assert (await saved(page, "one", "Markdown")).count("first answer") == 2
    text = await saved(page, "one", "JSON")
    (kept,) = json.loads(text)["conversations"]
    assert [turn["better"] for pane in kept["panes"] for turn in pane["turns"]] == [True, False]
    await act(page, "one", "Delete")
    picker = page.get_by_label("Import from JSON")
    for name, broken, said in (
        ("a.json", "{", "no JSON"),
        ("b.json", "[]", "no conversations of this page"),
        ("c.json", text.replace('"version": 1', '"version": 7'), "version 7"),
        ("d.json", text.replace('"prompt": "one"', '"prompt": 1'), "conversations.0.panes.0.turns.0.prompt"),
    ):
        await picker.set_input_files({"name": name, "mimeType": "application/json", "buffer": broken.encode()})
        await expect(page.locator("#conversations [role=alert]")).to_contain_text(said)
    await expect(listed(page)).to_have_count(0)
    await picker.set_input_files({"name": "e.json", "mimeType": "application/json", "buffer": text.encode()})
    await expect(listed(page)).to_have_count(1)
    await listed(page).get_by_role("button", name="one").first.click()
    await expect(page.locator("article button[aria-pressed=true]")).to_have_count(1)
    await ask(page, "two")
    await ended(page, 1)
    assert talks(upstream)[-1] == ["one", "first answer", "two"]
    await closed(page)


@needs_corpus
async def test_a_page_of_hostile_answers_runs_nothing_and_loads_nothing(
    server: LiveServer, browser: Browser, tmp_path: Path
) -> None:
    found = [case["markdown"] for case in rows(CASES / "render_attacks.jsonl")]
    with ScriptedUpstream(*[[Send(chat_answer(text))] for text in found]) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "attacker")], viewport=WIDE)
        for number in range(1, len(found) + 1):
            await ask(page, f"attack {number}")
            await page.wait_for_selector(f"article:nth-of-type({number}) dl")
        path = tmp_path / "talk.html"
        path.write_text(await saved(page, "attack 1", "HTML"), "utf-8")
        opened = await page.context.new_page()
        left: list[str] = []

        def watch(request: Request) -> None:
            left.append(request.url)

        opened.on("request", watch)
        await opened.goto(path.as_uri())
        assert [url for url in left if url != path.as_uri()] == []
        assert await opened.evaluate("window.__x") is None
        bad = "script, iframe, object, embed, form, base, link, video, audio, svg, [src]:not([src^='data:image/'])"
        assert await opened.locator(bad).count() == 0
        handlers = (
            "[...document.querySelectorAll('*')].flatMap(({attributes}) => [...attributes]).map(({name}) => name)"
        )
        assert [name for name in await opened.evaluate(handlers) if name.startswith("on")] == []
        assert await opened.locator("article").count() == len(found)
        await leave(page)


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (820, "dark")])
async def test_a_narrow_page_has_them_in_a_drawer(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, width: int, theme: str
) -> None:
    size = {"width": width, "height": 800}
    model = stored(server, upstream, "a")
    page = await playground(browser, server.url, [model], viewport=size, color_scheme=theme)
    await ask(page, "one")
    await ended(page)
    await page.get_by_role("button", name="New conversation").click()
    await page.get_by_role("button", name="Show conversations").click()
    drawer = page.get_by_role("dialog", name="Conversations")
    await expect(drawer.get_by_role("listitem")).to_have_count(1)
    assert await faults(page) == []
    await drawer.get_by_role("button", name="one").first.click()
    await expect(drawer).to_have_count(0)
    await expect(page.locator("article")).to_have_count(1)
    await page.get_by_role("button", name="Show conversations").click()
    await page.keyboard.press("Escape")
    await expect(drawer).to_have_count(0)
    await closed(page)


async def test_where_nothing_can_be_kept_it_says_so_and_works(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], viewport=WIDE)
    await page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }")
    await page.reload()
    await expect(page.locator("#conversations [role=alert]")).to_contain_text("keeps nothing")
    await ask(page, "one")
    await ended(page)
    await page.get_by_role("button", name="New conversation").click()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("first answer").first).to_be_visible()
    await closed(page)
    narrow = await playground(
        browser, server.url, [stored(server, upstream, "a")], viewport={"width": 390, "height": 800}
    )
    await narrow.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }")
    await narrow.reload()
    await expect(narrow.get_by_role("alert")).to_contain_text("keeps nothing")
    await closed(narrow)


async def test_who_signs_in_after_somebody_sees_nothing_of_theirs(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], viewport=WIDE)
    names = iter(["anna", "anna", "berta", "anna"])

    async def me(route: Route) -> None:
        await route.fulfill(json={"name": next(names), "operator": False, "projects": {}})

    await page.route("**/api/me/", me)
    empty = page.get_by_text("What you ask is kept here")
    await expect(empty).to_be_visible()  # the page knows who is there
    await page.evaluate("sessionStorage.clear()")
    for seen, count in (("anna", 0), ("anna", 1), ("berta", 0), ("anna", 1)):
        await page.reload()
        await expect(listed(page) if count else empty).to_have_count(1)
        if (seen, count) == ("anna", 0):
            await talked(page, "one")
        elif seen == "berta":
            await expect(page.locator("article")).to_have_count(0)
            while "first answer" in await page.evaluate("sessionStorage['headrace.talk']"):
                await page.evaluate("new Promise((done) => requestAnimationFrame(done))")
    await closed(page)
