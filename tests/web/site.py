"""A Django project of somebody's, as tests ask it: what a stream of it really was, and lines to it that break."""

from __future__ import annotations

import json
from typing import Any

from playwright.async_api import Browser, Page

from headrace.testing import ScriptedUpstream
from tests.client.cutting import Cut, at_random
from tests.client.history import long_answer
from tests.live import LiveServer, model_at

PROJECT = "/ai/projects/default"
LONG = long_answer(60, pause=0.03)  # two seconds: what a test does to a page falls into it


def stored(site: LiveServer, upstream: ScriptedUpstream) -> str:
    """The id of a configuration of this upstream."""
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
