"""The code that the playground shows for a question asks that question: each kind is run, and no key is in it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from headrace.testing import ScriptedUpstream, Send, chat_answer
from tests.live import KEY, ROOT, LiveServer
from tests.web.node import missing, node_folder
from tests.web.pictures import leave
from tests.web.playing import ask, button, closed, ended, playground, stored, talks
from tests.web.test_playground import faults

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
HARD = 'It\'s "quoted" \\ and\nbroken ${x} `y` \U0001f600 {% 你好'
ASKED = "a question before"


async def shown(page: Page, kind: str) -> str:
    """The code of this kind."""
    await page.get_by_role("tab", name=kind, exact=True).click()
    block = page.get_by_role("region", name=kind, exact=True)
    return await block.locator("pre").inner_text()


def clients_for_node() -> Path:
    """What the tests' own clients in JavaScript stand on: OpenAI's package among them."""
    modules = ROOT / "tests" / "clients_node" / "node_modules"
    if not (modules / "openai").is_dir():
        missing("OpenAI's package for Node", "npm ci --prefix tests/clients_node")
    return modules


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
        codes = {
            kind: await shown(page, kind)
            for kind in ("curl", "Python", "Python · openai", "Node · openai", "JavaScript")
        }
        assert not any(KEY in code or 'apiKey":' in code for code in codes.values())
        program = tmp_path / "program.mjs"
        program.write_text(codes["Node · openai"], "utf-8")
        (tmp_path / "node_modules").symlink_to(clients_for_node())
        said = await asyncio.to_thread(run, [str(node_folder() / "node"), str(program)], "")
        assert "first answer" in said
        for kind, command in {
            "curl": ["bash"],
            "Python": [sys.executable, "-"],
            "Python · openai": [sys.executable, "-"],
        }.items():
            if kind == "curl" and not shutil.which("curl"):
                missing("curl", "apt install curl")
            said = await asyncio.to_thread(run, command, codes[kind])
            assert "first answer" in said, kind
        assert codes["JavaScript"].startswith("// In a page")  # Node imports nothing by http
        module = (
            codes["JavaScript"]
            .replace("import { Headrace } from", "const { Headrace } = await import(")
            .replace('client.js";', 'client.js");', 1)
        )
        await page.evaluate(f"(async () => {{ {module} }})()")
        assert talks(upstream)[1:] == [[ASKED, "first answer", HARD]] * 6
        await closed(page)


VIEW = """
import asyncio, sys
import django
from django.conf import settings
from django.test import AsyncClient
from django.urls import path

settings.configure(SECRET_KEY="x", ROOT_URLCONF="__main__", ALLOWED_HOSTS=["testserver"])
django.setup()
{code}
urlpatterns = [path("ask/", ask)]


async def asked():
    answer = await AsyncClient().get("/ask/")
    print(b"".join([part async for part in answer.streaming_content]).decode())


asyncio.run(asked())
"""


async def test_the_django_view_answers_by_itself(
    server: LiveServer, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedUpstream([Send(chat_answer("first answer"))]) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "a")])
        await ask(page, HARD)
        await ended(page)
        await button(page, "Code")
        code = await shown(page, "Django")
        assert KEY not in code
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
        said = await asyncio.to_thread(run, [sys.executable, "-"], VIEW.format(code=code))
        assert '"content": "first answer"' in said
        assert talks(upstream) == [[HARD]] * 2
        assert upstream.requests[1].headers["authorization"] == "Bearer sk-of-the-environment"
        await closed(page)


async def test_the_wire_stands_beside_the_events(server: LiveServer, browser: Browser, tmp_path: Path) -> None:
    body = chat_answer("first answer", "!")
    with ScriptedUpstream([Send(body)]) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "a")])
        await ask(page, "hi")
        await ended(page)
        await button(page, "Code")
        await page.get_by_role("tab", name="Wire").click()
        dialog = page.get_by_role("dialog")
        request = dialog.get_by_role("region", name="Request")
        await expect(request).to_contain_text("authorization: [hidden]")
        await expect(request).to_contain_text('"content": "hi"')
        row = dialog.get_by_role("row").filter(has_text="first answer")
        await expect(row.get_by_role("cell").nth(1)).to_contain_text('"delta": {"content": "first answer"}')
        await expect(row.get_by_role("cell").nth(2)).to_contain_text('{"type": "content", "content": "first answer"}')
        assert KEY not in await dialog.inner_text()
        assert await faults(page) == []
        saved = {name: await downloaded(page, name, tmp_path) for name in ("answer.stream", "answer.json")}
        _, _, sent = body.partition(b"\r\n\r\n")
        assert sent.count(saved["answer.stream"]) == 1
        assert json.loads(saved["answer.json"]) == {
            "provider": "openai",
            "content": "first answer!",
            "provider_reason": "stop",
        }
        await closed(page)


async def downloaded(page: Page, name: str, folder: Path) -> bytes:
    async with page.expect_download() as download:
        await page.get_by_role("button", name=name).click()
    file = await download.value
    assert file.suggested_filename == name
    await file.save_as(folder / name)
    return (folder / name).read_bytes()


async def test_a_wire_that_is_no_longer_kept_is_said(server: LiveServer, browser: Browser) -> None:
    with ScriptedUpstream([Send(chat_answer("first answer"))]) as upstream:
        page = await playground(browser, server.url, [stored(server, upstream, "a")])
        await ask(page, "hi")
        await ended(page)
        await page.route("**/wire/", lambda route: route.fulfill(status=404, json={"code": "wire_not_kept"}))
        await button(page, "Code")
        await page.get_by_role("tab", name="Wire").click()
        await expect(page.get_by_role("dialog")).to_contain_text("no longer keeps the wire")
        await expect(page.get_by_role("region", name="Request")).to_contain_text('"content": "hi"')
        await expect(page.get_by_role("region", name="Events")).to_contain_text("data: [DONE]")
        await leave(page)
