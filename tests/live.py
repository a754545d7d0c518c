"""A real server for a test: uvicorn or gunicorn over the standalone application, in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 20.0
STREAM = "/api/projects/default/playground/chat/stream/"
CHAT = "/api/projects/default/playground/chat/"
KEY = "sk-canary-0123456789abcdef"
MESSAGES = [{"role": "user", "content": "Tell me about rivers."}]


class LiveServer:
    """Started on a free loopback port; stopped by its process id. `log` is what it wrote."""

    def __init__(
        self,
        *command: str,
        data_dir: Path,
        environment: dict[str, str] | None = None,
        cwd: Path = ROOT,
        ready: str = "/healthz",
    ) -> None:
        self._ready = ready
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.set_inheritable(True)
        self.port = self._listener.getsockname()[1]
        descriptor = self._listener.fileno()
        inherited = [descriptor] if any("FD" in part for part in command) else []
        if not inherited:  # a server that takes a port only; it was free a moment ago
            self._listener.close()
        self._log = data_dir / f"server-{self.port}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    *([] if command[0].endswith(".py") else ["-m"]),
                    *(part.replace("FD", str(descriptor)).replace("PORT", str(self.port)) for part in command),
                ],
                cwd=cwd,
                env=os.environ
                | {
                    "PYTHONPATH": os.pathsep.join((str(cwd), str(ROOT / "src"))),
                    "DJANGO_SETTINGS_MODULE": "headrace.config.settings",
                    "HEADRACE_DATA_DIR": str(data_dir),
                }
                | (environment or {}),
                pass_fds=inherited,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @classmethod
    def uvicorn(cls, data_dir: Path, **environment: str) -> LiveServer:
        return cls(
            "uvicorn", "headrace.config.asgi:application", "--fd", "FD", "--log-level", "info",
            data_dir=data_dir, environment=environment,
        )  # fmt: skip

    @classmethod
    def gunicorn(cls, data_dir: Path, *options: str, **environment: str) -> LiveServer:
        return cls(
            "gunicorn", "headrace.config.wsgi:application", "--bind", "fd://FD", *options,
            data_dir=data_dir, environment=environment,
        )  # fmt: skip

    def __enter__(self) -> LiveServer:
        self._listener.close()
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if self.get(self._ready).status < 500:
                    return self
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"the server did not start:\n{self.log}")
            time.sleep(0.05)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if error is None:
            self._check_for_keys()

    def _check_for_keys(self) -> None:
        """No server of any test has kept or logged the key that all of them are given."""
        files = (path for path in self._log.parent.glob("*") if path.is_file() and path.suffix != ".key")
        assert [path.name for path in files if KEY.encode() in path.read_bytes()] == []

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None, timeout: float = 30
    ) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        fixed = {} if data is None else {"Content-Type": "application/json"}
        connection.request(method, path, data, fixed | (headers or {}))
        return connection.getresponse()

    def get(self, path: str, **options: Any) -> HTTPResponse:
        return self.request("GET", path, **options)

    def post(self, path: str, body: object, **options: Any) -> HTTPResponse:
        return self.request("POST", path, body, **options)

    def stream(self, model: dict[str, Any], **fields: Any) -> HTTPResponse:
        """The response of a chat, its head read."""
        return self.post(STREAM, {"messages": MESSAGES, "model": model} | fields)


def model_at(url: str, **fields: str) -> dict[str, str]:
    """An OpenAI-compatible model at this base URL."""
    return {"providerId": "openai", "endpoint": url, "apiKey": KEY, "modelId": "m"} | fields


def blocks(response: HTTPResponse) -> Iterator[str]:
    """The event-stream blocks of a response, one by one as they arrive, comments too; then the connection is closed."""
    block: list[str] = []
    for raw in response:
        line = raw.decode().removesuffix("\n")
        if line:
            block.append(line)
        elif block:
            yield "\n".join(block)
            block = []
    assert not block, f"the stream broke off inside an event: {block}"
    response.close()


def payloads(lines: list[str]) -> list[dict[str, Any]]:
    """The JSON objects of the data blocks, `[DONE]` checked to be the one end."""
    data = [field[6:] for line in lines for field in line.split("\n") if field.startswith("data: ")]
    assert data.count("[DONE]") == 1
    assert data[-1] == "[DONE]"
    return [json.loads(text) for text in data[:-1]]


def joined(events: list[dict[str, Any]], kind: str) -> str:
    """The text of one kind; brackets checked to be balanced and left out."""
    texts = [event["content"] for event in events if event.get("type") == kind]
    if kind == "reasoning":
        marks = [text for text in texts if text in ("<think>", "</think>")]
        assert marks == ["<think>", "</think>"] * (len(marks) // 2)
        texts = [text for text in texts if text not in ("<think>", "</think>")]
    return "".join(texts)
