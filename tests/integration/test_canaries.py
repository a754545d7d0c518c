"""Canaries in every place where a key can enter: after faults, wrong requests and a crash, none has been kept or told.

Kept is what lies in the data folder (database, its log, everything but the key files themselves), in the server's log,
in the shared journal and in a backup; told is every answer that is not the one which shows a new secret.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis

from headrace.testing import Close, Reset, ScriptedUpstream, Send, chunk, response, sse, stream_head
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.live import MESSAGES, ROOT, STREAM, LiveServer, model_at

pytestmark = pytest.mark.timeout(120)

P = "/api/projects/default/"
KEYS = {
    name: f"sk-canary-{name}-0123456789abcdef"
    for name in (
        *("inline", "stored", "fallback", "moved", "misplaced", "listing", "streamed", "gateway"),
        *("header", "query", "password", "wrongpassword"),
    )
}
ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-canary-environment-0123456789abcdef",
    "HEADRACE_API_KEY": "sk-canary-environment2-0123456789abcdef",
    "HEADRACE_METRICS_TOKEN": "sk-canary-metrics-0123456789abcdef",
    "HEADRACE_OIDC_ISSUER": "http://127.0.0.1:9",
    "HEADRACE_OIDC_CLIENT_ID": "headrace",
    "HEADRACE_OIDC_CLIENT_SECRET": "sk-canary-oidc-0123456789abcdef",
    "HEADRACE_UPSTREAM_PROXY": "http://proxy:sk-canary-proxy-0123456789abcdef@127.0.0.1:9",
    "HEADRACE_SECRET_KEYS": "sk-canary-secret-0123456789abcdefghijklmno0=",
}
WIRES = b"headrace:wire:"
JOURNAL_PASSWORD = "sk-canary-journal-0123456789abcdef"
SECRETS = [
    *re.findall(r"sk-canary-\w+-\w+=?", " ".join([*ENVIRONMENT.values(), JOURNAL_PASSWORD])),
    *KEYS.values(),
]
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
        self.journal = RunningServer(valkey_binary(), "--requirepass", JOURNAL_PASSWORD, "--rdbcompression", "no")
        journal = self.journal.url.replace("unix://", f"unix://:{JOURNAL_PASSWORD}@")
        self.server = LiveServer.uvicorn(folder, **settings, **ENVIRONMENT, REDIS_URL=journal)
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
        options = {"includeWire": True}
        return self.ask("POST", STREAM, {"messages": MESSAGES, "model": model, "streamOptions": options}, **headers)

    def kept(self) -> dict[str, bytes]:
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".key")
        found = {str(path.relative_to(self.folder)): path.read_bytes() for path in files}
        return found | self._mirrored() | self._backup()

    def _mirrored(self) -> dict[str, bytes]:
        """Everything in the shared journal, as it would lie on a disk."""
        path = self.journal.url.removeprefix("unix://")
        with redis.Redis(unix_socket_path=path, password=JOURNAL_PASSWORD) as server:
            names = list(server.scan_iter(count=1000))
            assert names, "the journal holds the streams"
            wires = {name: zlib.decompress(server.get(name) or b"") for name in names if name.startswith(WIRES)}
            assert wires, "what went over the wire lies there too"
            return {
                f"journal {name!r}": name + bytes(server.dump(name) or b"") + wires.get(name, b"") for name in names
            }

    def _backup(self) -> dict[str, bytes]:
        """The file that `headrace backup` exports, unpacked; the key files in it are keys by right."""
        target = self.folder.parent / f"{self.folder.name}-backup.tar.gz"
        target.unlink(missing_ok=True)
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(self.folder)}
        command = [sys.executable, "-m", "headrace.cli", "backup", str(target)]
        subprocess.run(command, env=environment, capture_output=True, check=True)
        with tarfile.open(target) as archive:
            names = [name for name in archive.getnames() if not name.endswith(".key")]
            return {f"backup {name}": archive.extractfile(name).read() for name in names}  # type: ignore[union-attr]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    each = Scene(tmp_path)
    try:
        with each.server:
            yield each
    finally:
        each.journal.close()


def echo(key: str) -> list[Any]:
    """A provider that says back the key it was asked with."""
    message = f"Incorrect API key provided: {key}, {key[:12]}****{key[-4:]}, {quote(key)}"
    body = json.dumps({"error": {"message": message, "code": "invalid_api_key"}}).encode()
    return [Send(response(body, status="401 Unauthorized", content_type="application/json")), Close()]


def streamed(key: str) -> list[Any]:
    """A provider whose model says the key in its answer, and breaks off with it in an error."""
    said = [sse({"choices": [{"index": 0, "delta": {"content": "I am "}}]})]
    said.append(sse({"error": {"message": f"key {key} is out of quota", "code": "insufficient_quota"}}))
    return [Send(stream_head() + b"".join(map(chunk, said))), Reset()]


def test_no_key_is_kept_or_told(scene: Scene) -> None:
    token = _people(scene)
    scripts = [*map(echo, ECHOED), streamed(KEYS["streamed"])]
    with ScriptedUpstream(*scripts, *[[Reset()]] * 30) as upstream:
        _faults(scene, f"{upstream.url}/v1")
        asked = b"".join(each.raw_head + each.body for each in upstream.requests)
    _wrong_requests(scene, token)
    for path in ("models/", "playground/streams/", "audit/", "tokens/", "members/"):
        scene.ask("GET", P + path)
    listed = scene.ask("GET", P + "playground/streams/")["streams"]
    assert len(listed) > 4
    for place in (f"{P}playground/streams/{each['streamId']}/" for each in listed):
        scene.ask("GET", f"{place}?includeUsage=true")
        scene.ask("GET", f"{place}wire/")
    for path in ("/api/audit/", "/api/providers/", "/api/openapi.json", "/api/doctor/", "/readyz"):
        scene.ask("GET", path)
    scene.ask("GET", "/metrics", Authorization=f"Bearer {ENVIRONMENT['HEADRACE_METRICS_TOKEN']}")
    scene.server.process.kill()
    scene.server.process.wait()
    kept = scene.kept()
    assert any(b"I am " in data for name, data in kept.items() if name.startswith("journal")), "answers are seen there"
    for secret in [*SECRETS, token, scene.link]:
        for form in (secret, secret[:-4], secret[8:]):
            assert not any(form in text for text in scene.told), f"{form} was told"
            assert [name for name, data in kept.items() if form.encode() in data] == []
    for name in ("inline", "stored", "streamed", "listing", "fallback"):
        assert KEYS[name].encode() in asked, f"{name} did not go where it was meant to"
    for name in SECRETS[: -len(KEYS)]:
        assert name.encode() not in asked, "no key of the server's went anywhere"


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
    scene.chat(model_at(url, apiKey=KEYS["streamed"]))
    other = scene.ask("POST", P + "models/", stored | {"name": "n", "apiKey": KEYS["fallback"]})
    first = {"name": "f", "endpoint": f"{url[:-3]}/v2", "apiKey": KEYS["moved"], "fallbacks": [other["configId"]]}
    scene.chat({"configId": scene.ask("POST", P + "models/", stored | first)["configId"]})
    scene.ask("POST", "/api/providers/openai/models/", {"endpoint": url, "apiKey": KEYS["listing"]})
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
    bearer = {"Authorization": f"Bearer {KEYS['gateway']}", "Cookie": ""}
    scene.ask("POST", "/v1/chat/completions", {"model": "openai/m", "messages": MESSAGES}, **bearer)
    scene.ask("POST", STREAM, {"messages": MESSAGES, "model": {"providerId": "openai"}, "apiKey": key})
    scene.ask("POST", STREAM, {"messages": MESSAGES, "model": {}, "key": key, "extraBody": {"api_key": [key]}})
    scene.ask("POST", STREAM, f'{{"model": {{"apiKey": "{key}"'.encode())
    for path in ("/v1/messages", "/v1/ui-messages", "/api/chat"):
        scene.ask("POST", path, {"model": "openai/m", "messages": MESSAGES}, **bearer)
        scene.ask("POST", path, {"model": "openai/m", "messages": MESSAGES}, **{"X-Api-Key": KEYS["header"]})
    scene.ask("GET", "/api/found/", **bearer)
    scene.ask("GET", f"{P}models/", **{"X-Api-Key": KEYS["header"]})
    scene.ask(
        "POST", "/v1/chat/completions", {"model": "openai/m", "messages": MESSAGES}, **{"X-Api-Key": KEYS["header"]}
    )
    scene.ask("GET", f"/nowhere?key={KEYS['query']}", silent=True)
    scene.ask("GET", f"{P}playground/streams/none/?after=1&key={KEYS['query']}")
    scene.ask("GET", "/api/me/", Authorization=f"Bearer {token}x", Cookie="")
    scene.ask("DELETE", f"{P}tokens/{token}/", silent=True)
