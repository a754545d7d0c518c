"""Whether the server lives, and whether it may be sent new requests. For load balancers; they say nothing else."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

from headrace.common.database import in_database
from headrace.common.http import json_response

logger = logging.getLogger("headrace.health")
_draining = False


def drain() -> None:
    """From now on this process is not ready: it ends as soon as its streams have."""
    global _draining  # noqa: PLW0603 - a process drains once
    _draining = True


async def healthz(_: HttpRequest) -> HttpResponse:
    """The process answers. It touches nothing else: what others do must not make this one be restarted."""
    return json_response({"status": "alive"})


async def readyz(_: HttpRequest) -> HttpResponse:
    """503 while draining, or while the database does not answer."""
    if _draining:
        return json_response({"status": "draining"}, 503, {"Retry-After": "5"})
    try:
        await in_database(_ask)
    except DatabaseError:
        logger.warning("the database does not answer", exc_info=True)
        return json_response({"status": "no database"}, 503, {"Retry-After": "5"})
    return json_response({"status": "ready"})


def _ask() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
