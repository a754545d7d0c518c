from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import ROOT, LiveServer


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a migrated database, for servers in processes of their own."""
    folder = tmp_path_factory.mktemp("data")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "HEADRACE_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "headrace.config.settings",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
    return folder


@pytest.fixture(scope="session")
def server(data_dir: Path) -> Iterator[LiveServer]:
    """One uvicorn worker for the session."""
    with LiveServer.uvicorn(data_dir) as live:
        yield live
