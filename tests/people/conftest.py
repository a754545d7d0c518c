"""People for the tests: a project with one of each role, a stranger, and programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from headrace.common.identity import keeper
from headrace.people import revocation
from headrace.people.tokens import make_token
from headrace.projects.access import forget_projects
from headrace.projects.models import Membership, Project

SELF = {"host": "localhost"}
PASSWORD = "a long enough phrase"


@dataclass
class People:
    """`headers` has what each sends to be known; `users` the accounts, `tokens` the programs' secrets."""

    users: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, who: str) -> Client:
        return Client(headers=SELF | self.headers[who], raise_request_exception=False)


@pytest.fixture
def required(headrace_settings: Any) -> Iterator[Any]:
    """A server where people sign in; what this process believes of others is forgotten before and after."""
    headrace_settings.HEADRACE = {"AUTH": "required"}
    headrace_settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # half a second saved a person
    _forget()
    yield headrace_settings
    _forget()


def _forget() -> None:
    kept = keeper()
    assert kept is not None
    kept.forget()
    forget_projects()
    revocation.watch._admitted.clear()


@pytest.fixture
def people(database: None, required: Any) -> People:
    """One of each role in `default`; a stranger who owns `other`; an operator; programs of both projects."""
    made = People()
    default, other = Project.objects.get(public_id="default"), Project.objects.create(public_id="other", name="Other")
    for name, project in (("owner", default), ("editor", default), ("viewer", default), ("stranger", other)):
        user = made.users[name] = User.objects.create_user(name, password=PASSWORD)
        Membership.objects.create(project=project, user=user, role="owner" if name == "stranger" else name)
    made.users["operator"] = User.objects.create_superuser("operator", password=PASSWORD)
    for name, project, permissions in (
        ("reading", default, ["read"]),
        ("chatting", default, ["read", "chat"]),
        ("configuring", default, ["configure"]),
        ("foreign", other, ["read", "chat", "configure"]),
    ):
        made.tokens[name] = make_token(project, name, permissions)[1]
        made.headers[name] = {"authorization": f"Bearer {made.tokens[name]}"}
    for name, user in made.users.items():
        client = Client()
        client.force_login(user)
        made.headers[name] = {"cookie": f"sessionid={client.cookies['sessionid'].value}"}
    made.headers["anonymous"] = {}
    return made
