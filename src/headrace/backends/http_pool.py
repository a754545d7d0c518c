"""Connections that wait for their next request. Bounded in number and in age; each is looked at before it is used."""

from __future__ import annotations

import asyncio
from contextvars import Context

from headrace.backends.http_connection import Connection

MAX_IDLE = 128  # connections, all upstreams together
MAX_REST = 30.0  # seconds: well below what servers and load balancers allow, 60 and more
MIN_REST = 0.05  # seconds for stray bytes after an answer to show up, before a next request could take them for its own


class Pool:
    """The idle connections, the longest idle first."""

    def __init__(self) -> None:
        self._resting: dict[Connection, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def put(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._resting[connection] = None
        if len(self._resting) > MAX_IDLE:
            oldest = next(iter(self._resting))
            del self._resting[oldest]
            oldest.abort()
        if self._timer is None:
            self._timer = loop.call_later(MAX_REST, self._sweep, context=Context())

    def take(self, key: tuple[str, str, int]) -> Connection | None:
        """A connection to this upstream that looks alive, or None."""
        rested = asyncio.get_running_loop().time() - MIN_REST
        for connection in [one for one in self._resting if one.key == key and one.idle_since <= rested]:
            del self._resting[connection]
            if connection.alive():
                return connection
            connection.abort()
        return None

    def drop(self, connection: Connection) -> None:
        self._resting.pop(connection, None)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._resting.clear()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for connection in list(self._resting):
            if connection.idle_since + MAX_REST > loop.time():
                self._timer = loop.call_at(connection.idle_since + MAX_REST, self._sweep, context=Context())
                break
            del self._resting[connection]
            connection.abort()
