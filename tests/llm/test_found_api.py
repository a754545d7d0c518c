"""What is on this machine, over HTTP: servers at their ports and keys of the environment, for one person only."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from headrace.common import environment_keys
from headrace.common.conf import Settings
from headrace.common.registry import resolve
from headrace.llm.models import ModelConfiguration
from headrace.testing import Hold, ScriptedUpstream, Send, response
from tests.live import KEY

pytestmark = pytest.mark.usefixtures("database")

SELF = {"host": "localhost:8000"}
MODELS = "/api/projects/default/models/"
NAMES = [{"id": name} for name in ("a", "b-embed", "c", "d", "e")]
LISTED = response(json.dumps({"data": NAMES}).encode(), content_type="application/json")


def found() -> list[dict[str, Any]]:
    answer = Client(headers=SELF).get("/api/found/")
    assert answer.status_code == 200
    return list(answer.json()["models"])


@pytest.fixture
def rows(tmp_path: Path, settings: Any) -> Any:
    """Names these addresses as providers of the operator's own."""

    def named(**addresses: str) -> None:
        file = tmp_path / "providers.toml"
        text = "".join(f'[[providers]]\nname = "{name}"\nendpoint = "{url}/v1"\n' for name, url in addresses.items())
        file.write_text(text, "utf-8")
        settings.HEADRACE = {"PROVIDERS_FILE": str(file)}

    return named


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "DEEPSEEK_API_KEY", "DASHSCOPE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_what_runs_here_is_found_with_a_few_of_its_models(rows: Any) -> None:
    with ScriptedUpstream([Send(LISTED)]) as upstream:
        rows(here=upstream.url)
        names = [each["modelId"] for each in found() if each["providerId"] == "here"]
    assert names == ["a", "c", "d"]


def test_a_server_that_says_nothing_is_not_waited_for(rows: Any) -> None:
    with ScriptedUpstream([Hold()]) as silent, ScriptedUpstream([Send(LISTED)]) as upstream:
        rows(silent=silent.url, here=upstream.url)
        began = time.monotonic()
        providers = {each["providerId"] for each in found()}
        assert time.monotonic() - began < 5  # the patience is 0.3 s; a list elsewhere may take 15
    assert "here" in providers
    assert "silent" not in providers


def test_a_server_that_is_asked_by_a_unix_socket_has_no_port(rows: Any) -> None:
    with ScriptedUpstream([Send(LISTED)]) as upstream:
        rows(here=upstream.url)
        answer = Client(headers=SELF).get("/api/found/", SERVER_PORT="None")  # as Django reads what uvicorn says
    assert answer.status_code == 200
    assert any(each["providerId"] == "here" for each in answer.json()["models"])


def test_a_key_of_the_environment_is_offered_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not any(each["keyHere"] for each in found())
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (offer,) = [each for each in found() if each["keyHere"]]
    assert (offer["providerId"], offer["modelId"]) == ("openai", "gpt-4o-mini")
    body = {"name": "x", "providerId": "openai", "modelId": "gpt-4o-mini", "keyFromEnvironment": True}
    made = Client(headers=SELF).post(MODELS, body, content_type="application/json")
    assert made.status_code == 201
    assert made.json()["hasKey"] is True
    assert KEY not in made.content.decode()
    stored = ModelConfiguration.objects.get(config_id=made.json()["configId"])
    assert getattr(stored.reference(), "api_key", "") == KEY


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"endpoint": "https://evil.example/v1"}, "endpoint"),
        ({"apiKey": "sk-other"}, "apiKey"),
        ({"providerId": "deepseek"}, "keyFromEnvironment"),
        ({"providerId": "custom"}, "keyFromEnvironment"),
    ],
)
def test_a_key_of_the_environment_goes_to_its_own_address_only(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], field: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    body = {"name": "x", "providerId": "openai", "modelId": "m", "keyFromEnvironment": True} | given
    made = Client(headers=SELF).post(MODELS, body, content_type="application/json")
    assert made.status_code == 400
    assert made.json()["field"] == field


def test_where_several_people_use_the_server_no_key_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(environment_keys, "get_settings", lambda: Settings(auth="required"))
    assert environment_keys.environment_key(resolve("openai")) == ""
