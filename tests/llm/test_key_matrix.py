"""Every way to write a stored configuration × every change of where it asks: its key goes where it was saved for, or
nowhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core import serializers
from django.db import connection
from django.test import Client

from headrace.common.origins import origin_of
from headrace.common.requests import InlineModel
from headrace.errors import RequestError
from headrace.llm.models import ModelConfiguration, stored_model
from headrace.projects.models import Project

pytestmark = pytest.mark.usefixtures("database")

KEY = "sk-canary-matrix"
HERE = "https://api.example.com/v1"
CHANGES = (
    "https://api.example.com/v2",
    "https://API.example.com:443/v1",
    "https://api.example.com:8443/v1",
    "http://api.example.com/v1",
    "http://api.example.com:443/v1",
    "https://evil.example/v1",
    "https://api.example.com.evil.example/v1",
    "https://api.example.com@evil.example/v1",
    "https://evil.example/https://api.example.com/v1",
    "https://evil.example#api.example.com",
    "https://[::ffff:1.2.3.4]/v1",
    "",
)
Write = Callable[[ModelConfiguration, dict[str, str]], Any]


def by_the_api(made: ModelConfiguration, values: dict[str, str]) -> Any:
    names = {"endpoint": "endpoint", "provider_id": "providerId"}
    body = {names[name]: value for name, value in values.items()}
    path = f"/api/projects/default/models/{made.config_id}/"
    return Client(headers={"host": "localhost"}).patch(path, body, content_type="application/json")


def by_saving(made: ModelConfiguration, values: dict[str, str]) -> None:
    for name, value in values.items():
        setattr(made, name, value)
    made.save()


def by_saving_some_fields(made: ModelConfiguration, values: dict[str, str]) -> None:
    for name, value in values.items():
        setattr(made, name, value)
    made.save(update_fields=list(values))


def by_a_query(made: ModelConfiguration, values: dict[str, str]) -> None:
    ModelConfiguration.objects.filter(pk=made.pk).update(**values)


def by_a_bulk_update(made: ModelConfiguration, values: dict[str, str]) -> None:
    for name, value in values.items():
        setattr(made, name, value)
    ModelConfiguration.objects.bulk_update([made], list(values))


def by_hand(made: ModelConfiguration, values: dict[str, str]) -> None:
    """The row changed behind our back, the note of the key's origin with it."""
    with connection.cursor() as cursor:
        for name, value in values.items():
            cursor.execute(
                f"UPDATE headrace_llm_modelconfiguration SET {name} = %s WHERE id = %s",
                [value, made.pk],
            )
        try:
            origin = origin_of(values.get("endpoint") or HERE)
        except ValueError:
            origin = ""
        cursor.execute(
            "UPDATE headrace_llm_modelconfiguration SET key_origin = %s WHERE id = %s",
            [origin, made.pk],
        )


def by_a_copy(made: ModelConfiguration, values: dict[str, str]) -> None:
    made.pk = None
    ModelConfiguration.objects.all().delete()
    by_saving(made, values)


def by_a_fixture(made: ModelConfiguration, values: dict[str, str]) -> None:
    by_a_query(made, values)
    text = serializers.serialize("json", [ModelConfiguration.objects.get(pk=made.pk)])
    made.delete()
    for each in serializers.deserialize("json", text):
        each.save()


WRITES: tuple[Write, ...] = (
    by_the_api,
    by_saving,
    by_saving_some_fields,
    by_a_query,
    by_a_bulk_update,
    by_hand,
    by_a_copy,
    by_a_fixture,
)


def asked(made: ModelConfiguration) -> InlineModel | None:
    """What a chat with this configuration would ask; None where it would ask nothing."""
    try:
        found = stored_model(Project.objects.get(public_id="default"), made.config_id)
    except (RequestError, ValueError):
        return None
    assert isinstance(found, InlineModel)
    return found


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("provider", ["openai", "deepseek"])
def test_a_key_goes_nowhere_else(write: Write, provider: str) -> None:
    for address in CHANGES:
        made = ModelConfiguration(
            project=Project.objects.get(public_id="default"),
            name="n",
            provider_id="openai",
            endpoint=HERE,
            model_id="m",
        )
        made.set_key(KEY)
        made.save()
        with suppress(RequestError, ValueError):
            write(made, {"endpoint": address, "provider_id": provider})
        found = asked(made)
        if found is not None and found.api_key:
            assert found.api_key == KEY
            assert origin_of(found.endpoint) == origin_of(HERE), (write.__name__, address)
        elif found is not None and write in (by_the_api, by_saving) and address == CHANGES[0]:
            pytest.fail("the key was lost though the origin is the same")
        ModelConfiguration.objects.filter(name="n").delete()


def test_one_projects_configuration_is_none_of_anothers() -> None:
    other = Project.objects.create(public_id="other", name="Other")
    made = ModelConfiguration(project=other, name="n", provider_id="openai", endpoint=HERE, model_id="m")
    made.set_key(KEY)
    made.save()
    with pytest.raises(RequestError, match="no configuration of this project"):
        stored_model(Project.objects.get(public_id="default"), made.config_id)
