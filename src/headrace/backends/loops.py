"""One event loop in a background thread, for callers that have none: WSGI workers, scripts, management commands.

It is started on first use in each process, so after a fork, and never shared with a parent process.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from headrace.errors import RequestError

_REPLACERS = (
    ("gevent", "gevent.monkey", "is_module_patched", "threading"),
    ("eventlet", "eventlet.patcher", "is_monkey_patched", "thread"),
)
_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}


def refuse_green_threads() -> None:
    """RequestError where gevent or eventlet has replaced threads: an event loop in a green thread stops all others."""
    for name, module, asked, what in _REPLACERS:
        if (found := sys.modules.get(module)) is not None and getattr(found, asked)(what):
            raise RequestError(
                f"streams need threads of the system, and {name} has replaced them: run this site with gunicorn's "
                "gthread workers (--worker-class gthread --threads 8) or under an ASGI server",
                code="unsupported_server",
                status=500,
            )


def background_loop() -> asyncio.AbstractEventLoop:
    """The running background loop of this process; one daemon thread, however many streams."""
    refuse_green_threads()
    pid = os.getpid()
    with _lock:
        loop = _loops.get(pid)
        if loop is None or loop.is_closed():
            loop = _new_loop()
            _loops.clear()  # a parent's loop is not ours: its thread does not run here
            _loops[pid] = loop
            threading.Thread(target=loop.run_forever, name="headrace-loop", daemon=True).start()
        return loop


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
