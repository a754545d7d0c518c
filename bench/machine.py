"""The machine and the versions that a table of figures belongs to."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from importlib import metadata
from pathlib import Path

from bench.targets import nginx_program

LIBRARIES = ("django", "uvicorn", "uvloop", "httptools", "msgspec", "httpx")


class OtherWork:
    """What the processors did besides this benchmark, from when this was made. Made before the first process."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._before = _busy_seconds() - _own_seconds()

    def processors(self) -> float:
        """How many processors it kept busy, all the time. Right once every process of ours has ended."""
        seconds = _busy_seconds() - _own_seconds() - self._before
        return max(0.0, seconds / (time.monotonic() - self._started))


def _busy_seconds() -> float:
    """Since the machine started: all but idle and waiting, and what a host took for its other guests."""
    fields = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    user, nice, system, _idle, _waiting, irq, softirq, stolen = (int(field) for field in fields)
    return (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def description() -> list[str]:
    """A line for each thing that figures depend on."""
    libraries = ", ".join(f"{name} {version}" for name in LIBRARIES if (version := _version(name)))
    return [
        f"{os.cpu_count()} cores, {_processor()}, {_memory_gb():.0f} GB of memory",
        f"{_system()}, kernel {platform.release()}",
        f"Python {platform.python_version()}, {libraries}",
        nginx_version() or "nginx not found",
    ]


def nginx_version() -> str:
    """`nginx 1.22.1`, or nothing where there is none."""
    program = nginx_program()
    if program is None:
        return ""
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"nginx/(\S+)", told.stderr + told.stdout)
    return f"nginx {found[1]}" if found else ""


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
