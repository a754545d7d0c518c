"""The one HTTP client towards upstreams: a pool of kept-alive connections for one event loop.

It follows no redirect, keeps no cookie, reads no proxy from the environment, and decides nothing about retries but
one: a kept-alive connection that had gone stale is replaced once, unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from headrace.backends.connector import Connector
from headrace.backends.egress import EgressPolicy
from headrace.backends.http_connection import BUFFER, Connection
from headrace.backends.http_dial import Dial, Resolver, open_socket, resolve
from headrace.backends.http_exchange import Exchange, Limits, UnansweredError
from headrace.backends.http_pool import Pool
from headrace.backends.http_proxy import ignored_proxy_note
from headrace.backends.http_request import Outgoing, outgoing
from headrace.backends.http_target import Target
from headrace.backends.metrics import count_egress_refusal
from headrace.errors import UpstreamError

if TYPE_CHECKING:
    from headrace.providers.base import HTTPRequest

__all__ = ["EgressPolicy", "HTTPAnswer", "HTTPClient", "Limits", "ignored_proxy_note"]

CONNECT_TIMEOUT = 10.0  # seconds for one attempt to connect, TLS included: the contract's


class HTTPAnswer(Protocol):
    """An answer whose head has arrived. Read it to its end, or close it: it holds a connection until then.

    `headers` are in lower case, bounded; those sent several times are joined by commas.
    """

    status: int
    headers: dict[str, str]

    async def read(self) -> bytes:
        """All that has arrived since, at least one byte; b"" at the proper end. Raises UpstreamError and nothing else.

        Codes: upstream_idle_timeout, upstream_truncated, upstream_reset, upstream_protocol, upstream_decode,
        upstream_limit. A cancelled read loses nothing and may be repeated.
        """

    async def settle(self, seconds: float) -> None:
        """Lets the bytes of a fast answer gather this long; returns at once when it has ended, or much waits unread."""

    def close(self) -> None:
        """Abandons the answer: its connection is closed at once, unless the body is complete."""

    def release(self) -> None:
        """For an answer whose own end was seen: its last bytes get a second, then the connection serves on."""

    async def __aenter__(self) -> HTTPAnswer: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""


class HTTPClient:
    """One for each event loop; it belongs to the loop in which it first sends.

    `resolver` and `dial` stand in for the network in tests. `proxy` is the operator's, `http://[user:password@]host:port`
    (or https, socks5), and not used for addresses that are not public. `ca_bundle` names a PEM file of authorities to
    trust beside the system's. Raises ValueError or OSError where one of these cannot be used.
    """

    def __init__(
        self,
        *,
        egress: EgressPolicy,
        resolver: Resolver = resolve,
        dial: Dial = open_socket,
        ca_bundle: str | None = None,
        proxy: str | None = None,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        note = "" if proxy else ignored_proxy_note(os.environ if env is None else env)
        self._egress = egress
        self._connector = Connector(
            egress,
            resolver=resolver,
            dial=dial,
            proxy=proxy,
            ca_bundle=ca_bundle,
            note=note,
        )
        self._limits = limits or Limits()
        self._pool = Pool()
        self._connections: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._buffer = memoryview(bytearray(BUFFER))
        self._quiet: asyncio.Future[None] | None = None
        self._closed = False

    async def send(
        self,
        request: HTTPRequest,
        *,
        deadline: float,
        idle: float,
        connect_timeout: float = CONNECT_TIMEOUT,
        method: str = "POST",
        codings: str = "identity",
    ) -> HTTPAnswer:
        """The answer, as soon as its head has arrived.

        `deadline`, in the loop's time, holds until then: connecting, TLS, writing and waiting. `idle` is in seconds,
        for the body; `codings` are those that it may come in. Raises UpstreamError and nothing else, and closes what
        it opened, when cancelled too.
        """
        if self._closed:
            raise _shutting_down()
        try:
            target = self._egress.check_url(request.url)
            return await self._send(outgoing(request, target, method, codings), deadline, idle, connect_timeout)
        except UpstreamError as error:
            if error.code == "egress_refused":
                count_egress_refusal()
            raise

    async def _send(self, message: Outgoing, deadline: float, idle: float, connect_timeout: float) -> HTTPAnswer:
        target = message.target
        rested = self._pool.take((target.scheme, target.host, target.port))
        if rested is not None:
            with contextlib.suppress(UnansweredError):
                return await self._exchange(rested, message, deadline, idle)
        connection = await self._open(target, min(deadline, asyncio.get_running_loop().time() + connect_timeout))
        return await self._exchange(connection, message, deadline, idle)

    async def close(self) -> None:
        """Closes every connection at once; answers that are being read end with upstream_reset."""
        self._closed = True
        self._pool.close()
        await self._connector.close()
        for task in list(self._opening):
            task.cancel()
        for connection in list(self._connections):
            connection.close()
        await asyncio.gather(*self._opening, return_exceptions=True)
        if self._connections:
            self._quiet = asyncio.get_running_loop().create_future()
            await self._quiet

    def rested(self, connection: Connection) -> None:
        if self._closed:
            connection.abort()
        else:
            self._pool.put(connection)

    def gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._pool.drop(connection)
        if self._quiet is not None and not self._connections and not self._quiet.done():
            self._quiet.set_result(None)

    async def _open(self, target: Target, until: float) -> Connection:
        connection = Connection(target, self, self._buffer)
        self._connections.add(connection)
        # A context of its own: the caller's, with all it refers to, would live as long as the connection.
        opening = asyncio.get_running_loop().create_task(
            self._connector.open(target, connection, until=until), context=Context()
        )
        self._opening.add(opening)
        try:
            await opening
        except BaseException as error:
            connection.abort()
            self.gone(connection)
            if isinstance(error, asyncio.CancelledError) and self._closed and not _cancelling():
                raise _shutting_down() from None
            raise
        finally:
            self._opening.discard(opening)
        return connection

    async def _exchange(self, connection: Connection, message: Outgoing, deadline: float, idle: float) -> Exchange:
        exchange = Exchange(connection, self._limits, deadline=deadline, idle=idle)
        head = message.head(via_proxy=connection.via_proxy, proxy_fields=self._connector.proxy_fields)
        connection.begin(exchange, head, message.body)
        try:
            await exchange.head()
        except BaseException:
            exchange.close()
            raise
        return exchange


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())


def _shutting_down() -> UpstreamError:
    return UpstreamError("server_shutdown", "this server is shutting down")
