"""Which projects a caller may use. To a stranger a foreign project does not exist: both are the same 404."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from headrace.common.conf import get_settings
from headrace.common.database import in_database
from headrace.errors import RequestError
from headrace.projects.models import Project


def projects_of(user: Any) -> QuerySet[Project]:
    """The projects that `user` may use: all where nobody logs in, else those whose member (or whose lord) it is."""
    if get_settings().auth == "none":
        return Project.objects.all()
    if user is None or not user.is_authenticated:
        return Project.objects.none()
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(members=user)


def project_of(user: Any, public_id: str) -> Project:
    """The project, if `user` may use it. RequestError 404 otherwise, whatever the reason."""
    project = projects_of(user).filter(public_id=public_id).first()
    if project is None:
        raise RequestError(
            f"there is no project {public_id[:64]!r}", field="projectId", code="project_not_found", status=404
        )
    return project


async def user_of(request: HttpRequest) -> Any:
    """Who asks, from a coroutine; None where the server keeps no users. Nobody is looked up where nobody logs in."""
    if get_settings().auth == "none":
        return None
    asked = getattr(request, "auser", None)
    return await asked() if asked else getattr(request, "user", None)


async def aproject_of(request: HttpRequest, public_id: str) -> Project:
    """`project_of` for a view that will stream: it holds neither thread nor connection afterwards."""
    user = await user_of(request)
    return await in_database(lambda: project_of(user, public_id))
