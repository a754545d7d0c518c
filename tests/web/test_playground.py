"""The playground in Chromium on the live server: asked, compared, stopped, reloaded in mid-answer, attacked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Request, expect

from headrace.testing import Close, Hold, ScriptedUpstream, Send, Sleep, chat_answer, chunk, response, sse, stream_head
from tests.client.cutting import Cut, CuttingProxy, after_bytes
from tests.client.history import long_answer
from tests.corpus import CASES, needs_corpus, rows
from tests.live import LiveServer
from tests.web.node import BUILD, WEB, missing
from tests.web.pictures import leave
from tests.web.playing import ask, asks, button, closed, ended, playground, stored

pytestmark = [
    pytest.mark.usefixtures("built"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]  # a browser on a busy machine
HALF: list[Any] = [
    Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Half an answer"}}]}))),
    Hold(),
]
THINKING: list[Any] = [
    Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"reasoning_content": "Let me see"}}]}))),
    Hold(),
]
PLAIN = [Send(chat_answer("<think>plan</think>", "Hello **there**"))]


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(getattr(request, "param", PLAIN)) as live:
        yield live


async def test_two_models_answer_side_by_side(server: LiveServer, browser: Browser, upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream(HALF) as other:
        page = await playground(browser, server.url, [stored(server, upstream, "a"), stored(server, other, "b")])
        await ask(page, "hi")
        await ended(page, 1)
        first_pane, second = await page.locator("main section").all()
        await expect(first_pane.locator("strong, [data-streamdown=strong]")).to_have_text("there")
        await expect(first_pane.get_by_role("button", name="Thought for")).to_have_attribute("aria-expanded", "false")
        for figure in ("first token", "total", "in", "out", "complete"):
            await expect(first_pane.locator("dl")).to_contain_text(figure)
        await expect(second).to_contain_text("Half an answer")
        await second.get_by_role("button", name="Stop").click()
        await expect(second.locator("dl")).to_contain_text("stopped")
        assert other.wait_disconnect()
        await closed(page)


@pytest.mark.parametrize("upstream", [THINKING], indirect=True)
async def test_thinking_is_open_while_it_thinks_and_escape_stops_all(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    model = stored(server, upstream, "thinker")
    page = await playground(browser, server.url, [model, model])
    await ask(page, "hi")
    for panel in (page.get_by_role("button", name="Thinking").nth(at) for at in range(2)):
        await expect(panel).to_have_attribute("aria-expanded", "true")
    await expect(page.get_by_text("Let me see")).to_have_count(2)
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("stopped")).to_have_count(2)
    assert upstream.wait_disconnect()
    await closed(page)


@pytest.mark.parametrize("upstream", [long_answer(60, 20, pause=0.03)], indirect=True)
async def test_a_reload_in_mid_answer_loses_nothing(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "long")])
    await ask(page, "hi")
    await page.fill("#prompt", "a draft")
    for seen in ("thought 3", "piece 5"):
        await page.get_by_text(seen).first.wait_for()
        await page.reload()
    await expect(page.locator("#prompt")).to_have_value("a draft")
    await ended(page)
    text = await page.locator("article [aria-busy]").inner_text()
    assert [int(number) for number in re.findall(r"piece (\d+)", text)] == list(range(60))
    await page.get_by_role("button", name="Thought for").click()
    thoughts = await page.locator("article").inner_text()
    assert [int(number) for number in re.findall(r"thought (\d+)", thoughts)] == list(range(20))
    assert len(upstream.requests) == 1
    await closed(page)


CUTS = 4
"""A browser may drop what had come when it hears of the break, so that some joins bring nothing, and pauses grow."""


@pytest.mark.parametrize("upstream", [long_answer(60, pause=0.03)], indirect=True)
async def test_broken_lines_lose_nothing(data_dir: Path, browser: Browser, upstream: ScriptedUpstream) -> None:
    armed = False

    def plan() -> Cut:
        fate = after_bytes(1500)  # a head, and some ten events: a browser's idle connections are cut on their next use
        return lambda data: fate(data) if armed and proxy.cuts < CUTS else None

    with (
        LiveServer.uvicorn(data_dir, HEADRACE_COMPRESSION="no") as server,
        CuttingProxy(server.port, plan) as proxy,
    ):
        page = await playground(browser, proxy.url, [stored(server, upstream, "cut")])
        await ask(page, "hi")
        await page.get_by_text("piece 2").first.wait_for()
        armed = True
        await ended(page)
        text = await page.locator("article [aria-busy]").inner_text()
        assert [int(number) for number in re.findall(r"piece (\d+)", text)] == list(range(60))
        assert proxy.cuts >= 1
        await closed(page)


async def test_retry_and_the_history_of_each_pane(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    for number, text in enumerate(("one", "two"), 1):
        await ask(page, text)
        await expect(page.locator("article dl")).to_have_count(number)
    await page.get_by_role("button", name="Ask again").click()
    await expect(page.locator("article dl")).to_have_count(2)
    asked = [[each["content"] for each in json.loads(request.body)["messages"]] for request in upstream.requests]
    assert asked == [["one"], ["one", "Hello **there**", "two"], ["one", "Hello **there**", "two"]]
    body = json.loads(upstream.requests[0].body)
    assert not {"temperature", "max_tokens", "max_completion_tokens"} & body.keys()  # the model's own defaults
    await page.press("#prompt", "ArrowUp")
    await expect(page.locator("#prompt")).to_have_value("two")
    await closed(page)


async def test_enter_while_composing_sends_nothing(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await page.focus("#prompt")
    session = await page.context.new_cdp_session(page)
    await session.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
    enter = {"type": "rawKeyDown", "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    await session.send("Input.dispatchKeyEvent", enter)
    await session.send("Input.insertText", {"text": "你"})
    safari = "new KeyboardEvent('keydown', {key: 'Enter', keyCode: 229, bubbles: true, cancelable: true})"
    await page.evaluate(f"document.getElementById('prompt').dispatchEvent({safari})")
    await expect(page.locator("#prompt")).to_have_value("你")
    assert upstream.requests == []
    await page.press("#prompt", "Shift+Enter")
    await page.press("#prompt", "Enter")
    assert await upstream.requested(1)
    await closed(page)


@pytest.mark.parametrize("upstream", [[Send(chat_answer("- [x] done\n- [ ] not yet"))]], indirect=True)
async def test_the_ending_is_in_the_readers_language_and_a_box_to_tick_has_no_dot(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], locale="zh-CN")
    await ask(page, "hi")
    await ended(page)
    await expect(page.locator("article dl")).to_contain_text("完整")
    await expect(page.locator("article dl")).not_to_contain_text("stop")
    ticked = page.locator("article li", has=page.get_by_role("checkbox"))
    await expect(ticked).to_have_count(2)
    await expect(ticked.first).to_have_css("list-style-type", "none")
    await closed(page)


REFUSED = response(b'{"error": {"message": "no such key"}}', status="401 Unauthorized", content_type="application/json")


@pytest.mark.parametrize("upstream", [[Send(REFUSED), Close()]], indirect=True)
@pytest.mark.parametrize(("locale", "title"), [("en-GB", "refuses the key"), ("zh-CN", "服务商拒绝了密钥")])
async def test_an_error_is_said_in_peoples_words(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, locale: str, title: str
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], locale=locale)
    await ask(page, "hi")
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text(title)
    await expect(alert).to_contain_text("no such key")
    await closed(page)


LISTED = response(b'{"data": [{"id": "x"}, {"id": "y"}]}', content_type="application/json")


@pytest.mark.parametrize("upstream", [[Send(LISTED)]], indirect=True)
async def test_a_model_is_added_in_the_page(server: LiveServer, browser: Browser, upstream: ScriptedUpstream) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await page.get_by_role("button", name="Add a model").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Model name").fill("added-here")
    await dialog.get_by_label("Address").fill("no address")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("endpoint")
    await dialog.get_by_label("Address").fill(f"{upstream.url}/v1")
    await dialog.get_by_label("API key").fill("sk-canary-0123456789")
    await dialog.get_by_role("button", name="List its models").click()
    await expect(dialog.get_by_role("status")).to_contain_text("2 models")
    assert await dialog.locator("datalist option").evaluate_all("(each) => each.map(({ value }) => value)") == [
        "x",
        "y",
    ]
    await dialog.get_by_role("button", name="Test", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Something else than an answer came")
    assert await faults(page) == []
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await asks(page, "added-here")
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-canary-0123456789"
    assert "sk-canary" not in await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    await closed(page)


@pytest.mark.parametrize("upstream", [[Send(LISTED)]], indirect=True)
async def test_what_runs_on_this_machine_is_offered(
    data_dir: Path, browser: Browser, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    rows_file = tmp_path / "providers.toml"
    rows_file.write_text(f'[[providers]]\nname = "here"\ntitle = "Here"\nendpoint = "{upstream.url}/v1"\n')
    with LiveServer.uvicorn(data_dir, HEADRACE_PROVIDERS_FILE=str(rows_file)) as live:
        page = await playground(browser, live.url, ["local-plain"])
        await page.get_by_role("button", name="x Here").click()
        await asks(page, "x")
        await expect(page.get_by_role("button", name="y Here")).to_be_visible()
        await expect(page.get_by_role("button", name="x Here")).to_have_count(0)
        await closed(page)


@pytest.mark.parametrize("width", [360, 768, 1920])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_it_fits_every_width(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, width: int, theme: Any
) -> None:
    model = stored(server, upstream, "a")
    size = {"width": width, "height": 720}
    page = await playground(browser, server.url, [model] * 3, viewport=size, color_scheme=theme)
    await ask(page, "hi")
    await ended(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.evaluate("document.documentElement.dataset.theme") == theme
    await expect(page.locator("#prompt")).to_be_in_viewport()
    await closed(page)


DANGERS = r"""(() => {
  const refused = /^(script|iframe|object|embed|form|base|meta|link|style|img|video|audio)$/i;
  const bad = ({ name, value }) => name.startsWith("on") || /^\s*(javascript|vbscript|data):/i.test(value);
  const found = window.__x === undefined ? [] : ["a script has run"];
  for (const element of document.querySelectorAll("article *")) {
    if (refused.test(element.tagName)) found.push(element.tagName);
    for (const attribute of element.attributes) if (bad(attribute)) found.push(`${element.tagName} ${attribute.name}`);
  }
  return found;
})()"""


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
WATCHED = f"""() => {{
  window.seen = [];
  window.changes = 0;
  const look = () => {{ window.changes += 1; window.seen.push(...{DANGERS}); }};
  const everything = {{ subtree: true, childList: true, attributes: true, characterData: true }};
  new MutationObserver(look).observe(document.querySelector("main"), everything);
}}"""
"""Looked at after each change: what is there for one frame only has been there."""
PANES = 4
A_LETTER = 0.02  # seconds: a frame each, and slow enough not to be grouped by the server


def letters(text: str) -> list[Any]:
    """An answer of one letter after another."""
    steps: list[Any] = [Send(stream_head())]
    for letter in text:
        steps += [Send(chunk(sse({"choices": [{"index": 0, "delta": {"content": letter}}]}))), Sleep(A_LETTER)]
    return [*steps, Send(chunk(sse(END, "[DONE]")) + b"0\r\n\r\n")]


@needs_corpus
@pytest.mark.parametrize("one_by_one", [False, True], ids=["whole", "one character at a time"])
async def test_a_models_text_runs_nothing_and_loads_nothing(
    server: LiveServer, browser: Browser, one_by_one: bool
) -> None:
    texts = [case["markdown"] for case in rows(CASES / "render_attacks.jsonl")]
    scripts = [letters(text) if one_by_one else [Send(chat_answer(text))] for text in texts]
    with ExitStack() as running:
        upstreams = [running.enter_context(ScriptedUpstream(*scripts[at::PANES])) for at in range(PANES)]
        models = [stored(server, upstream, f"attacker {at}") for at, upstream in enumerate(upstreams)]
        page = await playground(browser, server.url, models)
        left: list[str] = []

        def watch(request: Request) -> None:
            if not re.match(re.escape(server.url) + r"/(api/|static/headrace/app/assets/)", request.url):
                left.append(request.url)

        page.on("request", watch)
        await page.evaluate(WATCHED)
        rounds = -(-len(texts) // PANES)
        for number in range(1, rounds + 1):
            await ask(page, f"attack {number}")
            await expect(page.locator("article dl")).to_have_count(number * PANES, timeout=30_000)
            assert await page.evaluate("window.seen") == [], texts[(number - 1) * PANES : number * PANES]
        assert left == []
        assert sum(len(upstream.requests) for upstream in upstreams) >= len(texts)
        if one_by_one:
            assert await page.evaluate("window.changes") > sum(map(len, texts)) / PANES / 2  # again and again
        await leave(page)


async def dangers(page: Page) -> list[str]:
    """What a hostile answer has done to the page."""
    found: list[str] = await page.evaluate(DANGERS)
    return found


async def faults(page: Page) -> list[str]:
    """What axe finds that is serious: rule and element."""
    source = WEB / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        missing("axe-core", BUILD)
    await page.evaluate(source.read_text("utf-8"))
    found: list[dict[str, Any]] = await page.evaluate("axe.run().then(({ violations }) => violations)")
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:120]}" for each in serious for node in each["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("locale", "remove"), [("en-GB", "Remove from the comparison"), ("zh-CN", "从对比中移除")])
async def test_axe_finds_nothing_serious(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, theme: Any, locale: str, remove: str
) -> None:
    model = stored(server, upstream, "a")
    page = await playground(browser, server.url, [model, "local-plain"], color_scheme=theme, locale=locale)
    assert await faults(page) == []
    await button(page, remove, 2)
    await expect(page.locator("main section")).to_have_count(1)
    await ask(page, "hi")
    await ended(page)
    await page.locator("article button[aria-expanded]").click()
    assert await faults(page) == []
    await page.locator("form button").first.click()
    await page.get_by_role("dialog").wait_for()
    assert await faults(page) == []
    await page.get_by_role("dialog").evaluate("(place) => place.append(document.createElement('button'))")
    assert len(await faults(page)) == 1  # so it would have been found
    await leave(page)


CODE = """```python
# a comment
@cached
def f(n: int) -> str:  # 河流
    return f'{n:>{3}}' + "x" if n > 1.5 else None
```"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("upstream", [[Send(chat_answer(CODE))]], indirect=True)
async def test_coloured_code_can_be_read(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, theme: Any
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")], color_scheme=theme)
    await ask(page, "hi")
    await ended(page)
    await page.locator("article code span", has_text=re.compile("^def$")).wait_for()  # in colours
    assert await faults(page) == []
    await closed(page)


async def test_an_edited_question_is_asked_again_in_every_pane(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    model = stored(server, upstream, "a")
    page = await playground(browser, server.url, [model, model])
    await ask(page, "one")
    await expect(page.locator("article dl")).to_have_count(2)
    await page.get_by_role("button", name="Edit the question").first.click()
    await page.get_by_role("textbox", name="Edit the question").fill("two")
    await page.keyboard.press("Enter")
    await expect(page.locator("article p", has_text="two")).to_have_count(2)
    await expect(page.locator("article dl")).to_have_count(2)
    asked = [[each["content"] for each in json.loads(request.body)["messages"]] for request in upstream.requests]
    assert asked == [["one"], ["one"], ["two"], ["two"]]
    await closed(page)


CITED = {
    "choices": [
        {
            "index": 0,
            "delta": {
                "content": "Water.",
                "annotations": [
                    {"type": "url_citation", "url_citation": {"url": "https://rivers.example/a", "title": "Rivers"}},
                    {"type": "url_citation", "url_citation": {"url": "javascript:window.__x=1", "title": "Trap"}},
                ],
            },
        }
    ]
}


@pytest.mark.parametrize("upstream", [[Send(response(sse(CITED, END, "[DONE]")))]], indirect=True)
async def test_sources_are_shown_and_only_web_addresses_linked(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await ask(page, "hi")
    sources = page.get_by_role("list", name="Sources")
    await expect(sources.get_by_role("link")).to_have_attribute("href", "https://rivers.example/a")
    assert await dangers(page) == []
    await closed(page)
