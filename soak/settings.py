"""The standalone server's settings, and one address more: `/gauges/`, where a worker tells the soak what it holds.

A line a stream would bury the table: the log is written to the data folder, and only errors are seen.
"""

import os
from pathlib import Path

from headrace.config.settings import *  # noqa: F403 - as it says
from headrace.config.settings import LOGGING

ROOT_URLCONF = "soak.gauges"
_written = Path(os.environ["HEADRACE_DATA_DIR"]) / f"worker-{os.getpid()}.log"
LOGGING["handlers"] = {
    "written": {"class": "logging.FileHandler", "filename": _written, "formatter": "line", "delay": True},
    "seen": {"class": "logging.StreamHandler", "formatter": "line", "level": "ERROR"},
}
LOGGING["root"]["handlers"] = list(LOGGING["handlers"])
