"""The keeper of a server with people: sessions, tokens, roles, the audit log. What is looked up is believed briefly.

Lookups run in the database's own threads, so no stream holds one, and no session middleware runs on a stream's path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils import timezone

from headrace.common.access import authorization_of, bearer
from headrace.common.admission import session_user
from headrace.common.database import in_database
from headrace.common.identity import TOKEN_PREFIX, Permission, Program, caller_key, unknown_caller
from headrace.people.audit import record
from headrace.people.revocation import watch
from headrace.people.secrets import digest
from headrace.people.tokens import note_use, program_of
from headrace.projects.keeping import BELIEVED, BELIEVED_SECONDS, RolesKeeper

Found = tuple[Any, datetime | None]
"""A caller, and when a token's time is over."""


class PeopleKeeper(RolesKeeper):
    """Knows tokens by their digest, people by the site's middleware or, without one, by their session's cookie."""

    def __init__(self) -> None:
        super().__init__()
        self._callers: dict[str, tuple[Found, float]] = {}

    def caller(self, request: HttpRequest) -> Any:
        token = _token(request)
        if token:
            return _program(program_of(token))
        return request.user if hasattr(request, "user") else _session_user(_cookie(request))

    async def acaller(self, request: HttpRequest) -> Any:
        token = _token(request)
        if token:
            return _program(await self._believed_caller(digest(token), lambda: program_of(token)))
        if hasattr(request, "user"):
            return await session_user(request)
        cookie = _cookie(request)
        if not cookie:
            return None
        found = await self._believed_caller(cookie, lambda: (_session_user(cookie), None))
        return found and found[0]

    async def _believed_caller(self, place: str, look: Callable[[], Found | None]) -> Found | None:
        known = self._callers.get(place)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        found = await in_database(look)
        if found is not None and found[0] is not None:
            if len(self._callers) >= BELIEVED:
                self._callers.clear()
            self._callers[place] = (found, time.monotonic() + BELIEVED_SECONDS)
        return found

    def allow(self, caller: Any, need: Permission, project: str) -> None:
        super().allow(caller, need, project)
        _admitted(caller, need, project)

    async def aallow(self, caller: Any, need: Permission, project: str) -> None:
        await super().aallow(caller, need, project)
        _admitted(caller, need, project)

    def forget(self, **_: Any) -> None:
        super().forget()
        self._callers.clear()

    def record(self, request: HttpRequest, caller: Any, action: str, facts: Mapping[str, str]) -> None:
        record(action, request=request, caller=caller, **facts)

    async def arecord(self, request: HttpRequest, caller: Any, action: str, facts: Mapping[str, str]) -> None:
        await in_database(lambda: record(action, request=request, caller=caller, **facts))

    def watch(self, caller: str, project: str, end: Callable[[], None]) -> Callable[[], None]:
        return watch.add(caller, project, end)


def _admitted(caller: Any, need: Permission, project: str) -> None:
    watch.admit(caller_key(caller), project)
    if need == "chat":
        watch.wake()


def _token(request: HttpRequest) -> str:
    """The token that speaks for the caller. Where there is one, no cookie does."""
    value = bearer(authorization_of(request.META))
    return value if value.startswith(TOKEN_PREFIX) else ""


def _program(found: Found | None) -> Program:
    """The program of this token. RequestError 401 where it is unknown, revoked or expired."""
    if found is None or (found[1] is not None and found[1] <= timezone.now()):
        raise unknown_caller("this token is unknown, revoked, or its time is over")
    program: Program = found[0]
    note_use(program.key)
    return program


def _cookie(request: HttpRequest) -> str:
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")


def _session_user(cookie: str) -> Any:
    """Whose session this is, by Django's own rules (expiry, password changed, backend gone); None for nobody's."""
    if not cookie:
        return None
    asked = HttpRequest()
    asked.session = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    user = get_user(asked)
    return user if user.is_authenticated and user.is_active else None
