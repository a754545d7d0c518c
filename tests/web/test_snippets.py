"""The code that the playground shows for a question asks that question: each kind is run, and no key is in it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from headrace.testing import ScriptedUpstream, Send, chat_answer
from tests.live import ROOT, LiveServer
from tests.web.node import BUILD, missing, node_environment
from tests.web.playing import ask, button, closed, ended, playground, stored, talks
from tests.web.test_playground import BUILT, faults

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
HARD = 'It\'s "quoted" \\ and\nbroken ${x} `y` \U0001f600 {% 你好'
ASKED = "a question before"


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    if not BUILT.is_file():
        missing("the built playground", BUILD)


async def shown(page: Page, kind: str) -> str:
    """The code of this kind."""
    await page.get_by_role("tab", name=kind, exact=True).click()
    block = page.get_by_role("region", name=kind, exact=True)
    return await block.locator("pre").inner_text()


def run(command: list[str], code: str) -> str:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}/src", "PYTHONUTF8": "1"}
    done = subprocess.run(command, input=code, capture_output=True, encoding="utf-8", env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_the_code_asks_the_same_question(server: LiveServer, browser: Browser, tmp_path: Path) -> None:
    with ScriptedUpstream([Send(chat_answer("first answer"))]) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "a")])
        for number, text in enumerate((ASKED, HARD), 1):
            await ask(page, text)
            await expect(page.locator("article dl")).to_have_count(number)
        await button(page, "Code")
        assert await faults(page) == []
        codes = {kind: await shown(page, kind) for kind in ("curl", "Python", "Python · openai", "JavaScript")}
        assert not any("test-key" in code or 'apiKey":' in code for code in codes.values())
        for kind, command in {
            "curl": ["bash"],
            "Python": [sys.executable, "-"],
            "Python · openai": [sys.executable, "-"],
        }.items():
            if kind == "curl" and not shutil.which("curl"):
                missing("curl", "apt install curl")
            said = await asyncio.to_thread(run, command, codes[kind])
            assert "first answer" in said, kind
        module = (
            codes["JavaScript"]
            .replace("import { Headrace } from", "const { Headrace } = await import(")
            .replace('client.js";', 'client.js");', 1)
        )
        await page.evaluate(f"(async () => {{ {module} }})()")
        assert talks(upstream)[1:] == [[ASKED, "first answer", HARD]] * 5
        await closed(page)


async def test_the_code_for_node_can_be_read(server: LiveServer, browser: Browser, tmp_path: Path) -> None:
    with ScriptedUpstream([Send(chat_answer("first answer"))]) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "a")])
        await ask(page, HARD)
        await ended(page)
        await button(page, "Code")
        program = tmp_path / "program.mjs"
        program.write_text(await shown(page, "Node · openai"), "utf-8")
        check = ["node", "--check", str(program)]
        await asyncio.to_thread(subprocess.run, check, check=True, env=node_environment())
        await closed(page)


async def test_the_wire_is_shown_as_it_was(server: LiveServer, browser: Browser) -> None:
    with ScriptedUpstream([Send(chat_answer("first answer"))]) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "a")])
        await ask(page, "hi")
        await ended(page)
        await button(page, "Code")
        await page.get_by_role("tab", name="Wire").click()
        events = page.get_by_role("region", name="Events")
        await expect(events).to_contain_text('data: {"type": "content", "content": "first answer"}')
        await expect(events).to_contain_text("data: [DONE]")
        await expect(page.get_by_role("region", name="Request")).to_contain_text('"content": "hi"')
        async with page.expect_download() as download:
            await events.get_by_role("button", name="Download").click()
        assert (await download.value).suggested_filename == "events.txt"
        await closed(page)
