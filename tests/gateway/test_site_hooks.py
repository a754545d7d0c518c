"""A site that has its own say about projects is heard on OpenAI's addresses too."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.test import Client

COMPLETIONS = "/v1/chat/completions"
MODELS = "/v1/models"
LOCALLY = {"host": "127.0.0.1"}
QUESTION = {"model": "local/smollm2", "messages": [{"role": "user", "content": "Tell me about rivers."}]}


def resolve(_: HttpRequest, project_id: str) -> str | None:
    return {"default": "tenant-1", "closed": "tenant-2"}.get(project_id)


def client(project: str = "") -> Client:
    return Client(headers=LOCALLY | ({"x-headrace-project": project} if project else {}))


def ask(project: str = "") -> Any:
    return client(project).post(COMPLETIONS, json.dumps(QUESTION), content_type="application/json")


def test_projects_are_the_sites_own_and_it_may_refuse(database: None, headrace_settings: Any) -> None:
    asked: list[tuple[Any, bool]] = []

    def authorize(_: HttpRequest, project: Any, chat: Any) -> bool:
        asked.append((project, chat is not None))
        return project == "tenant-1" and chat is None

    headrace_settings.HEADRACE = {"RESOLVE_PROJECT": resolve, "AUTHORIZE": authorize}
    listed = client().get(MODELS)
    assert listed.status_code == 200
    assert {each["owned_by"] for each in listed.json()["data"]} == {"local"}, "a site's own project stores no models"
    for project, status, code in (
        ("", 403, "forbidden"),
        ("closed", 403, "forbidden"),
        ("no", 404, "project_not_found"),
    ):
        refused = ask(project)
        assert refused.status_code == status
        assert refused.json()["error"]["code"] == code
    assert client("closed").get(MODELS).status_code == 403
    assert client("no").get(MODELS).status_code == 404
    assert asked == [("tenant-1", False), ("tenant-1", True), ("tenant-2", True), ("tenant-2", False)]
