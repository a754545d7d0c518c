"""The projects over HTTP: only those that the caller may use are listed."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router

from headrace.common.rest import WireSchema
from headrace.projects.access import asked_projects

router = Router(tags=["projects"])


class ProjectAnswer(WireSchema):
    id: str
    name: str
    created: datetime


class ProjectList(WireSchema):
    projects: list[ProjectAnswer]


@router.get("/projects/", response=ProjectList, by_alias=True, summary="List the projects", operation_id="listProjects")
def list_projects(request: HttpRequest) -> ProjectList:
    found = asked_projects(request)
    return ProjectList(
        projects=[ProjectAnswer(id=each.public_id, name=each.name, created=each.created) for each in found]
    )
