"""Processes: where they run, what they have used, and their end. Reads `/proc`; ends only what it has started."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

OPEN_FILES = 16_384  # a target holds two sockets for each of a thousand streams
LEAST_OPEN_FILES = 4_096
START_PATIENCE = 60.0  # a first start may compile every module
STOP_PATIENCE = 10.0
_CPU_CLOCK = 2  # the low bits of a process's CPU clock id, as clock_getcpuclockid(3) makes it
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The benchmark cannot go on; the message says what to do about it."""


class Process:
    """A process that we have started, with all its children; used as a context."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cpu: int,
        log: Path,
        env: Mapping[str, str] | None = None,
        stdout: int | IO[Any] | None = None,
    ) -> None:
        self._log = log
        with pinned(cpu), log.open("ab") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink if stdout is None else stdout,
                stderr=sink,
                env=env,
                start_new_session=True,
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def output(self) -> bytes:
        """All that it wrote, once it has ended."""
        return self._process.communicate()[0] or b""

    def wait_listening(self, port: int) -> None:
        """Until it takes connections."""
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            if not self.running:
                raise BenchError(f"It ended at its start:\n{self.last_words()}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise BenchError(f"It took no connection within {START_PATIENCE:g} s:\n{self.last_words()}")

    def wait_for(self, path: Path) -> None:
        """Until it has made this socket."""
        deadline = time.monotonic() + START_PATIENCE
        while not path.exists():
            if not self.running or time.monotonic() > deadline:
                raise BenchError(f"It did not start:\n{self.last_words()}")
            time.sleep(0.01)

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """End its whole session, gently first."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            try:
                self._process.wait(STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                continue
            break

    def cpu_seconds(self) -> float:
        """User and system time of it and all its children, those that have ended too."""
        return sum(_cpu_seconds(pid) for pid in _tree(self.pid))

    def memory_mb(self) -> float:
        """Its proportional share of physical memory (PSS), children included."""
        return sum(_pss_kb(pid) for pid in _tree(self.pid)) / 1024


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from _tree(int(child))


def _cpu_seconds(pid: int) -> float:
    """To the nanosecond for the living; the kernel counts a process's ended children in ticks only."""
    try:
        own = time.clock_gettime((~pid << 3) | _CPU_CLOCK)
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return own + (int(fields[13]) + int(fields[14])) / _TICKS


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


@contextlib.contextmanager
def pinned(cpu: int) -> Iterator[None]:
    """What is started inside runs on this processor only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def processors() -> tuple[int, int]:
    """Where the target runs, and where upstream and load run: two different ones where there are two."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def raise_open_files() -> None:
    """Allow this process, and with it all that it starts, as many open files as the workloads need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if max(wanted, soft) < LEAST_OPEN_FILES:
        raise BenchError(f"1,000 streams need {LEAST_OPEN_FILES} open files, {hard} are allowed: raise `ulimit -Hn`.")
