"""The page of people in a real browser: an owner invites, makes a token, changes a role; the policy holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from headrace.people.managing_words import CHINESE, ENGLISH
from tests.live import ROOT, LiveServer
from tests.web.pictures import leave

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
PASSWORD = "a long enough phrase"
MAKE = """
import django; django.setup()
from django.core.management import call_command; call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
from headrace.projects.models import Membership, Project
project = Project.objects.get(public_id="default")
for name, role in (("ann", "owner"), ("<img src=x onerror=alert(1)>", "viewer"), ("ben", "editor")):
    user = User.objects.create_user(name, password="a long enough phrase")
    Membership.objects.create(project=project, user=user, role=role)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("people")
    environment = {"HEADRACE_AUTH": "required", "HEADRACE_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT / "src")}
    environment["DJANGO_SETTINGS_MODULE"] = "headrace.config.settings"
    subprocess.run([sys.executable, "-c", MAKE], env=os.environ | environment, check=True)
    with LiveServer.uvicorn(folder, HEADRACE_AUTH="required") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, server: LiveServer) -> AsyncIterator[Page]:
    """Signed in as the owner; whatever the page complains of fails the test."""
    context = await browser.new_context(locale="en-US", viewport={"width": 900, "height": 1100})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda each: complaints.append(each.text) if each.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await _sign_in(page, server, "ann")
    yield page
    await leave(page)
    assert [each for each in complaints if "409 (Conflict)" not in each] == []


async def _sign_in(page: Page, server: LiveServer, name: str) -> None:
    await page.goto(f"{server.url}/people/")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/people/")


def part(page: Page, heading: str) -> Any:
    return page.locator("section", has=page.get_by_role("heading", name=heading))


async def test_an_owner_has_the_people(page: Page, server: LiveServer) -> None:
    members = part(page, "Members")
    await expect(members.locator("li")).to_have_count(3)
    await expect(members).to_contain_text("<img src=x onerror=alert(1)>")
    await members.get_by_label("Role: ben").select_option("viewer")
    await expect(part(page, "Audit log")).to_contain_text("change member")
    invitations = part(page, "Invitations")
    await invitations.get_by_label("For whom").fill("Cleo")
    await invitations.get_by_role("button", name="Invite", exact=True).click()
    await expect(invitations.locator(".made code")).to_contain_text(f"{server.url}/sign/link#")
    await expect(invitations.locator("li")).to_contain_text("Cleo")
    tokens = part(page, "Tokens for programs")
    await tokens.get_by_label("What it is for").fill("ci")
    await tokens.get_by_role("button", name="Make a token").click()
    token = await tokens.locator(".made code").inner_text()
    assert server.get("/v1/models", headers={"Authorization": f"Bearer {token}"}).status == 200
    page.on("dialog", lambda dialog: dialog.accept())
    await tokens.get_by_role("button", name="Revoke").click()
    await expect(tokens.locator("li")).to_contain_text("revoked")
    await members.locator("li", has_text="<img").get_by_role("button", name="Remove").click()
    await expect(members.locator("li")).to_have_count(2)


async def test_the_last_owner_stays_and_is_told_why(page: Page) -> None:
    await part(page, "Members").get_by_label("Role: ann").select_option("viewer")
    await expect(page.locator("#status")).to_contain_text("owner")
    await expect(part(page, "Members").get_by_label("Role: ann")).to_have_value("owner")


async def test_whether_streams_arrive(page: Page) -> None:
    delivery = part(page, "Do streams arrive?")
    await delivery.get_by_role("button", name="Try it").click()
    await expect(delivery.locator("#verdict")).to_have_text("Streams arrive as they are sent.", timeout=20_000)
    await expect(delivery.locator("li.good")).to_contain_text("20 events arrived one by one")


async def test_whoever_owns_nothing_is_told_so_in_their_language(browser: Browser, server: LiveServer) -> None:
    context = await browser.new_context(locale="zh-CN", color_scheme="dark", viewport={"width": 420, "height": 800})
    page = await context.new_page()
    await page.goto(f"{server.url}/sign/in?next=/people/")
    await page.locator("#name").fill("ben")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("#send").click()
    await page.wait_for_url("**/people/")
    await expect(page.locator("#status")).to_have_text(CHINESE["nothing"])
    await expect(page.locator("#all")).to_be_hidden()
    await leave(page)


async def test_whether_streams_arrive_is_said_in_the_readers_language(browser: Browser, server: LiveServer) -> None:
    context = await browser.new_context(locale="zh-CN")
    page = await context.new_page()
    await page.goto(f"{server.url}/sign/in?next=/people/")
    await page.locator("#name").fill("ann")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("#send").click()
    await page.locator("#examine").click()
    await expect(page.locator("#findings li.good")).to_contain_text("20 个事件逐个到达", timeout=20_000)
    await leave(page)


async def test_both_languages_have_the_same_words() -> None:
    assert set(ENGLISH) == set(CHINESE)
