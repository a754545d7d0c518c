"""People on a real Postgres, where two requests really run at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import RequestFactory

from headrace.errors import RequestError
from headrace.people import api
from headrace.projects.models import Membership, Project, Role
from tests.postgres import Postgres, migrated

MEETING_SECONDS = 1.0
"""For two requests to come to the same place, where nothing keeps them apart."""


@pytest.fixture
def postgres(django_db_blocker: Any) -> Iterator[None]:
    with Postgres() as server, migrated(server.url("people"), django_db_blocker):
        yield


def test_two_owners_who_leave_at_the_same_time_do_not_both_leave(
    postgres: None, required: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, operator = Project.objects.get(public_id="default"), User.objects.create_superuser("operator")
    owners = [User.objects.create_user(name) for name in ("ada", "ben")]
    for owner in owners:
        Membership.objects.create(project=project, user=owner, role=Role.OWNER)
    checked, meeting = api._keep_an_owner, threading.Barrier(2)
    refused: list[str] = []

    def keep_and_meet(leaving: Membership) -> None:
        checked(leaving)
        with suppress(threading.BrokenBarrierError):
            meeting.wait(MEETING_SECONDS)

    def leave(owner: User) -> None:
        request = RequestFactory().delete("/")
        request.user = operator
        try:
            api.remove_member(request, "default", str(owner.pk))
        except RequestError as error:
            refused.append(error.code)
        finally:
            connections.close_all()

    monkeypatch.setattr(api, "_keep_an_owner", keep_and_meet)
    threads = [threading.Thread(target=leave, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["conflict"]
    assert project.memberships.filter(role=Role.OWNER).count() == 1
