"""Which projects a caller may use. To a stranger a foreign project does not exist: both are the same 404."""

from __future__ import annotations

import time
from typing import Any

from django.db.models import QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.http import HttpRequest

from headrace.common.callers import user_of
from headrace.common.conf import get_settings
from headrace.common.database import in_database
from headrace.common.hooks import call, site_hooks
from headrace.common.identity import Program
from headrace.common.owners import not_allowed, unknown_project
from headrace.errors import RequestError
from headrace.projects.models import Membership, Project

KNOWN_SECONDS = 2.0
"""How long a project that was found is believed to be there, and open to who found it: less than revoking may take."""
KNOWN_PROJECTS = 1024
MAX_ASKED = 200
"""Projects in a list that hooks are asked about one by one."""

_known: dict[tuple[str, Any, str], tuple[Project, float]] = {}


def projects_of(user: Any) -> QuerySet[Project]:
    """The projects that `user` may use: all where nobody logs in, and for superusers; else those it is a member of."""
    if get_settings().auth == "none":
        return Project.objects.all()
    if user is None or not user.is_authenticated:
        return Project.objects.none()
    if isinstance(user, Program):
        return Project.objects.filter(public_id=user.project)
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(members=user)


def project_of(user: Any, public_id: str) -> Project:
    """The project, if `user` may use it. RequestError 404 otherwise, whatever the reason."""
    project = projects_of(user).filter(public_id=public_id).first()
    if project is None:
        raise unknown_project(public_id)
    return project


def asked_project(request: HttpRequest, public_id: str) -> Project:
    """The project of ours that a plain view is asked about, the site's hooks heard. RequestError 404 and 403."""
    hooks = site_hooks()
    if hooks.resolve_project is None:
        project = project_of(getattr(request, "user", None), public_id)
    else:
        found = call(hooks.resolve_project, request, public_id)
        if not isinstance(found, Project):
            raise unknown_project(public_id)
        project = found
    if hooks.authorize is not None and not call(hooks.authorize, request, project, None):
        raise not_allowed()
    return project


def asked_projects(request: HttpRequest) -> list[Project]:
    """The projects of ours that this caller may use."""
    found = projects_of(getattr(request, "user", None))
    hooks = site_hooks()
    if hooks.resolve_project is None and hooks.authorize is None:
        return list(found)
    return [project for project in found[:MAX_ASKED] if _may_use(request, project)]


def _may_use(request: HttpRequest, project: Project) -> bool:
    try:
        return asked_project(request, project.public_id) == project
    except RequestError:
        return False


async def aproject_of(request: HttpRequest, public_id: str) -> Project:
    """`project_of` for a view that will stream: it holds neither thread nor connection afterwards.

    What was found is believed for `KNOWN_SECONDS`: a burst of chats in one project is one lookup.
    """
    user = await user_of(request)
    place = (get_settings().auth, getattr(user, "pk", None), public_id)
    known = _known.get(place)
    if known is not None and time.monotonic() < known[1]:
        return known[0]
    project = await in_database(lambda: project_of(user, public_id))
    if len(_known) >= KNOWN_PROJECTS:
        _known.clear()
    _known[place] = (project, time.monotonic() + KNOWN_SECONDS)
    return project


def forget_projects(**_: Any) -> None:
    """Look projects up anew: one has changed in this process."""
    _known.clear()


post_save.connect(forget_projects, sender=Project, dispatch_uid="headrace.projects.saved")
post_delete.connect(forget_projects, sender=Project, dispatch_uid="headrace.projects.deleted")
post_save.connect(forget_projects, sender=Membership, dispatch_uid="headrace.projects.member_saved")
post_delete.connect(forget_projects, sender=Membership, dispatch_uid="headrace.projects.member_deleted")
m2m_changed.connect(forget_projects, sender=Membership, dispatch_uid="headrace.projects.members")
