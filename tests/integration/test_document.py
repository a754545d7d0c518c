"""The OpenAPI document's own inputs, generated: nothing that it allows, or nearly allows, breaks the server."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from headrace.people.tokens import make_token
from headrace.projects.models import Project
from tests.people.conftest import SELF, People, people, required  # noqa: F401 - fixtures

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "4"))
"""For each operation; `make soak` asks for more. It is no setting of Headrace's, which tests run without."""

if importlib.util.find_spec("schemathesis") is None and not os.environ.get("CI"):
    pytest.skip("schemathesis is missing: pip install schemathesis", allow_module_level=True)
schemathesis = importlib.import_module("schemathesis")

BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    database=None,
)


@pytest.fixture
def operator(people: People, required: Any, monkeypatch: pytest.MonkeyPatch) -> Client:  # noqa: F811
    """The operator. Whatever address is made up, the one that is connected to is a closed port of the loopback."""
    required.HEADRACE = {"AUTH": "required", "UPSTREAM_PROXY": "http://127.0.0.1:9"}
    monkeypatch.setattr("headrace.common.streams.runtime._clients", WeakKeyDictionary())
    return people.client("operator")


def operations(client: Client) -> Iterator[Any]:
    document = client.get("/api/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        yield found.ok()


def send(client: Client, case: Any) -> Any:
    path = case.formatted_path
    query = {name: str(value) for name, value in (case.query or {}).items()}
    headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
    headers = {name: value for name, value in headers.items() if (name + value).isascii() and value.isprintable()}
    options: dict[str, Any] = {"headers": headers, "query_params": query}
    if case.method.upper() not in ("GET", "DELETE"):
        body = None if type(case.body).__name__ == "NotSet" else case.body
        options |= {"data": json.dumps(body, default=str), "content_type": "application/json"}
    return client.generic(case.method.upper(), path, **options)


@pytest.mark.timeout(300 + 60 * EXAMPLES)
def test_no_input_of_the_document_breaks_the_server(operator: Client, people: People) -> None:  # noqa: F811
    seen: list[str] = []
    for operation in operations(operator):
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            _try(operator, operation.as_strategy(generation_mode=mode), seen)
    assert len(set(seen)) > 20
    assert len(seen) >= 20 * EXAMPLES, "as many were tried as were asked for"


def _try(client: Client, strategy: Any, seen: list[str]) -> None:
    @BOUNDED
    @given(strategy)
    def attempt(case: Any) -> None:
        answer = send(client, case)
        seen.append(f"{case.method} {case.path}")
        assert answer.status_code not in (500, 501, 505), (case.method, case.formatted_path, case.body, answer.content)
        if answer.streaming:
            answer.close()

    with suppress(Unsatisfiable):  # an operation that has nothing to be asked wrongly
        attempt()


@BOUNDED
@given(st.binary(max_size=300), st.sampled_from(["/sign/in", "/sign/link", "/sign/out", "/api/me/", "/v1/models"]))
def _anything(client: Client, body: bytes, path: str) -> None:
    answer = client.generic("POST", path, body, content_type="application/json")
    assert answer.status_code < 500, (path, body, answer.content)


def test_no_bytes_break_the_ways_in(people: People) -> None:  # noqa: F811
    token = make_token(Project.objects.get(public_id="default"), "t", ["read"])[1]
    for headers in ({}, {"authorization": f"Bearer {token}"}, {"cookie": "sessionid=\u0000x"}):
        _anything(Client(headers=SELF | headers, raise_request_exception=False))
