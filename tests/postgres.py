"""A PostgreSQL server of a test's own: Debian's binaries, on a port of the loopback, by a user that is not root."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from headrace.config.databases import database

PASSWORD = "pa/ss:word"
URL_PASSWORD = "pa%2Fss%3Aword"
NOBODY = "postgres"
"""Whom Debian's package makes; the server refuses to run as root."""
DEADLINE = 20.0


def binaries() -> Path:
    """The folder of the newest version; without one the test skips, and in CI fails, with the line that installs it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    words = "PostgreSQL is missing: apt-get install postgresql"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


class Postgres:
    """Started with the context. `url(name)` makes a database and names it as `DATABASE_URL` does."""

    def __init__(self, superuser: str = "headrace") -> None:
        self._superuser = superuser
        self._bin = binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-pg-", dir="/tmp"))
        self._user = NOBODY if os.geteuid() == 0 else None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])

    def __enter__(self) -> Postgres:
        if self._user:
            shutil.chown(self._folder, self._user)
        (self._folder / "password").write_text(PASSWORD + "\n")
        (self._folder / "password").chmod(0o644)
        self._run(
            "initdb", "--pgdata", f"{self._folder}/data", f"--username={self._superuser}", "--auth=scram-sha-256",
            "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--pwfile", f"{self._folder}/password",
        )  # fmt: skip
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._folder}"]
        settings += ["fsync=off", "full_page_writes=off", "max_connections=60", "shared_buffers=16MB"]
        options = [part for setting in settings for part in ("-c", setting)]
        with (self._folder / "log").open("wb") as log:
            command = [self._bin / "postgres", "-D", f"{self._folder}/data", *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd="/")
        self._await()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)  # fast: connections are cut
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """A new and empty database of this name."""
        self.tell(f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, name: str) -> str:
        return f"postgresql://{self._superuser}:{URL_PASSWORD}@127.0.0.1:{self.port}/{name}"

    def tell(self, sql: str, database: str = "postgres") -> str:
        """What one command answers."""
        place = f"host=127.0.0.1 port={self.port} user={self._superuser} dbname={database}"
        return self._run("psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--dbname={place}", f"--command={sql}")

    def _await(self) -> None:
        deadline = time.monotonic() + DEADLINE
        command = [self._bin / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        while subprocess.run(command, check=False).returncode:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.02)

    def _run(self, name: str, *arguments: str) -> str:
        environment = os.environ | {"PGPASSWORD": PASSWORD}
        command = [self._bin / name, *arguments]
        done = subprocess.run(
            command, user=self._user, env=environment, cwd="/", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def migrated(url: str, blocker: Any) -> Iterator[None]:
    """Django's one database is the one at this address, with our tables. `blocker` is pytest-django's."""
    before = connections.settings["default"]
    connections.close_all()
    with blocker.unblock():
        _use(before | {"TEST": {}} | database(url, Path("/nowhere")))
        try:
            call_command("migrate", verbosity=0)
            yield
        finally:
            connections.close_all()
            _use(before)


def _use(settings: dict[str, Any]) -> None:
    """From now on, in every thread."""
    connections.settings["default"] = settings
    connections.databases["default"] = settings
    if hasattr(connections._connections, "default"):
        del connections["default"]
