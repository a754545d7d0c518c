"""Who may use which project, and that a stranger learns nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import AsyncRequestFactory, Client

from headrace.common.database import THREADS, in_database
from headrace.errors import RequestError
from headrace.projects.access import aproject_of, project_of, projects_of
from headrace.projects.models import Project

SELF = {"host": "localhost"}


@pytest.fixture
def required(headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"AUTH": "required"}


@pytest.fixture
def people(database: None) -> tuple[Any, Any]:
    """A member of `team`, and a stranger."""
    member, stranger = User.objects.create_user("member"), User.objects.create_user("stranger")
    Project.objects.create(public_id="team", name="Team").members.add(member)
    return member, stranger


def test_the_default_project_is_there(database: None) -> None:
    assert [project.public_id for project in projects_of(None)] == ["default"]


def test_where_nobody_logs_in_everything_is_ones_own(people: tuple[Any, Any]) -> None:
    assert {project.public_id for project in projects_of(AnonymousUser())} == {"default", "team"}


def test_members_see_their_projects_only(people: tuple[Any, Any], required: None) -> None:
    member, stranger = people
    assert [project.public_id for project in projects_of(member)] == ["team"]
    assert list(projects_of(stranger)) == list(projects_of(AnonymousUser())) == list(projects_of(None)) == []
    assert len(projects_of(User.objects.create_superuser("root"))) == 2


def test_a_foreign_project_and_none_at_all_are_the_same(people: tuple[Any, Any], required: None) -> None:
    member, stranger = people
    assert project_of(member, "team").name == "Team"
    said = []
    for public_id in ("team", "nothing"):
        with pytest.raises(RequestError) as caught:
            project_of(stranger, public_id)
        error = caught.value
        said.append((error.status, error.code, error.field, error.message.replace(public_id, "X")))
    assert said[0] == said[1]
    assert said[0][0] == 404


@pytest.mark.parametrize(
    "suffix", ["models/", "models/local-plain/", "playground/streams/", "playground/streams/none/"]
)
def test_the_api_tells_a_stranger_nothing(
    people: tuple[Any, Any], required: None, headrace_settings: Any, suffix: str
) -> None:
    headrace_settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        *headrace_settings.MIDDLEWARE,
    ]
    client = Client(headers=SELF)
    client.force_login(people[1])
    foreign = client.get(f"/api/projects/team/{suffix}")
    missing = client.get(f"/api/projects/nothing/{suffix}")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content.replace(b"team", b"X") == missing.content.replace(b"nothing", b"X")
    assert client.get("/api/projects/").json() == {"projects": []}
    member = Client(headers=SELF)
    member.force_login(people[0])
    assert member.get("/api/projects/team/models/").json() == {"models": []}


async def test_a_stream_holds_no_connection(database: None) -> None:
    """Whatever many streams look up, only the pool's few threads ever have one."""
    project = await aproject_of(AsyncRequestFactory().get("/"), "default")
    assert project.public_id == "default"

    def looked_up() -> str:
        assert Project.objects.filter(public_id="default").exists()
        return threading.current_thread().name

    names = set(await asyncio.gather(*(in_database(looked_up) for _ in range(40))))
    assert len(names) <= THREADS
    assert all(name.startswith("headrace-database") for name in names)
    with pytest.raises(RequestError) as caught:
        await aproject_of(AsyncRequestFactory().get("/"), "nothing")
    assert caught.value.status == 404


async def test_a_project_that_changes_is_looked_up_anew(database: None) -> None:
    request = AsyncRequestFactory().get("/")
    assert (await aproject_of(request, "default")).name
    await in_database(lambda: Project.objects.get(public_id="default").delete())
    with pytest.raises(RequestError):
        await aproject_of(request, "default")


async def test_what_fails_in_the_database_fails_for_the_caller(database: None) -> None:
    with pytest.raises(Project.DoesNotExist):
        await in_database(lambda: Project.objects.get(public_id="nothing"))
