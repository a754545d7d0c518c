"""A Debian machine as far as docs/deploying.md needs one: its folders below one of the test's, no package installed.

The commands run in a shell as they stand, but for paths, ports and the password. What would change the real machine
(`apt-get`, `systemctl`, `su`) is a small program that comes first in the path; the service is then started, reloaded
and stopped by the lines of its unit, nginx with the configuration that was copied.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.backends.redis_servers import RunningServer, redis_binary
from tests.fronts import free_port, listening, nginx
from tests.live import ROOT
from tests.postgres import PASSWORD, Postgres, binaries
from tests.programs import program

PATIENCE = 60.0
CHOSEN = "a-password-of-letters"
_FOLDERS = re.compile(r"(?<![\w.:/])/(etc|opt|usr/local|var)/")
_THERE = ("etc/systemd/system", "etc/nginx/conf.d", "opt", "usr/local/bin", "var/lib/headrace", "var/backups")
_PROGRAMS = {
    "apt-get": "exit 0",
    "systemctl": 'echo "$*" >>{root}/told',
    "journalctl": "exec cat {root}/service.log",
    "su": 'test "$1 $2 $3" = "- postgres -c" && cd / && exec sh -c "$4"',
    "python3": 'test "$1 $2" = "-m venv" && mkdir -p "$3" && exec cp -r {root}/installed "$3/bin"',
    "nginx": 'exec {nginx} -p {root} -e stderr -c {root}/nginx.conf "$@"',
    "installed/headrace": 'PYTHONPATH={source} exec {python} -m headrace.cli "$@"',
    "installed/pip": 'for last; do :; done; test "$1" = install && test -e "$last"',
}


class Machine:
    """Use it as a context: everything that it has started ends with it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.https = free_port()
        self._http, self._port = free_port(), free_port()
        self._ending = ExitStack()
        self._front = ExitStack()
        self._service: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Machine:
        redis = RunningServer(redis_binary(), tcp=True)
        self._ending.callback(redis.close)
        self._postgres = self._ending.enter_context(Postgres("postgres"))
        self._ending.callback(self._end)
        self._exchanged = {
            "127.0.0.1:8000": f"127.0.0.1:{self._port}",
            "127.0.0.1:5432": f"127.0.0.1:{self._postgres.port}",
            "127.0.0.1:6379": redis.url.removeprefix("redis://"),
            "listen 443": f"listen 127.0.0.1:{self.https}",
            "listen 80": f"listen 127.0.0.1:{self._http}",
            "PASSWORD": CHOSEN,
        }
        self._prepare()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def run(self, command: str, status: int = 0) -> str:
        """What it says; whatever it told systemd is done afterwards."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        places = (self.root / "bin", self.root / "usr/local/bin", binaries(), own["PATH"])
        postgres = {"PGHOST": "127.0.0.1", "PGPORT": str(self._postgres.port), "PGUSER": "postgres"}
        done = subprocess.run(
            ["bash", "-euc", self._here(command)],
            cwd=self.root / "clone",
            env=own | postgres | {"PGPASSWORD": PASSWORD, "PATH": ":".join(map(str, places))},
            input=f"{CHOSEN}\n{CHOSEN}\n",
            start_new_session=True,  # without a terminal, a password is asked for on the standard input
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == status, (command, done.stdout, done.stderr)
        told, self._told = self._told.read_text().split("\n"), self._told
        self._told.write_text("")
        for words in filter(None, told):
            self._obey(words)
        return done.stdout

    def _obey(self, words: str) -> None:
        done: dict[str, Callable[[], None]] = {
            "daemon-reload": lambda: None,
            "enable --now headrace": self._start,
            "start headrace": self._start,
            "stop headrace": self._stop,
            "reload headrace": self._reload,
            "reload nginx": self._reload_nginx,
        }
        done[words]()

    def _here(self, text: str) -> str:
        for there, here in self._exchanged.items():
            text = text.replace(there, here)
        return _FOLDERS.sub(rf"{self.root}/\1/", text)

    def _prepare(self) -> None:
        for name in (
            "etc/systemd/system",
            "etc/nginx/conf.d",
            "opt",
            "usr/local/bin",
            "var/lib/headrace",
            "var/backups",
        ):
            (self.root / name).mkdir(parents=True)
        for path in (ROOT / "deploy").rglob("*.*"):
            copy = self.root / "clone" / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(re.sub(r"listen \[::\]:.*\n", "\n", self._here(path.read_text())))
        (self.root / "clone/requirements").symlink_to(ROOT / "requirements")
        self._told = self.root / "told"
        self._told.touch()
        known = {"root": self.root, "source": ROOT / "src", "python": sys.executable}
        known["nginx"] = program("nginx", "nginx-light")
        for name, text in _PROGRAMS.items():
            path = self.root / name if "/" in name else self.root / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"#!/bin/sh\n{text.format(**known)}\n")
            path.chmod(0o755)
        nginx(self.root, f"include {self.root}/etc/nginx/conf.d/*.conf;")

    def _unit(self, name: str) -> str:
        text = (self.root / "etc/systemd/system/headrace.service").read_text()
        found = re.search(rf"^{name}=-?(.+)$", text, re.MULTILINE)
        assert found, name
        return found[1]

    def _start(self) -> None:
        """As the unit says; returns when it is ready."""
        settings = self.root / "etc/headrace/environment"
        assert settings == Path(self._unit("EnvironmentFile"))
        assert settings.stat().st_mode & 0o077 == 0, "nobody else reads the password"
        more = f"PORT={self._port}\nHEADRACE_EGRESS_ALLOW=http://127.0.0.1\nHEADRACE_DRAIN_SECONDS=2\n"
        settings.write_text(settings.read_text().partition("PORT=")[0] + more)
        line = f"set -a; . {settings}; {self._unit('Environment')}; exec {self._unit('ExecStart')}"
        own = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        with (self.root / "service.log").open("wb") as log:
            self._service = subprocess.Popen(["sh", "-c", line], env=own, stdout=log, stderr=subprocess.STDOUT)
        self._await(lambda: "Ready:" in self._log)

    def _reload(self) -> None:
        """Returns when both workers are new."""
        assert self._service is not None
        before = self._workers()
        line = self._unit("ExecReload")
        subprocess.run(["sh", "-c", line], env=os.environ | {"MAINPID": str(self._service.pid)}, check=True)
        self._await(lambda: len(self._workers() - before) == 2 and not self._workers() & before)

    def _stop(self) -> None:
        assert self._service is not None
        self._service.send_signal(signal.SIGTERM)
        assert self._service.wait(PATIENCE) == 0, self._log

    def _reload_nginx(self) -> None:
        self._front.close()
        command = [shutil.which("nginx", path=str(self.root / "bin")) or "nginx"]
        self._front.enter_context(listening(command, self.https, self.root))

    @property
    def _log(self) -> str:
        return (self.root / "service.log").read_text()

    def _workers(self) -> set[str]:
        """The process ids of those that serve."""
        assert self._service is not None
        threads = Path(f"/proc/{self._service.pid}/task").iterdir()
        children = [pid for thread in threads for pid in (thread / "children").read_text().split()]
        return {pid for pid in children if "commands.worker" in Path(f"/proc/{pid}/cmdline").read_text()}

    def _await(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self._service is not None
            assert self._service.poll() is None, self._log
            assert time.monotonic() < deadline, self._log
            time.sleep(0.02)

    def _end(self) -> None:
        self._front.close()
        if self._service is not None and self._service.poll() is None:
            self._service.kill()
            self._service.wait()
