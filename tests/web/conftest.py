from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from headrace.testing import ScriptedUpstream
from tests.integration.conftest import data_dir, server
from tests.live import ROOT, LiveServer
from tests.web.browser import browsing
from tests.web.node import BUILD, BUILT, client_module, missing
from tests.web.pages import PAGES, documented
from tests.web.pictures import picture
from tests.web.site import LONG, stored

__all__ = ["browser", "data_dir", "model", "server", "site", "site_folder", "upstream"]
SETTINGS = "tests.web.site_settings"
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A real browser on a busy machine may be late once: these are tried twice. The summary names each second try."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _pictures(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """A page that a test leaves open, as one that fails does, is kept as a picture too."""
    yield
    if "browser" in request.fixturenames:
        for context in request.getfixturevalue("browser").contexts:
            for page in context.pages:
                await picture(page)
            await context.close()


@pytest.fixture(scope="module")
def built() -> None:
    """The page is there: its tests ask for this by `usefixtures`."""
    if not BUILT.is_file():
        missing("the built playground", BUILD)


@pytest.fixture(scope="module")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the project has its pages, and files that it serves as they are."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def site(site_folder: Path) -> Iterator[LiveServer]:
    """A Django project of somebody's, its pages those of `pages.py` and of the documentation."""
    client_module()
    for name, text in {**PAGES, "documented": documented()}.items():
        (site_folder / f"{name}.html").write_text(text, "utf-8")
    environment = {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "SITE_TEMPLATES": str(site_folder),
        "PYTHONPATH": f"{ROOT}/src:{ROOT}",
    }
    migrate(site_folder, environment)
    command = ("uvicorn", "django.core.asgi:get_asgi_application", "--factory", "--fd", "FD")
    with LiveServer(*command, data_dir=site_folder, environment=environment) as live:
        yield live


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(getattr(request, "param", LONG)) as live:
        yield live


@pytest.fixture
def model(site: LiveServer, upstream: ScriptedUpstream) -> str:
    """A stored configuration of the upstream."""
    return stored(site, upstream)


def migrate(folder: Path, environment: dict[str, str]) -> None:
    """Make the database in this folder."""
    command = [sys.executable, "-m", "django", "migrate", "-v", "0"]
    variables = os.environ | environment | {"HEADRACE_DATA_DIR": str(folder)}
    subprocess.run(command, cwd=ROOT, env=variables, check=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with browsing(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened
