"""What some tests need and others do not: missing, it fails the run where `CI` is set, else the tests skip and say how
to install it."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, NoReturn

import pytest


def needed(module: str, install: str) -> Any:
    """The module, for the top of a test file."""
    try:
        return import_module(module)
    except ImportError:
        missing(f"{module} is not installed: {install}")


def missing(message: str) -> NoReturn:
    """Ends the test file that needs what is missing."""
    if os.environ.get("CI"):
        raise RuntimeError(message)
    pytest.skip(message, allow_module_level=True)
