"""What people do with questions and answers in the playground: files, forks, settings of one pane, presets, votes."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from headrace.testing import Close, ScriptedUpstream, Send, chat_answer, response, sse
from tests.live import LiveServer
from tests.web.node import BUILT
from tests.web.pictures import leave
from tests.web.playing import ask, asks, button, closed, ended, playground, stored, talks
from tests.web.test_playground import faults

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
ONE = [Send(chat_answer("first answer"))]
CUT = {"choices": [{"index": 0, "delta": {"content": "and so"}, "finish_reason": "length"}]}
LATER = response(
    b'{"error": {"message": "slow down"}}',
    status="429 Too Many Requests",
    content_type="application/json",
    headers="Retry-After: 300\r\n",
)


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(getattr(request, "param", ONE)) as live:
        yield live


@pytest.fixture
def other() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream([Send(chat_answer("another answer"))]) as live:
        yield live


def png(width: int, height: int) -> bytes:
    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress((b"\0" + b"\x20\x80\xc0" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", body) + part(b"IEND", b"")


def upload(name: str, kind: str, data: bytes) -> Any:
    return {"name": name, "mimeType": kind, "buffer": data}


async def test_files_go_with_a_question_and_outlive_a_reload(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "sees")])
    picture = png(40, 30)
    files = [upload("a.png", "image/png", picture), upload("b.md", "text/markdown", b"# Notes")]
    await page.set_input_files("form input[type=file]", files)
    await expect(page.locator("form li")).to_have_count(2)
    await page.reload()
    await expect(page.locator("form li")).to_have_count(2)
    await ask(page, "what is this?")
    await ended(page)
    await page.reload()
    await expect(page.locator("article img")).to_have_js_property("naturalWidth", 40)
    await ask(page, "and this?")
    await expect(page.locator("article dl")).to_have_count(2)
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    text = "b.md:\n```\n# Notes\n```\n\nwhat is this?"
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    assert talks(upstream) == [[parts], [parts, "first answer", "and this?"]]
    await closed(page)


HANDED = """([kind, name, encoded]) => {
  const bytes = Uint8Array.from(atob(encoded), (each) => each.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const event = kind === "paste"
    ? new ClipboardEvent(kind, { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.getElementById("prompt").dispatchEvent(event);
}"""


async def test_pictures_are_pasted_and_dropped_and_made_small_enough(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "sees")])
    for kind in ("paste", "drop"):
        await page.evaluate(HANDED, [kind, f"{kind}.png", base64.b64encode(png(4000, 20)).decode()])
        image = page.get_by_role("img", name=f"{kind}.png")
        await expect(image).to_have_js_property("naturalWidth", 1568)
    await page.get_by_role("button", name="Remove drop.png").click()
    await expect(page.locator("form li")).to_have_count(1)
    await page.press("#prompt", "Enter")  # a picture alone is a question
    await ended(page)
    ((content,),) = talks(upstream)
    assert [part["type"] for part in content] == ["image_url"]
    await closed(page)


@pytest.mark.parametrize(("locale", "said"), [("en-GB", "neither a picture nor"), ("zh-CN", "既不是图片")])
async def test_what_cannot_be_sent_is_said_before(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, locale: str, said: str
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "deepseek-chat")], locale=locale)
    await page.set_input_files("form input[type=file]", [upload("x.bin", "", b"\xff\0")])
    await expect(page.locator("form [role=alert]")).to_contain_text(said)
    await page.set_input_files("form input[type=file]", [upload("long.txt", "text/plain", b"x" * 200_001)])
    await expect(page.locator("form [role=alert]")).to_contain_text("200 kB")
    await page.set_input_files("form input[type=file]", [upload("a.png", "image/png", png(4, 4))] * 5)
    await expect(page.locator("form li")).to_have_count(4)
    await expect(page.locator("form [role=status]")).to_contain_text("deepseek-chat")
    assert await faults(page) == []
    await closed(page)


async def test_all_panes_go_on_with_one_answer_and_it_can_be_undone(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, other: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a"), stored(server, other, "b")])
    await ask(page, "one")
    await ended(page, 1)
    await ended(page, 2)
    await button(page, "Continue with this", 1)
    await expect(page.get_by_text("Taken over from a")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("another answer").first).to_be_visible()
    await button(page, "Continue with this", 1)
    await ask(page, "two")
    await expect(page.locator("article dl")).to_have_count(4)
    assert talks(upstream)[1] == talks(other)[1] == ["one", "first answer", "two"]
    await closed(page)


async def test_a_branch_has_the_talk_up_to_there(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    for number, text in enumerate(("one", "two"), 1):
        await ask(page, text)
        await expect(page.locator("article dl")).to_have_count(number)
    await page.get_by_role("button", name="Branch").first.click()
    await expect(page.locator("main section:nth-of-type(2) article")).to_have_count(1)
    await ask(page, "three")
    await ended(page, 1)
    await ended(page, 2)
    talk = ["one", "first answer", "two", "first answer", "three"]
    assert sorted(talks(upstream)[2:], key=len) == [[*talk[:2], "three"], talk]
    await closed(page)


@pytest.mark.parametrize("upstream", [[Send(response(sse(CUT, "[DONE]")))]], indirect=True)
async def test_an_answer_that_was_too_long_goes_on(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await ask(page, "one")
    await ended(page)
    await button(page, "Continue")
    await expect(page.locator("article dl")).to_have_count(2)
    await expect(page.get_by_text("Continued", exact=True)).to_be_visible()
    first, second, third = talks(upstream)[1]
    assert (first, second) == ("one", "and so")
    assert third.startswith("Continue")
    await closed(page)


@pytest.mark.parametrize("upstream", [[Send(LATER), Close()]], indirect=True)
async def test_a_retry_waits_as_long_as_the_provider_said(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await page.clock.install()
    await ask(page, "one")
    again = page.get_by_role("button", name="Ask again in")
    await expect(again).to_contain_text("s")
    await again.click()
    await expect(again).to_have_attribute("aria-pressed", "true")
    assert len(upstream.requests) == 1
    await page.clock.fast_forward(301_000)
    assert await upstream.requested(2)
    await leave(page)


async def test_a_pane_has_parameters_of_its_own_when_it_is_unlinked(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, other: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a"), stored(server, other, "b")])
    await button(page, "Settings of this model", 1)
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Temperature")).to_be_disabled()
    await dialog.get_by_label("The same as for all models").uncheck()
    await dialog.get_by_label("Temperature").fill("0.3")
    await dialog.get_by_label("Top P").fill("0.5")
    await page.keyboard.press("Escape")
    head = page.get_by_role("list", name="Settings of this model")
    await expect(head.get_by_role("listitem")).to_have_text(["Temperature: 0.3", "Top P: 0.5"])
    assert await faults(page) == []
    await page.reload()
    await expect(head).to_be_visible()
    await ask(page, "one")
    await ended(page, 1)
    await ended(page, 2)
    own, shared = (json.loads(each.requests[0].body) for each in (upstream, other))
    assert (own["temperature"], own["top_p"]) == (0.3, 0.5)
    assert not {"temperature", "top_p", "seed", "reasoning_effort"} & shared.keys()
    await closed(page)


async def lost(route: Route) -> None:
    """The server has the request; the page never hears of it."""
    await route.fetch()


async def test_a_page_that_is_left_before_the_server_answers_asks_once(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await page.route("**/chat/stream/", lost)
    await ask(page, "one")
    assert await upstream.requested(1)
    await page.unroute("**/chat/stream/")
    await page.reload()
    await ended(page)
    await expect(page.get_by_text("first answer").first).to_be_visible()
    assert len(upstream.requests) == 1
    await closed(page)


async def test_a_preset_fills_the_page_and_its_variables_are_fields(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a")])
    await page.fill("#prompt", "Say {{what}} in {{语言}}")
    await page.get_by_role("button", name="Presets").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("Saying")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await page.fill("#prompt", "")
    await page.reload()
    await page.press("#prompt", "/")
    await page.get_by_role("option", name="Saying").wait_for()
    assert await faults(page) == []
    await page.press("#prompt", "Enter")
    await page.get_by_label("what").fill("hello")
    await page.get_by_label("语言").fill("French")
    assert upstream.requests == []
    await page.press("#prompt", "Enter")
    await ended(page)
    assert talks(upstream) == [["Say hello in French"]]
    await closed(page)


async def test_names_are_hidden_until_the_vote(
    server: LiveServer, browser: Browser, upstream: ScriptedUpstream, other: ScriptedUpstream
) -> None:
    page = await playground(browser, server.url, [stored(server, upstream, "a"), stored(server, other, "b")])
    await page.get_by_role("button", name="Settings", exact=True).click()
    await page.get_by_label("Blind").check()
    await page.keyboard.press("Escape")
    await ask(page, "one")
    await ended(page, 1)
    await ended(page, 2)
    await asks(page)
    await button(page, "Better", 2)
    await asks(page, "a", "b")
    await button(page, "Better", 1)
    pressed = page.locator("article button[aria-pressed=true]")
    await expect(pressed).to_have_count(1)
    await closed(page)


async def test_the_build_has_one_format_of_each_font() -> None:
    assert {each.suffix for each in BUILT.parent.glob("assets/KaTeX*")} == {".woff2"}
