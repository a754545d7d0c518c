"""docs/deploying.md walked from the printed link to a restored backup: nginx, two workers, Redis and PostgreSQL."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.backends.redis_servers import RunningServer, redis_binary
from tests.deploy.test_proxies import NAME, Front, deployed_nginx
from tests.fronts import free_port, listening
from tests.live import CHAT, MESSAGES, STREAM
from tests.postgres import Postgres

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 40.0
P = "/api/projects/default/"
KEY = "sk-canary-walk-0123456789"
HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]


class Service:
    """`headrace` with the service's settings, and the service itself, which systemd would start."""

    def __init__(self, folder: Path, database: str, redis: str) -> None:
        self.port = free_port()
        self._log = folder / "service.log"
        own = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self._environment = own | {
            "PYTHONPATH": str(ROOT / "src"),
            "HEADRACE_DATA_DIR": str(folder / "data"),
            "HEADRACE_AUTH": "required",
            "HEADRACE_ALLOWED_HOSTS": NAME,
            "HEADRACE_TRUSTED_PROXIES": "127.0.0.1",
            "HEADRACE_EGRESS_ALLOW": "http://127.0.0.1",
            "HEADRACE_DRAIN_SECONDS": "2",
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "WORKERS": "2",
            "PORT": str(self.port),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "headrace.cli", *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=60)

    def start(self) -> str:
        """What it has said by the time that it is ready."""
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "headrace.cli", "serve"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=subprocess.STDOUT)
        return self._said("Ready:")

    def reload(self) -> None:
        """As `systemctl reload`: returns when both workers are new."""
        before = self._workers()
        self._process.send_signal(signal.SIGUSR1)
        self._await(lambda: len(self._workers() - before) == 2 and not self._workers() & before)

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(PATIENCE)

    def _workers(self) -> set[str]:
        """The process ids of those that serve."""
        children = [
            pid
            for thread in Path(f"/proc/{self._process.pid}/task").iterdir()
            for pid in (thread / "children").read_text().split()
        ]
        return {pid for pid in children if "commands.worker" in Path(f"/proc/{pid}/cmdline").read_text()}

    def _said(self, words: str) -> str:
        self._await(lambda: words in self._log.read_text())
        return self._log.read_text()

    def _await(self, true: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)


class Person:
    """Somebody's browser, or a program, at the name that people type."""

    def __init__(self, front: Front, token: str = "") -> None:
        self.client = front.client(**({"authorization": f"Bearer {token}"} if token else {}))

    def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        answer = self.client.request(method, path, json=body, extensions={"sni_hostname": NAME})
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        is_json = answer.content and "json" in answer.headers["content-type"]
        return answer.json() if is_json else answer.text

    def enter(self, link: str, name: str) -> None:
        """What the page behind a link does."""
        place, _, secret = link.partition("#")
        assert place == f"https://{NAME}/sign/link"
        assert "<form" in self.ask("GET", "/sign/link")
        answer = self.client.post(
            "/sign/link",
            json={"secret": secret, "name": name, "password": "a long enough phrase"},
            extensions={"sni_hostname": NAME},
        )
        assert answer.status_code == 200, answer.text
        cookie = answer.headers["set-cookie"]
        assert "Secure" in cookie, "nginx says https, and is trusted"
        self.client.headers["cookie"] = cookie.partition(";")[0]
        self.client.cookies.clear()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    redis = RunningServer(redis_binary())
    with Postgres() as postgres:
        made = Service(tmp_path, postgres.url("headrace"), redis.url)
        try:
            yield made
        finally:
            if made._process.poll() is None:
                made._process.kill()
                made._process.wait()
            redis.close()


def test_from_the_printed_link_to_a_restored_backup(service: Service, tmp_path: Path) -> None:
    found = re.search(rf"https://{NAME}/sign/link#\S+", service.start())
    assert found, "the link for the first owner, at the name that people type"
    folder = tmp_path / "front"
    folder.mkdir()
    tmp_path.chmod(0o755)
    command, port = deployed_nginx(folder, service.port)
    front = Front(port)
    with listening(command, port, folder), ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream:
        owner = Person(front)
        owner.enter(found[0], "ann")
        colleague, token = _people(owner, front)
        chat = {"messages": MESSAGES, "model": _stored(owner, f"{upstream.url}/v1")}
        assert colleague.ask("POST", CHAT, chat)["content"] == "Hello"
        program = Person(front, token)
        assert program.ask("POST", CHAT, chat)["content"] == "Hello"
        assert "sealed under the newest key" in service.run("secrets", "rotate").stdout
        assert program.ask("POST", CHAT, chat)["content"] == "Hello"
        _upgraded_meanwhile(service, program)
        saved = tmp_path / "saved.tar.gz"
        done = service.run("backup", str(saved))
        assert done.returncode == 0, done.stderr
        owner.ask("DELETE", f"{P}models/{chat['model']['configId']}/", status=204)
        assert service.run("restore", "--replace", str(saved)).returncode == 1, "while it runs"
        assert service.stop() == 0
        done = service.run("restore", "--replace", str(saved))
        assert done.returncode == 0, done.stderr
        service.start()
        assert program.ask("POST", CHAT, chat)["content"] == "Hello", "its key is sealed in the backup, and opens"
        assert owner.ask("GET", "/api/me/")["operator"] is True
        assert {each.headers["authorization"] for each in upstream.requests} == {f"Bearer {KEY}"}
        assert service.stop() == 0


def _people(owner: Person, front: Front) -> tuple[Person, str]:
    """A colleague who was invited, and a program's token."""
    invited = owner.ask("POST", f"{P}invitations/", {"role": "editor"}, status=201)
    colleague = Person(front)
    colleague.enter(invited["link"], "ben")
    assert "manage" not in colleague.ask("GET", "/api/me/")["projects"]["default"]
    made = owner.ask("POST", f"{P}tokens/", {"name": "ci", "permissions": ["read", "chat"]}, status=201)
    return colleague, str(made["token"])


def _stored(owner: Person, endpoint: str) -> dict[str, str]:
    body = {"name": "m", "providerId": "openai", "endpoint": endpoint, "modelId": "m", "apiKey": KEY}
    return {"configId": owner.ask("POST", f"{P}models/", body, status=201)["configId"]}


def _upgraded_meanwhile(service: Service, program: Person) -> None:
    """Both workers are replaced while a stream is read; resumed afterwards it has lost nothing."""
    held = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]
    with ScriptedUpstream(held) as slow:
        body = {
            "messages": MESSAGES,
            "model": {"providerId": "openai", "endpoint": f"{slow.url}/v1", "apiKey": "k", "modelId": "m"},
            "streamOptions": {"onDisconnect": "continue", "includeIds": True},
        }
        with program.client.stream("POST", STREAM, json=body, extensions={"sni_hostname": NAME}) as stream:
            assert stream.status_code == 200
            lines = (line for line in stream.iter_lines() if line.startswith("data: "))
            assert "Hel" in next(lines)
            service.reload()
            assert ["server_shutdown" in line for line in lines] == [True, False]
            place = f"{P}playground/streams/{stream.headers['x-stream-id']}/"
        resumed = program.ask("GET", f"{place}?after=0")
        texts = [json.loads(line[6:]) for line in resumed.splitlines() if line.startswith("data: {")]
        assert texts[0] == {"type": "content", "content": "Hel"}
        assert "data: [DONE]" in resumed
