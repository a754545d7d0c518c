"""The database from a coroutine that will stream: in threads of a small pool, never the request's own.

Django gives each asynchronous request that touches the ORM a thread and a connection until its response has ended,
which for a stream is minutes. Here no stream holds either.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.conf import settings
from django.db import connections

T = TypeVar("T")

THREADS = 4
"""Connections that a process may hold at a time; a lookup takes under a millisecond, and SQLite writes one by one."""

CONNECTION_SECONDS = 60.0
"""How long a thread of the pool keeps its connection: opening one costs three times what a lookup does."""

_thread = threading.local()
_pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="headrace-database")


async def in_database(call: Callable[[], T]) -> T:
    """What `call` returns, run where it may use the ORM. Nothing lazy may leave it: query sets must be read inside."""
    return await asyncio.get_running_loop().run_in_executor(_pool, with_connection, call)


def with_connection(call: Callable[[], T]) -> T:
    """What `call` returns, run in this thread of a pool: its connections are kept for `CONNECTION_SECONDS`."""
    if not settings.configured:  # a script without Django
        return call()
    now = time.monotonic()
    if now >= getattr(_thread, "until", 0.0):
        connections.close_all()
        _thread.until = now + CONNECTION_SECONDS
    try:
        return call()
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close_at = None  # Django would close it after each request; here the thread's time decides
            if connection.errors_occurred or not connection.autocommit:
                connection.close_if_unusable_or_obsolete()
