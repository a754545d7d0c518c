"""What each page looked like when its test left it: kept by every run, for people to look at."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from playwright.async_api import Error, Page

from tests.live import ROOT

FOLDER = Path(os.environ.get("SCREENSHOTS", ROOT / "test-results" / "screenshots"))
LONGEST = 150  # of a file's name; those of two tests that begin so are numbered on
_taken: dict[str, int] = {}


async def picture(page: Page) -> None:
    """One more of the test that runs now, under its name."""
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition("/")[2].rpartition(" ")[0]
    name = re.sub(r"\W+", "-", test)[:LONGEST].strip("-")
    _taken[name] = _taken.get(name, 0) + 1
    with suppress(Error):  # a page that has crashed has none
        await page.screenshot(path=FOLDER / f"{name}-{_taken[name]}.jpeg", type="jpeg", quality=70)


async def leave(page: Page) -> None:
    """A picture of the page, and its context is closed."""
    await picture(page)
    await page.context.close()
