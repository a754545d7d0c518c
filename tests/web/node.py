"""Node and what is built with it, for tests. Without it they skip with the line that installs it; in CI they fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT

WEB = ROOT / "web"
STATIC = ROOT / "src" / "headrace" / "static" / "headrace"
CLIENT_MODULE = STATIC / "client.js"
BUILT = STATIC / "app" / "index.html"
LEAST = (20, 19)
BUILD = "make web installs and builds what is needed"


def missing(what: str, remedy: str) -> None:
    """A missing tool fails the run where `CI` is set and skips the test elsewhere."""
    said = f"{what} is not here: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(said)
    pytest.skip(said)


def node_folder() -> Path:
    """The folder of a Node that is new enough: the system's, or the one in the virtual environment."""
    beside = Path(sys.executable).parent
    for place in (shutil.which("node"), str(beside / "node")):
        if place and Path(place).exists() and _version(place) >= LEAST:
            return Path(place).parent
    missing("Node 20.19 or later", BUILD)
    raise AssertionError


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def node_environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{node_folder()}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}


def client_module() -> Path:
    """The one ES module that the wheel carries."""
    if not CLIENT_MODULE.exists():
        missing("static/headrace/client.js", BUILD)
    return CLIENT_MODULE
