"""The main of a short-lived process that makes the day's projects, people and tokens, and prints what each sends to be
known, and the password of the owner."""

from __future__ import annotations

import json
import secrets
from typing import Any

from headrace.backends.children import die_with_parent
from soak.day.plan import ASKERS, OWNER, Asker


def make() -> dict[str, str]:
    from django.contrib.auth.models import User

    password = secrets.token_urlsafe(12)
    owner = User.objects.create_superuser(OWNER, password=password)
    return {asker.name: _head(asker, _project(asker.project, owner)) for asker in ASKERS} | {"password": password}


def _project(name: str, owner: Any) -> Any:
    from headrace.projects.models import Membership, Project

    project, _ = Project.objects.get_or_create(public_id=name, defaults={"name": name.title()})
    Membership.objects.update_or_create(project=project, user=owner, defaults={"role": "owner"})
    return project


def _head(asker: Asker, project: Any) -> str:
    """The line of a request's head that makes this asker known."""
    from django.contrib.auth.models import User
    from django.test import Client

    from headrace.people.tokens import make_token

    if asker.program:
        return f"Authorization: Bearer {make_token(project, asker.name, ['read', 'chat'])[1]}"
    user, _ = User.objects.get_or_create(username=asker.name)
    project.memberships.get_or_create(user=user)
    client = Client()
    client.force_login(user)
    return f"Cookie: sessionid={client.cookies['sessionid'].value}"


if __name__ == "__main__":
    die_with_parent()
    import django

    django.setup()
    print(json.dumps(make()))
