from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.integration.conftest import data_dir, server
from tests.live import ROOT, LiveServer
from tests.web.browser import browsing
from tests.web.node import client_module
from tests.web.pages import PAGES, documented

__all__ = ["browser", "data_dir", "server", "site"]
SETTINGS = "tests.web.site_settings"
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A real browser on a busy machine may be late once: these are tried twice. The summary names each second try."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A Django project of somebody's, its pages those of `pages.py` and of the documentation."""
    client_module()
    folder = tmp_path_factory.mktemp("site")
    for name, text in {**PAGES, "documented": documented()}.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    environment = {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "SITE_TEMPLATES": str(folder),
        "PYTHONPATH": f"{ROOT}/src:{ROOT}",
    }
    migrate(folder, environment)
    command = ("uvicorn", "django.core.asgi:get_asgi_application", "--factory", "--fd", "FD")
    with LiveServer(*command, data_dir=folder, environment=environment) as live:
        yield live


def migrate(folder: Path, environment: dict[str, str]) -> None:
    """Make the database in this folder."""
    command = [sys.executable, "-m", "django", "migrate", "-v", "0"]
    variables = os.environ | environment | {"HEADRACE_DATA_DIR": str(folder)}
    subprocess.run(command, cwd=ROOT, env=variables, check=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with browsing(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened
