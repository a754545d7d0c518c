"""Who asks, as far as Django knows. Which project they may use is not decided here."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest

from headrace.common.conf import get_settings


async def user_of(request: HttpRequest) -> Any:
    """Who asks, from a coroutine; None where the server keeps no users. Nobody is looked up where nobody logs in."""
    if get_settings().auth == "none":
        return None
    asked = getattr(request, "auser", None)
    if asked is None:
        return getattr(request, "user", None)
    return await asked()


async def let_go(request: HttpRequest) -> None:
    """Close what the caller's session was read with: Django would keep it, in a thread of the request's own, until the
    response has ended, which for a stream is minutes."""
    if hasattr(request, "scope") and getattr(getattr(request, "session", None), "accessed", False):
        await sync_to_async(_close)()


def _close() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
