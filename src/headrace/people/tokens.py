"""A project's tokens: made, found by their digest, revoked. When one was last used is written in batches, later."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from headrace.common.identity import TOKEN_PERMISSIONS, Program
from headrace.errors import RequestError
from headrace.people.models import Token
from headrace.people.revocation import watch
from headrace.people.secrets import MAX_SECRET, SHOWN, digest, new_token
from headrace.projects.models import Project

MAX_TOKENS = 1000
"""In one project, the revoked ones too: the list is answered whole."""
MAX_DAYS = 3650

_used: dict[str, datetime] = {}
_lock = threading.Lock()


def make_token(
    project: Project, name: str, permissions: Iterable[str], *, days: int | None = None, by: str = ""
) -> tuple[Token, str]:
    """A new token and its secret, which is not kept. RequestError names what is wrong."""
    wanted = set(permissions)
    if not wanted or not wanted <= set(TOKEN_PERMISSIONS):
        known = ", ".join(TOKEN_PERMISSIONS)
        raise RequestError(f"permissions must be one or more of: {known}", field="permissions")
    if project.tokens.count() >= MAX_TOKENS:
        raise RequestError(f"a project keeps at most {MAX_TOKENS} tokens", code="conflict", status=409)
    secret = new_token()
    made = Token.objects.create(
        project=project,
        name=name,
        digest=digest(secret),
        shown=secret[:SHOWN],
        permissions=[each for each in TOKEN_PERMISSIONS if each in wanted],
        expires=None if days is None else timezone.now() + timedelta(days=days),
        created_by=by,
    )
    return made, secret


def program_of(secret: str) -> tuple[Program, datetime | None] | None:
    """The program that carries this token and when its time is over; None for one that is unknown, over or revoked."""
    if len(secret) > MAX_SECRET:
        return None
    found = Token.objects.filter(Token.good(), digest=digest(secret)).select_related("project").first()
    if found is None:
        return None
    program = Program(found.key, found.project.public_id, frozenset(found.permissions), found.name)
    return program, found.expires


def revoke(token: Token) -> None:
    """From now on it opens nothing; what it has open ends within seconds."""
    if token.revoked is None:
        token.revoked = timezone.now()
        token.save(update_fields=["revoked"])


def note_use(key: str) -> None:
    """Remember that the token was used. Written by `write_uses`, off the stream's path."""
    _used[key] = timezone.now()
    if len(_used) == 1:
        watch.wake()


def write_uses() -> None:
    """Write when tokens were last used: one statement for each used since the last time."""
    with _lock:
        pending, keys = {}, list(_used)
        for key in keys:
            if (at := _used.pop(key, None)) is not None:
                pending[key.partition(":")[2]] = at
    for public_id, at in pending.items():
        Token.objects.filter(public_id=public_id).update(last_used=at)


watch.chores.append(write_uses)
