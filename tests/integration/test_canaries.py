"""Canaries in every place where a key can enter: after faults, wrong requests and a crash, none has been kept or told.

Kept is what lies in the data folder (database, its log, everything but the key files themselves) and in the server's
log; told is every answer that is not the one which shows a new secret.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from headrace.testing import Close, Reset, ScriptedUpstream, Send, response
from tests.live import MESSAGES, ROOT, STREAM, LiveServer, model_at

pytestmark = pytest.mark.timeout(120)

P = "/api/projects/default/"
KEYS = {
    name: f"sk-canary-{name}-0123456789abcdef"
    for name in ("inline", "stored", "moved", "misplaced", "header", "query", "password", "wrongpassword")
}
ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-canary-environment-0123456789abcdef",
    "HEADRACE_API_KEY": "sk-canary-environment2-0123456789abcdef",
    "HEADRACE_METRICS_TOKEN": "sk-canary-metrics-0123456789abcdef",
    "HEADRACE_OIDC_ISSUER": "http://127.0.0.1:9",
    "HEADRACE_OIDC_CLIENT_ID": "headrace",
    "HEADRACE_OIDC_CLIENT_SECRET": "sk-canary-oidc-0123456789abcdef",
}
ECHOED = [KEYS[name] for name in ("inline", "stored", "stored")]
PREPARE = "from headrace.commands.database import *; migrate(); invite_owner('http://x')"


class Scene:
    """A server with people, and everything that it answered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        settings = {"HEADRACE_AUTH": "required", "HEADRACE_EGRESS_ALLOW": "http://127.0.0.1"}
        environment = os.environ | settings | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(folder)}
        environment["DJANGO_SETTINGS_MODULE"] = "headrace.config.settings"
        command = [sys.executable, "-c", PREPARE]
        prepared = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        found = re.search(r"/sign/link#(\S+)", prepared)
        assert found
        self.link = found[1]
        self.server = LiveServer.uvicorn(folder, **settings, **ENVIRONMENT)
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, body: object = None, *, silent: bool = False, **headers: str) -> Any:
        answer = self.server.request(method, path, body, self.headers | headers)
        text = answer.read().decode()
        if not silent:
            self.told += [text, str(answer.headers)]
        cookie = answer.headers.get("Set-Cookie")
        if cookie and "sessionid" in cookie:
            self.headers["Cookie"] = cookie.partition(";")[0]
        return json.loads(text) if text.startswith("{") else text

    def chat(self, model: dict[str, Any], **headers: str) -> Any:
        return self.ask("POST", STREAM, {"messages": MESSAGES, "model": model}, **headers)

    def kept(self) -> dict[str, bytes]:
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".key")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    each = Scene(tmp_path)
    with each.server:
        yield each


def echo(key: str) -> list[Any]:
    """A provider that says back the key it was asked with."""
    message = f"Incorrect API key provided: {key}, {key[:12]}****{key[-4:]}, {quote(key)}"
    body = json.dumps({"error": {"message": message, "code": "invalid_api_key"}}).encode()
    return [Send(response(body, status="401 Unauthorized", content_type="application/json")), Close()]


def test_no_key_is_kept_or_told(scene: Scene) -> None:
    token = _people(scene)
    with ScriptedUpstream(*map(echo, ECHOED), *[[Reset()]] * 9) as upstream:
        _faults(scene, f"{upstream.url}/v1")
        asked = b"".join(each.raw_head + each.body for each in upstream.requests)
    _wrong_requests(scene, token)
    for path in ("models/", "playground/streams/", "audit/", "tokens/", "members/"):
        scene.ask("GET", P + path)
    scene.ask("GET", "/api/audit/")
    scene.ask("GET", "/metrics", Authorization=f"Bearer {ENVIRONMENT['HEADRACE_METRICS_TOKEN']}")
    scene.server.process.kill()
    scene.server.process.wait()
    secrets = [*KEYS.values(), *(value for value in ENVIRONMENT.values() if "canary" in value), token, scene.link]
    for secret in secrets:
        for form in (secret, secret[:-4], secret[8:]):
            assert not any(form in text for text in scene.told), f"{form} was told"
            assert [name for name, data in scene.kept().items() if form.encode() in data] == []
    assert KEYS["inline"].encode() in asked  # they did go where they were meant to
    assert KEYS["stored"].encode() in asked
    for name in ENVIRONMENT.values():
        assert "canary" not in name or name.encode() not in asked  # and no key of the server's went anywhere


def _people(scene: Scene) -> str:
    """Sign in with a canary password; a token, which is told this once."""
    scene.ask("POST", "/sign/link", {"secret": scene.link, "name": "ann", "password": KEYS["password"]})
    scene.ask("POST", "/sign/in", {"name": "ann", "password": KEYS["wrongpassword"]})
    scene.ask("GET", "/sign/oidc")
    made = scene.ask("POST", P + "tokens/", {"name": "ci"}, silent=True)
    return str(made["token"])


def _faults(scene: Scene, url: str) -> None:
    inline = model_at(url, apiKey=KEYS["inline"])
    scene.chat(inline)
    stored = {"name": "m", "providerId": "openai", "endpoint": url, "modelId": "m", "apiKey": KEYS["stored"]}
    made = scene.ask("POST", P + "models/", stored)
    for _ in range(2):
        scene.chat({"configId": made["configId"]})
    scene.chat({"providerId": "openai", "endpoint": url, "modelId": "m"})
    scene.ask(
        "PATCH", f"{P}models/{made['configId']}/", {"endpoint": "https://api.example.com", "apiKey": KEYS["moved"]}
    )
    scene.ask("POST", P + "playground/chat/", {"messages": MESSAGES, "model": inline})


def _wrong_requests(scene: Scene, token: str) -> None:
    key = KEYS["misplaced"]
    for model in (
        {"providerId": "openai", "endpoint": "http://10.0.0.1", "apiKey": key, "modelId": "m"},
        {"providerId": "openai", "endpoint": f"https://{key}@api.example.com", "apiKey": key, "modelId": "m"},
        {"providerId": "openai", "apiKey": [key], "modelId": "m"},
        {"providerId": "openai", "apiKey": f"{key}\n", "modelId": "m"},
        {"apiKey": key},
    ):
        scene.chat(model)
        scene.ask("POST", P + "models/", model | {"name": "x"})
    scene.ask("GET", f"{P}models/", **{"X-Api-Key": KEYS["header"]})
    scene.ask(
        "POST", "/v1/chat/completions", {"model": "openai/m", "messages": MESSAGES}, **{"X-Api-Key": KEYS["header"]}
    )
    scene.ask("GET", f"/nowhere?key={KEYS['query']}", silent=True)
    scene.ask("GET", f"{P}playground/streams/none/?after=1&key={KEYS['query']}")
    scene.ask("GET", "/api/me/", Authorization=f"Bearer {token}x", Cookie="")
    scene.ask("DELETE", f"{P}tokens/{token}/", silent=True)
