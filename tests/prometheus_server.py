"""Debian's Prometheus for a test: its own configuration and folder, a free loopback port, ended by its process id."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.programs import program

PATIENCE = 30.0
INTERVAL = "500ms"


class RunningPrometheus:
    """Scrapes one server twice a second."""

    def __init__(self, folder: Path, target: int, *, token: str = "") -> None:
        scrape: dict[str, Any] = {"job_name": "headrace", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        if token:
            scrape["authorization"] = {"credentials": token}
        every = {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL}
        configuration = folder / "prometheus.yml"
        configuration.write_text(yaml.safe_dump({"global": every, "scrape_configs": [scrape]}))
        self._port = _free_port()
        self._log = folder / "prometheus.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program("prometheus", "prometheus"),
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={folder / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> RunningPrometheus:
        deadline = time.monotonic() + PATIENCE
        while not self._answers("/-/ready"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"Prometheus did not start:\n{self._log.read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query; an expression that it does not take is an AssertionError."""
        answer = self._ask("/api/v1/query?" + urlencode({"query": expression}))
        assert answer["status"] == "success", (expression, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def value(self, expression: str) -> float | None:
        """The one value of an expression; None where there is none yet."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def await_value(self, expression: str, wanted: float) -> None:
        """Wait until a scrape has brought this value; an AssertionError says what was there instead."""
        deadline = time.monotonic() + PATIENCE
        while (value := self.value(expression)) != wanted:
            assert time.monotonic() < deadline, f"{expression} is {value}, not {wanted}"
            time.sleep(0.1)

    def targets(self) -> list[dict[str, Any]]:
        """What it says about those it scrapes."""
        found: list[dict[str, Any]] = self._ask("/api/v1/targets")["data"]["activeTargets"]
        return found

    def _ask(self, path: str) -> Any:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        connection.request("GET", path)
        return json.load(connection.getresponse())

    def _answers(self, path: str) -> bool:
        try:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
