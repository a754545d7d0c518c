"""One Redis or Valkey server as seen from one event loop: connections with short time-outs, and trouble told once.

It never repeats a command by itself and never shows the address it was given: that may hold a password.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from headrace.backends.redis_keys import COMMAND_SECONDS
from headrace.errors import HeadraceError

CONNECTIONS = 16  # for questions; the mirror and the waiting read have one of their own
SHOWN_ERROR = 200

FAILURES = (RedisError, OSError, TimeoutError)
"""What a server that is away, full or confused may raise."""

logger = logging.getLogger("headrace.journal")


class JournalAwayError(HeadraceError):
    """The shared journal does not answer: whether it knows the stream cannot be said now."""


class Trouble:
    """Something that may go wrong for a while. Logged when it begins and when it is over, and not in between."""

    def __init__(self, what: str, meanwhile: str) -> None:
        self._what = what
        self._meanwhile = meanwhile
        self._since: float | None = None

    def __bool__(self) -> bool:
        return self._since is not None

    def begin(self, error: BaseException) -> None:
        if self._since is None:
            self._since = time.monotonic()
            shown = f"{type(error).__name__}: {error}"[:SHOWN_ERROR]
            logger.error("the shared journal %s (%s): %s", self._what, shown, self._meanwhile)

    def end(self) -> None:
        if self._since is not None:
            logger.warning("the shared journal %s no longer, after %.1f s", self._what, time.monotonic() - self._since)
            self._since = None


def command(*parts: bytes) -> bytes:
    """One command in the server's protocol. The client library's own packing costs five times as much."""
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])


def bulk(part: bytes) -> bytes:
    """One part of a command."""
    return b"$%d\r\n%b\r\n" % (len(part), part)


class Wire:
    """A connection of our own: what was sent on it in one go is answered in that order, or it is broken for good."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def exchange(self, commands: Sequence[bytes]) -> list[Any]:
        """The answers. One that is a refusal stands there as a `ResponseError`; whatever else goes wrong is raised."""
        await self._connection.send_packed_command(b"".join(commands))
        return [await self._answer() for _ in commands]

    async def _answer(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as refusal:
            return refusal

    async def close(self) -> None:
        await self._connection.disconnect(nowait=True)


class Server:
    """Where the journal is shared. Belongs to the event loop that first uses it."""

    def __init__(self, url: str) -> None:
        self._pool: Any = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=COMMAND_SECONDS,
            socket_timeout=COMMAND_SECONDS,
            socket_connect_timeout=COMMAND_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self.client: Any = Redis(connection_pool=self._pool)
        self.away = Trouble(
            "is away", "streams go on for readers on their own worker; on other workers they end until it is back"
        )

    async def connect(self, *, patience: float = COMMAND_SECONDS) -> Wire:
        """A new connection whose answers may take this long."""
        connection = self._pool.connection_class(**{**self._pool.connection_kwargs, "socket_timeout": patience})
        await connection.connect()
        return Wire(connection)

    async def pipeline(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """All of them in one go; a refusal stands in its place as a `ResponseError`."""
        if not commands:
            return []
        pipe = self.client.pipeline(transaction=False)
        for parts in commands:
            pipe.execute_command(*parts)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
        return answers

    async def run(self, script: str, keys: Sequence[str], *args: Any) -> Any:
        return await self.client.eval(script, len(keys), *keys, *args)

    async def close(self) -> None:
        await self.client.aclose()
        await self._pool.disconnect()
