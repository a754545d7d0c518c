"""The browser client in Chromium, in a Django project: the documented page, the seed's, reloads, broken lines."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from headrace.testing import ScriptedUpstream, Send, chat_answer
from tests.client.cutting import Cut, CuttingProxy, after_bytes, at_random
from tests.client.history import long_answer, texts
from tests.live import LiveServer, model_at

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]  # a browser on a busy machine
PROJECT = "/ai/projects/default"
LONG = long_answer(60, pause=0.03)  # two seconds: a reload falls into it


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(getattr(request, "param", LONG)) as live:
        yield live


@pytest.fixture
def model(site: LiveServer, upstream: ScriptedUpstream) -> str:
    """A stored configuration of the upstream."""
    answer = site.post(f"{PROJECT}/models/", model_at(f"{upstream.url}/v1") | {"name": "scripted"})
    assert answer.status == 201
    return str(json.loads(answer.read())["configId"])


def whole(site: LiveServer, stream_id: str) -> list[dict[str, Any]]:
    raw = site.get(f"{PROJECT}/playground/streams/{stream_id}/?includeUsage=true").read().decode()
    data = [line.removeprefix("data: ") for line in raw.split("\n") if line.startswith("data: ")]
    assert data.pop() == "[DONE]"
    return [json.loads(text) for text in data]


def armed_at_random(seed: int, most: int) -> tuple[dict[str, bool], Any]:
    """A plan that cuts nothing before it is armed, connections that were open before too."""
    switch = {"armed": False}
    fates = at_random(seed, most)

    def plan() -> Cut:
        fate = fates()
        return lambda data: fate(data) if switch["armed"] else None

    return switch, plan


async def opened(browser: Browser, url: str) -> Page:
    page = await browser.new_page()
    page.set_default_timeout(20_000)
    await page.goto(url)
    return page


@pytest.mark.parametrize("upstream", [[Send(chat_answer("<think>plan</think>", "Hel", "lo <b>"))]], indirect=True)
async def test_the_documented_page_asks_and_shows(site: LiveServer, browser: Browser, model: str) -> None:
    page = await opened(browser, f"{site.url}/pages/documented/?model={model}")
    await page.fill("input[name=question]", "hi")
    async with page.expect_request("**/chat/stream/") as asked:
        await page.click("button")
    await page.wait_for_function("document.getElementById('content').textContent === 'Hello <b>'")
    assert await page.text_content("#reasoning") == "plan"
    request = await asked.value
    assert (await request.all_headers())["x-csrftoken"]
    await page.close()


async def test_its_view_wants_the_token(site: LiveServer) -> None:
    assert site.post(f"{PROJECT}/playground/chat/stream/", {}).status == 403


async def test_the_seeds_snippet_works_by_its_import(site: LiveServer, browser: Browser, model: str) -> None:
    page = await opened(browser, f"{site.url}/pages/seed/?model={model}")
    await page.wait_for_function("window.source?.readyState === 2")
    truth = whole(site, await page.evaluate("window.source.streamId"))
    assert await page.evaluate("document.getElementById('answer').textContent") == texts(truth, "content")
    assert await page.evaluate("document.getElementById('reasoning').textContent") == texts(truth, "reasoning")
    assert await page.evaluate("window.errors") == []
    await page.close()


async def test_reloads_in_mid_answer_lose_nothing(site: LiveServer, browser: Browser, model: str) -> None:
    page = await opened(browser, f"{site.url}/pages/reloaded/?model={model}")
    for count in (3, 20):
        await page.wait_for_function(f"window.events?.length >= {count}")
        await page.reload()
        assert not await page.evaluate("window.done ?? false")
    await page.wait_for_function("window.done")
    stream_id = await page.evaluate("sessionStorage.getItem('stream')")
    assert await page.evaluate("window.events") == whole(site, stream_id)
    await page.close()


@pytest.mark.parametrize(("seed", "reset"), [(1, False), (2, True)])
async def test_broken_lines_lose_nothing_and_double_nothing(
    site: LiveServer, browser: Browser, model: str, upstream: ScriptedUpstream, seed: int, reset: bool
) -> None:
    switch, plan = armed_at_random(seed, 1500)
    with CuttingProxy(site.port, plan, reset=reset) as proxy:
        page = await opened(browser, f"{proxy.url}/pages/reloaded/?model={model}")
        await page.wait_for_function("window.events?.length >= 2")
        switch["armed"] = True
        await page.wait_for_function("window.done")
        switch["armed"] = False
        stream_id = await page.evaluate("sessionStorage.getItem('stream')")
        assert await page.evaluate("window.events") == whole(site, stream_id)
        assert proxy.cuts > 1
        assert len(upstream.requests) == 1
        await page.close()


@pytest.mark.parametrize("upstream", [[Send(chat_answer("", "Hel", "lo"))]], indirect=True)
async def test_a_head_that_breaks_off_anywhere_is_no_answer(
    site: LiveServer, browser: Browser, model: str, upstream: ScriptedUpstream
) -> None:
    """Chromium takes `HTTP/1.1 20` for a whole head with status 20, and half a stream's id for its id."""
    lengths = [*range(1, 600, 7)]  # a head is some 500 bytes
    random.Random(1).shuffle(lengths)
    armed = False

    def plan() -> Cut:
        fates: list[Cut] = []

        def cut(data: bytes) -> int | None:
            if armed and lengths and not fates:
                fates.append(after_bytes(lengths.pop()))
            return fates[0](data) if fates else None

        return cut

    with CuttingProxy(site.port, plan) as proxy:
        page = await opened(browser, f"{proxy.url}/pages/repeated/?model={model}")
        await page.wait_for_function("window.asking")
        armed = True
        while lengths:
            await page.evaluate("window.asking()")
        answers = await page.evaluate("window.answers")
        assert set(answers) == {"Hello"}
        assert len(upstream.requests) == len(answers)
        await page.close()
