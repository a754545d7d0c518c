"""What a worker holds now, told by itself, and the server's own addresses. In the soak's workers only."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.urls import path

from headrace.backends.waiting import TaskWaiter
from headrace.common.guard import guarded_patterns
from headrace.common.http import json_response
from headrace.common.identity import allows
from headrace.common.streams.runtime import streams
from headrace.config import urls

handler400, handler403, handler404, handler500 = urls.bad_request, urls.forbidden, urls.not_found, urls.broken


async def gauges(_: HttpRequest) -> HttpResponse:
    journal = streams().journal
    held = {
        "streams": len(streams()),
        "readers": sum(isinstance(waiter, TaskWaiter) for _, log in journal.find() for waiter in log.waiters),
        "logs": len(journal),
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "descriptors": _descriptors(),
    }
    return json_response(held | {"megabytes": _resident() // 2**20})


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


urlpatterns = [*urls.urlpatterns, *guarded_patterns([path("gauges/", allows("public")(gauges))])]
