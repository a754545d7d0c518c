"""`headrace version`: this version, and those of the parts that a bug report should name."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from headrace.commands.terminal import say

PARTS = ("Django", "uvicorn", "xllamacpp", "langchain-core")


def run() -> int:
    """Print one line; a part that is not installed is left out."""
    parts = [f"Python {platform.python_version()}", *(f"{name} {found}" for name in PARTS if (found := _version(name)))]
    say(f"headrace {installed_version()} ({', '.join(parts)})")
    return 0


def installed_version() -> str:
    """This Headrace's own version."""
    return _version("headrace") or "from its source"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
