"""Where a target's time goes, by py-spy from outside: nothing in the target is changed, but its figures suffer."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.processes import BenchError, Process

RATE = 400  # samples a second: enough in ten seconds, and py-spy keeps up
SHOWN = 30
WAITING = ("_worker (concurrent/futures/thread.py)", "Condition.wait (threading.py)")  # py-spy takes these for work
OUTERMOST = (
    "(click/",
    "(<frozen",
    "(uvicorn/",
    "(threading.py",
    "(asyncio/runners.py",
)
PATIENCE = 60.0  # until it has written what it saw
INSTALL = "py-spy was not found, and --profile needs it: `pip install py-spy` brings it."


def program() -> str:
    """py-spy, first from where this Python's programs are."""
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if not found:
        raise BenchError(INSTALL)
    return found


@contextlib.contextmanager
def sampled(process: Process, say: Callable[[str], None]) -> Iterator[None]:
    """Samples the process while inside, then says where its time went."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stacks = Path(folder) / "stacks"
        command = [program(), "record", "--pid", str(process.pid), "--format", "raw", "--rate", str(RATE)]
        command += ["--duration", "unlimited", "--output", str(stacks)]
        recorder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            recorder.send_signal(signal.SIGINT)  # it writes what it has
            words, _ = recorder.communicate(timeout=PATIENCE)
        say(summary(stacks.read_text()) if stacks.exists() else words.decode(errors="replace"))


def summary(stacks: str) -> str:
    """The functions with the largest shares of folded stacks (`outer;inner;innermost COUNT`, one a line)."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        functions = [_function(frame) for frame in stack.split(";")]
        if functions[-1].startswith(WAITING):
            continue
        own[functions[-1]] += int(count)
        for function in set(functions):
            if not any(where in function for where in OUTERMOST):
                whole[function] += int(count)
    total = max(own.total(), 1)
    return f"By itself:\n{_listed(own, total)}\n\nWith all that it calls:\n{_listed(whole, total)}"


def _function(frame: str) -> str:
    """`feed (package/module.py:12)` without the line, which would spread a function over many rows."""
    name, colon, line = frame.rpartition(":")
    return f"{name})" if colon and line.rstrip(")").isdigit() else frame


def _listed(counted: Counter[str], total: int) -> str:
    return "\n".join(f"{count / total:7.1%}  {name}" for name, count in counted.most_common(SHOWN))
