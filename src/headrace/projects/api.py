"""The projects over HTTP: only those that the caller may use are listed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from ninja import Router, Status
from pydantic import Field, StrictStr

from headrace.common.admission import CALLER
from headrace.common.identity import allows
from headrace.common.rest import ErrorAnswer, WireSchema
from headrace.errors import RequestError
from headrace.projects.access import asked_projects
from headrace.projects.models import PUBLIC_ID, Membership, Project, Role

router = Router(tags=["projects"], by_alias=True)


class ProjectAnswer(WireSchema):
    id: str
    name: str
    created: datetime


class ProjectList(WireSchema):
    projects: list[ProjectAnswer]


@router.get("/projects/", response=ProjectList, summary="List the projects", operation_id="listProjects")
@allows("known")
def list_projects(request: HttpRequest) -> ProjectList:
    found = asked_projects(request)
    return ProjectList(
        projects=[ProjectAnswer(id=each.public_id, name=each.name, created=each.created) for each in found]
    )


class NewProject(WireSchema):
    id: Annotated[StrictStr, Field(min_length=1, max_length=64, description="The `projectId` of addresses.")]
    name: Annotated[StrictStr, Field(min_length=1, max_length=200)]


FAILED: dict[Any, Any] = {frozenset({400, 403, 409}): ErrorAnswer}


@router.post(
    "/projects/",
    response={201: ProjectAnswer, **FAILED},
    summary="Make a project; whoever makes it owns it",
    operation_id="createProject",
)
@allows("operator")
def create_project(request: HttpRequest, project: NewProject) -> Status[ProjectAnswer]:
    with transaction.atomic():
        made = _made(project.id.strip(), project.name.strip())
        caller = getattr(request, CALLER, None)
        if caller is not None:
            Membership.objects.create(project=made, user=caller, role=Role.OWNER)
    return Status(201, ProjectAnswer(id=made.public_id, name=made.name, created=made.created))


def _made(public_id: str, name: str) -> Project:
    try:
        PUBLIC_ID(public_id)
    except ValidationError as error:
        raise RequestError(f"id: {error.messages[0]}", field="id") from None
    if not name:
        raise RequestError("name must not be blank", field="name")
    made, is_new = Project.objects.get_or_create(public_id=public_id, defaults={"name": name})
    if not is_new:
        raise RequestError("there is a project of this id already", field="id", code="conflict", status=409)
    return made
