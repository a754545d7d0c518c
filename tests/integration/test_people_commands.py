"""`headrace users` and `headrace secrets` as an operator runs them, beside a server under traffic."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from headrace.testing import ScriptedUpstream
from tests.live import CHAT, MESSAGES, ROOT, LiveServer

pytestmark = pytest.mark.timeout(120)
PREPARE = "from headrace.commands.database import *; migrate(); invite_owner('http://x')"
KEY = "sk-canary-rotation"


def environment(folder: Path, **more: str) -> dict[str, str]:
    own = {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(folder)}
    return os.environ | own | {"DJANGO_SETTINGS_MODULE": "headrace.config.settings"} | more


def headrace(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headrace.cli", *arguments]
    return subprocess.run(command, env=environment(folder, **more), capture_output=True, text=True, check=False)


def prepare(folder: Path, **more: str) -> str:
    command = [sys.executable, "-c", PREPARE]
    done = subprocess.run(command, env=environment(folder, **more), capture_output=True, text=True, check=True)
    return done.stdout


def test_stored_keys_are_sealed_anew_while_chats_go_on(tmp_path: Path) -> None:
    prepare(tmp_path)
    key_file = tmp_path / "secret.key"
    with ScriptedUpstream() as upstream, LiveServer.uvicorn(tmp_path) as server:
        url = f"{upstream.url}/v1"
        body = {"name": "m", "providerId": "openai", "endpoint": url, "modelId": "m", "apiKey": KEY}
        made = json.loads(server.post("/api/projects/default/models/", body).read())
        old = key_file.read_text()
        statuses, over = [], threading.Event()

        def chats() -> None:
            while not over.is_set():
                asked = {"messages": MESSAGES, "model": {"configId": made["configId"]}}
                statuses.append(server.post(CHAT, asked).status)

        traffic = threading.Thread(target=chats)
        traffic.start()
        try:
            assert "1 stored keys, 1 of them" in headrace(tmp_path, "secrets", "status").stdout
            rotated = headrace(tmp_path, "secrets", "rotate")
            assert "1 stored keys are sealed under the newest key" in rotated.stdout, rotated.stderr
            assert key_file.read_text().endswith(old)
            assert "Only the newest" in headrace(tmp_path, "secrets", "forget-old").stdout
        finally:
            over.set()
            traffic.join(30)
        assert old.strip() not in key_file.read_text()
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        assert KEY not in rotated.stdout + rotated.stderr + server.log
        assert old.strip() not in rotated.stdout
        server.post(CHAT, {"messages": MESSAGES, "model": {"configId": made["configId"]}}).read()
    assert len(statuses) > 3
    assert set(statuses) == {200}
    assert all(each.headers["authorization"] == f"Bearer {KEY}" for each in upstream.requests)


def test_people_by_their_operator(tmp_path: Path) -> None:
    people = {"HEADRACE_AUTH": "required", "HEADRACE_ALLOWED_HOSTS": "chat.example.com"}
    printed = prepare(tmp_path, **people)
    secret = re.search(r"https://chat\.example\.com/sign/link#(\S+)", printed)
    assert secret, printed
    assert "Nobody has an account" in headrace(tmp_path, "users", "list", **people).stdout
    assert "/sign/link#" in headrace(tmp_path, "users", "first-owner", **people).stdout
    with LiveServer.uvicorn(tmp_path, **people) as server:
        given = {"secret": secret[1], "name": "ann", "password": "a long enough phrase"}
        assert server.post("/sign/link", given).status == 404  # another was printed since
        again = headrace(tmp_path, "users", "first-owner", "--url", "http://here", **people).stdout
        found = re.search(r"http://here/sign/link#(\S+)", again)
        assert found
        answer = server.post("/sign/link", given | {"secret": found[1]})
        assert answer.status == 200
        cookie = {"Cookie": str(answer.headers["Set-Cookie"]).partition(";")[0]}
        assert "ann  signed in:" in headrace(tmp_path, "users", "list", **people).stdout
        assert headrace(tmp_path, "users", "first-owner", **people).returncode == 1
        assert "nobody named" in headrace(tmp_path, "users", "reset", "eve", **people).stderr
        assert "may no longer" in headrace(tmp_path, "users", "disable", "ann", **people).stdout
        assert server.get("/api/me/", headers=cookie).status == 401
        assert "again" in headrace(tmp_path, "users", "enable", "ann", **people).stdout
        assert server.get("/api/me/", headers=cookie).status == 200
    assert prepare(tmp_path, **people) == ""


def test_who_signed_in_at_one_machine_is_known_at_the_next(tmp_path: Path) -> None:
    """Machines share the database and the keys of sealing, and nothing else."""
    shared = {"HEADRACE_AUTH": "required", "HEADRACE_SECRET_KEYS": Fernet.generate_key().decode()}
    shared["DATABASE_URL"] = f"sqlite:///{tmp_path}/shared.sqlite3"
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    secret = re.search(r"/sign/link#(\S+)", prepare(folders[0], **shared))
    assert secret
    with LiveServer.uvicorn(folders[0], **shared) as one, LiveServer.uvicorn(folders[1], **shared) as other:
        given = {"secret": secret[1], "name": "ann", "password": "a long enough phrase"}
        cookie = {"Cookie": str(one.post("/sign/link", given).headers["Set-Cookie"]).partition(";")[0]}
        for server in (one, other, one):
            assert json.loads(server.get("/api/me/", headers=cookie).read())["name"] == "ann"
    assert not any((folder / "django.key").exists() for folder in folders)
