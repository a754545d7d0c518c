"""The browser client in Chromium, in a Django project: the documented page, the seed's, reloads, broken lines."""

from __future__ import annotations

import random

import pytest
from playwright.async_api import Browser

from headrace.testing import ScriptedUpstream, Send, chat_answer
from tests.client.cutting import Cut, CuttingProxy, after_bytes
from tests.client.history import texts
from tests.live import LiveServer
from tests.web.site import PROJECT, armed_at_random, opened, whole

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]  # a browser on a busy machine


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
