"""The registry over HTTP, and lists of models asked of real (scripted) providers: shapes, bounds, faults, keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from headrace.common import model_list
from headrace.providers.presets import PRESETS
from headrace.testing import Close, ScriptedUpstream, Send, response
from tests.live import KEY

pytestmark = pytest.mark.usefixtures("database")

SELF = {"host": "localhost:8000"}
GOOGLE, ANTHROPIC = ("x-goog-api-key", KEY), ("x-api-key", KEY)


def listing(body: Any, status: str = "200 OK") -> list[Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [Send(response(data, status=status, content_type="application/json"))]


def models(provider: str, **body: str) -> Any:
    path = f"/api/providers/{provider}/models/"
    return Client(headers=SELF).post(path, json.dumps(body), content_type="application/json")


def test_the_rows_are_listed() -> None:
    rows = {row["providerId"]: row for row in Client(headers=SELF).get("/api/providers/").json()["providers"]}
    assert rows.keys() == PRESETS.keys()
    moonshot = rows["moonshot"]
    assert moonshot["endpoint"] == "https://api.moonshot.cn/v1"
    assert moonshot["dialect"] == "openai-chat"
    assert moonshot["docsUrl"].startswith("https://")
    assert moonshot["keyVariable"] == "MOONSHOT_API_KEY"
    assert "kimi" in moonshot["aliases"]
    assert moonshot["abilities"] == {"tools": True, "images": True, "structuredOutput": True, "models": True}
    assert not moonshot["custom"]


@pytest.mark.parametrize(
    ("provider", "path", "body", "header"),
    [
        ("openai", "/v1/models", {"data": [{"id": "a"}, {"id": "b"}]}, ("authorization", f"Bearer {KEY}")),
        ("together", "/v1/models", [{"id": "a", "display_name": "A"}, {"id": "b"}], ("authorization", f"Bearer {KEY}")),
        ("ollama", "/api/tags", {"models": [{"name": "a", "model": "a"}, {"name": "b"}]}, None),
        (
            "anthropic",
            "/v1/models?limit=1000",
            {"data": [{"type": "model", "id": "a"}, {"id": "b"}]},
            ("x-api-key", KEY),
        ),
        (
            "gemini",
            "/v1/models?pageSize=1000",
            {"models": [{"name": "models/a"}, {"name": "b"}]},
            ("x-goog-api-key", KEY),
        ),
    ],
)
def test_models_in_the_shapes_of_the_world(provider: str, path: str, body: Any, header: Any) -> None:
    with ScriptedUpstream(listing(body)) as upstream:
        base = upstream.url if provider == "ollama" else f"{upstream.url}/v1"
        answer = models(provider, endpoint=base, apiKey=KEY if header else "")
        (request,) = upstream.requests
    assert [each["id"] for each in answer.json()["models"]] == ["a", "b"]
    assert (request.method, request.target) == ("GET", path)
    assert request.body == b""
    if header:
        assert request.headers[header[0]] == header[1]
        assert KEY not in request.target


def test_a_stored_key_is_used_and_not_shown() -> None:
    with ScriptedUpstream(listing({"data": [{"id": "a"}]})) as upstream:
        client = Client(headers=SELF)
        stored = {"name": "x", "providerId": "openai", "endpoint": f"{upstream.url}/v1", "modelId": "m", "apiKey": KEY}
        made = client.post("/api/projects/default/models/", json.dumps(stored), content_type="application/json").json()
        answer = client.get(f"/api/projects/default/models/{made['configId']}/available/")
        assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert answer.json() == {"models": [{"id": "a", "title": ""}]}
    assert client.get("/api/projects/default/models/none/available/").status_code == 400
    assert client.get("/api/projects/none/models/none/available/").status_code == 404


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (listing({"error": {"message": f"bad key {KEY}"}}, "401 Unauthorized"), 502, "upstream_auth"),
        (listing({"error": {"message": "slow"}}, "429 Too Many Requests"), 429, "upstream_rate_limited"),
        (listing(b"<html>"), 502, "upstream_protocol"),
        (listing({"data": "none"}), 502, "upstream_protocol"),
        (listing(b"[" * 100_000), 502, "upstream_protocol"),
        ([Close()], 502, "upstream_protocol"),
    ],
    ids=["key", "limit", "page", "shape", "nesting", "nothing"],
)
def test_faults_have_their_codes(script: Any, status: int, code: str) -> None:
    with ScriptedUpstream(script) as upstream:
        answer = models("openai", endpoint=f"{upstream.url}/v1", apiKey=KEY)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert KEY not in answer.content.decode()


def test_lists_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {"data": [{"id": f"m{n}"} for n in range(50)] + [{"id": "x" * 600}, {"id": 7}, 7]}
    monkeypatch.setattr(model_list, "MAX_MODELS", 20)
    with ScriptedUpstream(listing(many)) as upstream:
        assert len(models("openai", endpoint=f"{upstream.url}/v1").json()["models"]) == 20
    monkeypatch.setattr(model_list, "MAX_LIST", 100)
    with ScriptedUpstream(listing(many)) as upstream:
        assert models("openai", endpoint=f"{upstream.url}/v1").json()["code"] == "upstream_limit"


def test_silence_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from headrace.testing import Hold

    monkeypatch.setattr(model_list, "LIST_SECONDS", 0.2)
    with ScriptedUpstream([Hold()]) as upstream:
        answer = models("openai", endpoint=f"{upstream.url}/v1")
        assert answer.status_code == 504
        assert answer.json()["code"] in ("upstream_first_byte_timeout", "upstream_total_timeout")
        assert upstream.wait_disconnect()


@pytest.mark.parametrize("endpoint", ["http://192.168.7.7/v1", "https://169.254.169.254/v1"])
def test_the_egress_policy_holds(endpoint: str) -> None:
    answer = models("openai", endpoint=endpoint, apiKey=KEY)
    assert (answer.status_code, answer.json()["code"]) == (400, "egress_refused")


@pytest.mark.parametrize(
    ("provider", "body", "status"),
    [
        ("nobody", {}, 404),
        ("bedrock", {"endpoint": "https://bedrock-runtime.us-east-1.amazonaws.com"}, 400),
        ("openai", {"endpoint": "nonsense"}, 400),
        ("openai", {"apiKey": "a b"}, 400),
    ],
)
def test_what_cannot_be_asked_is_refused(provider: str, body: dict[str, str], status: int) -> None:
    assert models(provider, **body).status_code == status


def test_the_local_models_need_nobody() -> None:
    assert [each["id"] for each in models("local").json()["models"]] == ["smollm2", "smollm2-reasoning"]
