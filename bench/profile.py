"""Where a target's time goes, by py-spy from outside: nothing in the target is changed, little is slowed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bench.processes import Process

RATE = 500  # samples a second
SHOWN = 25
INSTALL = "py-spy was not found: `pip install py-spy` brings it."


def program() -> str | None:
    """py-spy, from where this Python's programs are."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


class Sampling:
    """One py-spy at a process; `report` stops it and says what it saw."""

    def __init__(self, process: Process, folder: Path, name: str) -> None:
        self._stacks = folder / f"{name}.stacks"
        command = [program() or "py-spy", "record", "--pid", str(process.pid), "--format", "raw"]
        command += ["--rate", str(RATE), "--output", str(self._stacks), "--duration", "unlimited"]
        self._recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def report(self) -> str:
        """Shares of the samples, for each function itself and with all that it calls."""
        self._recorder.send_signal(2)  # SIGINT: it writes what it has
        self._recorder.wait(30)
        own, whole = shares(self._stacks.read_text() if self._stacks.exists() else "")
        return f"By itself:\n{_listed(own)}\n\nWith what it calls:\n{_listed(whole)}"


def shares(stacks: str) -> tuple[Counter[str], Counter[str]]:
    """From folded stacks: samples of each function by itself, and of each with all that it calls."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame.rsplit(":", 1)[0].rstrip(")") for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    return own, whole


def _listed(counted: Counter[str]) -> str:
    total = max(counted.total() if counted else 0, 1)
    most = max(counted.values(), default=1)
    base = max(total if most > total else 0, most) or total
    return "\n".join(f"{count / base:6.1%}  {name}" for name, count in counted.most_common(SHOWN))
