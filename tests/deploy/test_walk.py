"""docs/deploying.md walked, line by line as it stands there, from nothing to a restored backup.

nginx, two workers, Redis and PostgreSQL are real; what installs packages and what systemd does is played (machine.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.deploy.document import WALK, commands, section, step
from tests.deploy.machine import Machine
from tests.deploy.test_proxies import NAME, Front
from tests.live import CHAT, MESSAGES, STREAM

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 40.0
P = "/api/projects/default/"
KEY = "sk-canary-walk-0123456789"
HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]


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
def machine(tmp_path: Path) -> Iterator[Machine]:
    tmp_path.chmod(0o755)
    with Machine(tmp_path / "root") as made:
        yield made


def test_from_nothing_to_a_restored_backup(machine: Machine) -> None:
    """Every line of the section, in its order."""
    text = section(WALK)
    shown = "".join(machine.run(command) for command in commands(text))
    found = re.search(rf"https://{NAME}/sign/link#\S+", shown)
    assert found, "the link for the first owner, at the name that people type"
    front = Front(machine.https)
    with ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream:
        owner = Person(front)
        owner.enter(found[0], "ann")
        colleague, token = _people(owner, front)
        chat = {"messages": MESSAGES, "model": _stored(owner, f"{upstream.url}/v1")}
        assert colleague.ask("POST", CHAT, chat)["content"] == "Hello"
        _guessing_is_stopped_whatever_address_is_claimed(owner, front)
        program = Person(front, token)
        assert program.ask("POST", CHAT, chat)["content"] == "Hello"
        rotate, forget = step(text, "Rotate the secret")
        assert "sealed under the newest key" in machine.run(rotate)
        assert program.ask("POST", CHAT, chat)["content"] == "Hello"
        backup, stop, restore, start = step(text, "Back up")
        machine.run(backup)
        machine.run(forget)
        _upgraded_meanwhile(machine, step(text, "Upgrade"), program)
        owner.ask("DELETE", f"{P}models/{chat['model']['configId']}/", status=204)
        [saved] = machine.root.glob("var/backups/headrace-2*.tar.gz")
        restore = restore.replace("FILE", str(saved))
        machine.run(restore, status=1)  # while it runs
        machine.run(stop)
        machine.run(restore)
        machine.run(start)
        assert program.ask("POST", CHAT, chat)["content"] == "Hello", "its key is sealed in the backup, and opens"
        assert owner.ask("GET", "/api/me/")["operator"] is True
        assert {each.headers["authorization"] for each in upstream.requests} == {f"Bearer {KEY}"}
        machine.run(stop)


def _guessing_is_stopped_whatever_address_is_claimed(owner: Person, front: Front) -> None:
    statuses = []
    for last in range(6):
        claimed = dict.fromkeys(("x-forwarded-for", "x-real-ip", "client-ip"), f"203.0.113.{last}")
        body = {"name": "ben", "password": f"a wrong phrase {last}"}
        with front.client(**claimed, forwarded=f"for=203.0.113.{last}") as client:
            asked = client.post("/sign/in", json=body, extensions={"sni_hostname": NAME})
        statuses.append(asked.status_code)
    assert statuses == [401, 401, 401, 401, 429, 429]
    entries = owner.ask("GET", "/api/audit/")["entries"]
    assert {each["address"] for each in entries if each["action"] == "sign_in_failed"} == {"127.0.0.1"}


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


def _upgraded_meanwhile(machine: Machine, upgrade: list[str], program: Person) -> None:
    """Both workers are replaced while a stream is read; resumed afterwards it has lost nothing."""
    with ScriptedUpstream(HALF) as slow:
        body = {
            "messages": MESSAGES,
            "model": {"providerId": "openai", "endpoint": f"{slow.url}/v1", "apiKey": "k", "modelId": "m"},
            "streamOptions": {"onDisconnect": "continue", "includeIds": True},
        }
        with program.client.stream("POST", STREAM, json=body, extensions={"sni_hostname": NAME}) as stream:
            assert stream.status_code == 200
            lines = (line for line in stream.iter_lines() if line.startswith("data: "))
            assert "Hel" in next(lines)
            for line in upgrade:
                machine.run(line)
            assert ["server_shutdown" in line for line in lines] == [True, False]
            place = f"{P}playground/streams/{stream.headers['x-stream-id']}/"
        resumed = program.ask("GET", f"{place}?after=0")
        texts = [json.loads(line[6:]) for line in resumed.splitlines() if line.startswith("data: {")]
        assert texts[0] == {"type": "content", "content": "Hel"}
        assert "data: [DONE]" in resumed
