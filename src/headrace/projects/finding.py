"""Which project a request means, and whether it may: by the site's hooks, by our tables, or without either.

It works without our apps, and imports their models only where they are installed. To a caller who may not see it, a
project does not exist.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import HttpRequest

from headrace.common.chats import Chat
from headrace.common.conf import get_settings
from headrace.common.hooks import Hooks, acall, call, site_hooks
from headrace.common.owners import not_allowed, project_key, unknown_project
from headrace.errors import RequestError

ONLY_PROJECT = "default"
"""The one project of a site that has none: without our apps and without a hook."""


def has_projects() -> bool:
    """Whether this site keeps our tables of projects."""
    return apps.is_installed("headrace.projects")


def has_configurations() -> bool:
    """Whether this site keeps our tables of model configurations, which belong to our projects."""
    return has_projects() and apps.is_installed("headrace.llm")


def is_ours(project: Any) -> bool:
    """Whether this is a project of our tables, which may hold stored configurations."""
    if not has_configurations():
        return False
    from headrace.projects.models import Project

    return isinstance(project, Project)


async def find_project(request: HttpRequest, project_id: str, hooks: Hooks) -> Any:
    """The project: the site's own, one of our tables, or a plain key. RequestError 404 where there is none."""
    if hooks.resolve_project is not None:
        found = await acall(hooks.resolve_project, request, project_id)
        if found is None or found is False:
            raise unknown_project(project_id)
        return found
    if has_projects():
        from headrace.projects.access import aproject_of

        return await aproject_of(request, project_id)
    return _only(project_id)


def asked_project_key(request: HttpRequest, project_id: str) -> str:
    """The key of the project that a plain view is asked about, the site's hooks heard. RequestError 404 and 403."""
    hooks = site_hooks()
    project: Any = None
    if hooks.resolve_project is not None:
        project = call(hooks.resolve_project, request, project_id)
        if project is None or project is False:
            raise unknown_project(project_id)
    elif has_projects():
        from headrace.projects.access import project_of

        project = project_of(getattr(request, "user", None), project_id)
    else:
        project = _only(project_id)
    if hooks.authorize is not None and not call(hooks.authorize, request, project, None):
        raise not_allowed()
    return project_key(project)


async def check_allowed(request: HttpRequest, project: Any, chat: Chat | None, hooks: Hooks) -> None:
    """Ask `authorize`, where there is one. `chat` is None for reading, listing and stopping. RequestError 403."""
    if hooks.authorize is not None and not await acall(hooks.authorize, request, project, chat):
        raise not_allowed()


def _only(project_id: str) -> str:
    if get_settings().auth == "required":
        message = "nothing says who may use which project: set HEADRACE['RESOLVE_PROJECT'] or install headrace.projects"
        raise RequestError(message, code="forbidden", status=403)
    if project_id != ONLY_PROJECT:
        raise unknown_project(project_id)
    return ONLY_PROJECT
