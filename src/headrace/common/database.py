"""The database from a coroutine that will stream: in threads of a small pool, never the request's own.

Django gives each asynchronous request that touches the ORM a thread and a connection until its response has ended,
which for a stream is minutes. Here both go back at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections

T = TypeVar("T")

THREADS = 4
"""Connections that a process may hold at a time; a lookup takes under a millisecond, and SQLite writes one by one."""

_pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="headrace-database")


async def in_database(call: Callable[[], T]) -> T:
    """What `call` returns, run where it may use the ORM. Nothing lazy may leave it: query sets must be read inside."""
    return await asyncio.get_running_loop().run_in_executor(_pool, _with_connection, call)


def _with_connection(call: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()
