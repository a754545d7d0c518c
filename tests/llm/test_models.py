"""Model configurations: a key is bound to where it was saved for, and is never shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.db import IntegrityError, connection
from django.test import Client

from headrace.common.encryption import Sealed
from headrace.common.requests import InlineModel, LocalModel
from headrace.errors import RequestError
from headrace.llm.models import ModelConfiguration, stored_model
from headrace.projects.models import Project

pytestmark = pytest.mark.usefixtures("database")

KEY = "sk-sesame-canary"
HERE = "https://api.example.com/v1"
MODELS = "/api/projects/default/models/"


def saved(**values: Any) -> ModelConfiguration:
    project = Project.objects.get(public_id="default")
    made = ModelConfiguration(
        project=project, name="mine", provider_id="openai", model_id="m", **({"endpoint": HERE} | values)
    )
    made.set_key(KEY)
    made.save()
    return made


def again(made: ModelConfiguration) -> ModelConfiguration:
    return ModelConfiguration.objects.get(pk=made.pk)


def test_both_local_models_are_stored() -> None:
    project = Project.objects.get(public_id="default")
    assert stored_model(project, "local-plain") == LocalModel("smollm2")
    assert stored_model(project, "local-reasoning") == LocalModel("smollm2-reasoning")


def test_a_stored_key_comes_back_for_its_origin() -> None:
    made = again(saved())
    assert made.key_origin == "https://api.example.com:443"
    assert made.reference() == InlineModel("openai", HERE, "m", KEY)
    assert stored_model(made.project, made.config_id) == made.reference()
    for origin in ("https://api.example.com:8443", "http://api.example.com:443", "https://evil.example:443", ""):
        assert made.key_for(origin) == ""


def test_the_column_holds_no_plain_text() -> None:
    made = saved()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM headrace_llm_modelconfiguration WHERE id = %s", [made.pk])
        row = cursor.fetchone()
    assert KEY not in repr(row)
    assert KEY not in f"{made!r} {made} {vars(again(made))} {again(made).reference()!r}"
    assert KEY not in serializers.serialize("json", [made])


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v1",
        "http://api.example.com/v1",
        "https://api.example.com:8443/v1",
        "https://api.example.com.evil/",
    ],
)
def test_another_origin_forgets_the_key(address: str) -> None:
    made = again(saved())
    made.endpoint = address
    made.save(update_fields=["endpoint"])
    kept = again(made)
    assert not kept.has_key
    assert not kept.sealed_key
    assert kept.reference() == InlineModel("openai", address, "m", "")
    kept.endpoint = HERE
    kept.save()
    assert again(made).reference() == InlineModel("openai", HERE, "m", "")


@pytest.mark.parametrize("address", ["https://API.example.com:443/v2", "https://api.example.com/v1/chat/completions"])
def test_the_same_origin_keeps_it(address: str) -> None:
    made = saved()
    made.endpoint = address
    made.save()
    assert again(made).key_for(again(made).origin) == KEY


def test_a_provider_that_is_asked_elsewhere_forgets_it() -> None:
    made = saved(endpoint="")
    assert again(made).key_origin == "https://api.openai.com:443"
    made.provider_id = "deepseek"
    made.save()
    assert not again(made).has_key


def test_a_row_that_was_changed_behind_our_back_sends_no_key() -> None:
    made = saved()
    ModelConfiguration.objects.filter(pk=made.pk).update(
        endpoint="https://evil.example", key_origin="https://evil.example:443"
    )
    with pytest.raises(RequestError, match="saved for another address") as caught:
        stored_model(made.project, made.config_id)
    assert caught.value.field == "model.configId"
    assert KEY not in str(caught.value)


def test_lost_secret_keys_are_said(headrace_settings: Any) -> None:
    made = saved()
    headrace_settings.HEADRACE = {"SECRET_KEYS": [Fernet.generate_key().decode()]}
    with pytest.raises(RequestError, match="enter it again"):
        stored_model(made.project, made.config_id)


def test_a_fixture_carries_the_sealed_key() -> None:
    made = saved()
    text = serializers.serialize("json", [made])
    made.delete()
    for each in serializers.deserialize("json", text):
        each.save()
    assert stored_model(made.project, made.config_id) == InlineModel("openai", HERE, "m", KEY)


def test_a_config_id_is_unique_within_its_project_only() -> None:
    made = saved()
    with pytest.raises(IntegrityError):
        saved(config_id=made.config_id)
    elsewhere = Project.objects.create(public_id="other", name="Other")
    with pytest.raises(RequestError) as caught:
        stored_model(elsewhere, made.config_id)
    assert (caught.value.status, caught.value.field) == (400, "model.configId")
    ModelConfiguration(project=elsewhere, config_id=made.config_id, name="theirs", provider_id="local").save()


def ask(method: str, path: str = "", body: Any = None) -> Any:
    client = Client(headers={"host": "localhost"})
    return client.generic(
        method, MODELS + path, json.dumps(body) if body is not None else "", content_type="application/json"
    )


@pytest.mark.parametrize(
    ("provider", "model", "reads"),
    [("openai", "gpt-4o", True), ("openai", "gpt-3.5-turbo", False), ("local", "", False)],
)
def test_a_model_that_is_known_to_see_nothing_says_so(provider: str, model: str, reads: bool) -> None:
    made = ask("POST", body={"name": "Mine", "providerId": provider, "modelId": model, "endpoint": ""})
    assert made.json()["readsImages"] is reads


def test_the_api_writes_keys_and_never_reads_them() -> None:
    made = ask("POST", body={"name": "Mine", "providerId": "openai", "modelId": "m", "endpoint": HERE, "apiKey": KEY})
    assert made.status_code == 201
    config_id = made.json()["configId"]
    assert made.json()["hasKey"] is True
    read = ask("GET", f"{config_id}/")
    listed = ask("GET")
    changed = ask("PATCH", f"{config_id}/", {"name": "Still mine"})
    assert read.json() == made.json()
    assert made.json() in listed.json()["models"]
    assert (changed.json()["name"], changed.json()["hasKey"]) == ("Still mine", True)
    for response in (made, read, listed, changed):
        assert KEY not in response.content.decode()
    project = Project.objects.get(public_id="default")
    assert stored_model(project, config_id) == InlineModel("openai", HERE, "m", KEY)
    moved = ask("PATCH", f"{config_id}/", {"endpoint": "https://evil.example"})
    assert moved.json()["hasKey"] is False
    anew = ask("PATCH", f"{config_id}/", {"endpoint": HERE, "api_key": "sk-new"})
    assert anew.json()["hasKey"] is True
    assert stored_model(project, config_id) == InlineModel("openai", HERE, "m", "sk-new")
    assert ask("PATCH", f"{config_id}/", {"apiKey": ""}).json()["hasKey"] is False
    assert ask("DELETE", f"{config_id}/").status_code == 204
    assert ask("GET", f"{config_id}/").status_code == ask("DELETE", f"{config_id}/").status_code == 404


GOOD = {"name": "n", "providerId": "openai", "modelId": "m"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        (GOOD | {"name": " "}, "name"),
        (GOOD | {"name": 5}, "name"),
        (GOOD | {"providerId": ""}, "providerId"),
        (GOOD | {"modelId": ""}, "modelId"),
        (GOOD | {"endpoint": "host"}, "endpoint"),
        (GOOD | {"endpoint": f"https://u:{KEY}@h"}, "endpoint"),
        (GOOD | {"providerId": "nobody"}, "endpoint"),
        (GOOD | {"apiKey": f"{KEY}\nx"}, "apiKey"),
        (GOOD | {"apiKey": [KEY]}, "apiKey"),
        (GOOD | {"providerId": "local", "endpoint": HERE}, "endpoint"),
        (GOOD | {"providerId": "local", "apiKey": KEY}, "apiKey"),
        ([], ""),
        ("x", ""),
    ],
)
def test_a_wrong_configuration_is_named(body: Any, field: str) -> None:
    before = ModelConfiguration.objects.count()
    response = ask("POST", body=body)
    assert (response.status_code, response.json()["field"]) == (400, field), response.content
    assert set(response.json()) == {"error", "code", "field"}
    assert KEY not in response.content.decode()
    assert ModelConfiguration.objects.count() == before


def test_a_sealed_column_begins_empty() -> None:
    assert ModelConfiguration(name="x").sealed_key == Sealed()
