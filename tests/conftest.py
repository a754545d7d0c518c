"""Django for the tests: the server's own settings on a data folder of this run, without the caller's environment."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import hypothesis
import pytest

_DATA = tempfile.mkdtemp(prefix="headrace-tests-")
_RUN_BY = os.getpid()


def _remove_data() -> None:
    if os.getpid() == _RUN_BY:  # a forked child ends before us
        shutil.rmtree(_DATA, ignore_errors=True)


atexit.register(_remove_data)
for name in [name for name in os.environ if name.startswith("HEADRACE_")] + ["DATABASE_URL"]:
    os.environ.pop(name, None)
os.environ["HEADRACE_DATA_DIR"] = _DATA
os.environ["DJANGO_SETTINGS_MODULE"] = "headrace.config.settings"
django.setup()
hypothesis.settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's affair
hypothesis.settings.load_profile("untimed")

from headrace.stats.recording import recorder  # noqa: E402 - an app of Django's


@pytest.fixture(autouse=True)
def _no_statistics() -> None:
    """Most tests have no database. Those of statistics start the recorder; so does whatever loads the apps anew."""
    recorder.stop()


@pytest.fixture
def data_dir() -> Path:
    """The data folder that the settings of this run name."""
    return Path(_DATA)


@pytest.fixture
def database(transactional_db: None, django_db_serialized_rollback: None) -> None:
    """A database that every thread sees, with what the migrations put into it. For views and whatever streams."""


@pytest.fixture
def headrace_settings(settings: object) -> Iterator[object]:
    """Django's settings to change; Headrace's own are read anew before and after the test."""
    from headrace.common.conf import reset_settings

    reset_settings()
    yield settings
    reset_settings()
