"""Roles in projects: what each may do. To whoever is no member, a project does not exist."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest

from headrace.common.admission import session_user
from headrace.common.database import in_database
from headrace.common.identity import PERMISSIONS, Permission, Program, lacking
from headrace.common.owners import unknown_project
from headrace.projects.models import Membership, Project, Role

ROLES: Mapping[str, frozenset[str]] = {
    Role.OWNER: frozenset(PERMISSIONS),
    Role.EDITOR: frozenset({"read", "chat", "configure"}),
    Role.VIEWER: frozenset({"read"}),
}
BELIEVED_SECONDS = 2.0
"""How long what somebody may do is believed: less than revoking may take."""
BELIEVED = 4096


def permissions_of(caller: Any, public_id: str) -> frozenset[str]:
    """What this caller may do in the project. RequestError 404 where it is none of theirs."""
    if isinstance(caller, Program):
        found = caller.permissions if caller.project == public_id else frozenset()
    elif caller is None or not caller.is_authenticated:
        found = frozenset()
    elif caller.is_superuser:
        found = ROLES[Role.OWNER] if Project.objects.filter(public_id=public_id).exists() else frozenset()
    else:
        role = Membership.objects.filter(project__public_id=public_id, user=caller).values_list("role", flat=True)
        found = ROLES.get(next(iter(role), ""), frozenset())
    if not found:
        raise unknown_project(public_id)
    return found


class RolesKeeper:
    """The keeper of a site that has its own people: whom its middleware knows, in the projects they are members of."""

    def __init__(self) -> None:
        self._believed: dict[tuple[str, str], tuple[frozenset[str], float]] = {}

    def caller(self, request: HttpRequest) -> Any:
        return getattr(request, "user", None)

    async def acaller(self, request: HttpRequest) -> Any:
        return await session_user(request)

    def allow(self, caller: Any, need: Permission, project: str) -> None:
        if need not in permissions_of(caller, project):
            raise lacking(need)

    async def aallow(self, caller: Any, need: Permission, project: str) -> None:
        place = (str(getattr(caller, "pk", "")), project)
        known = self._believed.get(place)
        if known is None or time.monotonic() >= known[1]:
            found = await in_database(lambda: permissions_of(caller, project))
            if len(self._believed) >= BELIEVED:
                self._believed.clear()
            known = self._believed[place] = (found, time.monotonic() + BELIEVED_SECONDS)
        if need not in known[0]:
            raise lacking(need)

    def forget(self, **_: Any) -> None:
        """Look everything up anew: something has changed in this process."""
        self._believed.clear()

    def record(self, request: HttpRequest, caller: Any, action: str, facts: Mapping[str, str]) -> None:
        """A site of its own has its own log."""

    async def arecord(self, request: HttpRequest, caller: Any, action: str, facts: Mapping[str, str]) -> None:
        """A site of its own has its own log."""

    def watch(self, *_: Any) -> Callable[[], None]:
        """Nothing is watched: without `headrace.people` nothing says when somebody was revoked."""
        return _nothing


def _nothing() -> None:
    pass
