"""From a target to an open connection: resolve, check each address, dial exactly those, proxy, TLS.

It never connects to an address that the egress policy has not just passed, and never sends a byte of the request.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from headrace.backends import http_tls, http_tunnel
from headrace.backends.egress import EgressPolicy
from headrace.backends.http_address import Kind, kind_of
from headrace.backends.http_connection import Connection
from headrace.backends.http_dial import Dial, Resolver, open_socket, race, resolve
from headrace.backends.http_proxy import PROXY_SETTING, Proxy
from headrace.backends.http_target import Target
from headrace.errors import UpstreamError

DNS_LIMIT = 5.0  # seconds: a resolver's own first time-out
DNS_LIMIT_PROXIED = 1.0  # behind a proxy there often is no resolver, and no need of one
_PERMANENT = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME), socket.EAI_FAIL})


@dataclass(frozen=True, slots=True)
class _Route:
    addresses: Sequence[str]
    port: int
    proxied: bool = False


class Connector:
    """How one client reaches its upstreams. Raises ValueError or OSError for settings that cannot be used."""

    def __init__(
        self,
        egress: EgressPolicy,
        *,
        resolver: Resolver = resolve,
        dial: Dial = open_socket,
        proxy: str | None = None,
        ca_bundle: str | None = None,
        note: str = "",
    ) -> None:
        self._egress = egress
        self._resolver = resolver
        self._dial = dial
        self._proxy = Proxy.parse(proxy) if proxy else None
        self._ca_bundle = ca_bundle
        self._note = f" ({note})" if note else ""
        self._lookups: dict[str, asyncio.Task[Sequence[str]]] = {}
        if ca_bundle is not None:
            http_tls.context(ca_bundle)

    @property
    def proxy_fields(self) -> str:
        """The header lines that the proxy wants from a request that it reads."""
        return self._proxy.fields if self._proxy is not None else ""

    async def open(self, target: Target, connection: Connection, *, until: float) -> None:
        """Opens `connection` before the loop's time `until`. Raises UpstreamError, and CancelledError, nothing else."""
        route = await self._route(target, until)
        try:
            async with asyncio.timeout_at(until):
                sock = await race(self._dial, route.addresses, route.port)
                await self._dress(sock, target, connection, proxied=route.proxied)
        except TimeoutError:
            words = f"{self._next(target, route)} could not be connected to in time{self._note}"
            raise UpstreamError("upstream_connect_timeout", words, retryable=True) from None
        except OSError as error:
            words = f"{self._next(target, route)} cannot be reached: {_reason(error)}{self._note}"
            raise UpstreamError("upstream_unreachable", words, retryable=True) from None

    async def close(self) -> None:
        """Gives up the lookups that nobody waits for any more; their threads end when the system lets them."""
        lookups = list(self._lookups.values())
        for task in lookups:
            task.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    async def _route(self, target: Target, until: float) -> _Route:
        """Where to connect to. All addresses of a name must pass: one bad among them is a trick or a mistake."""
        proxy = self._proxy
        addresses: Sequence[str] = ()
        try:
            addresses = await self._lookup(target.host, until, DNS_LIMIT if proxy is None else DNS_LIMIT_PROXIED)
        except UpstreamError:
            if proxy is None or not self._egress.permits_unresolved(target):
                raise
        for ip in addresses:
            self._egress.check_address(target, ip)
        if proxy is None or (addresses and not any(kind_of(ip_address(ip)) is Kind.PUBLIC for ip in addresses)):
            return _Route(addresses, target.port)
        return _Route(await self._lookup(proxy.host, until, DNS_LIMIT), proxy.port, proxied=True)

    def _next(self, target: Target, route: _Route) -> str:
        """The first hop, for messages: the proxy, or the target itself."""
        proxy = self._proxy if route.proxied else None
        return target.origin if proxy is None else f"the proxy {proxy.origin} ({PROXY_SETTING})"

    async def _lookup(self, host: str, until: float, limit: float) -> Sequence[str]:
        """One lookup for all who wait for the same name: a hung one holds a thread that nobody can take back."""
        if _is_address(host):
            return (host,)
        task = self._lookups.get(host)
        if task is None:
            task = self._lookups[host] = asyncio.create_task(_resolved(self._resolver, host))
            task.add_done_callback(lambda done: self._looked_up(host, done))
        try:
            async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + limit)):
                addresses = await asyncio.shield(task)
        except TimeoutError:
            raise self._dns_error(host, "the name server does not answer", retryable=True) from None
        except (OSError, UnicodeError) as error:
            permanent = isinstance(error, UnicodeError) or error.errno in _PERMANENT
            words = "no such name" if permanent else "the name server failed"
            raise self._dns_error(host, words, retryable=not permanent) from None
        if not addresses:
            raise self._dns_error(host, "the name has no address", retryable=False)
        return addresses

    def _looked_up(self, host: str, task: asyncio.Task[Sequence[str]]) -> None:
        self._lookups.pop(host, None)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone

    def _dns_error(self, host: str, words: str, *, retryable: bool) -> UpstreamError:
        return UpstreamError("upstream_dns", f"{host} cannot be found: {words}{self._note}", retryable=retryable)

    async def _dress(self, sock: socket.socket, target: Target, connection: Connection, *, proxied: bool) -> None:
        """Proxy, transport, TLS, in this order. From the transport on, the event loop owns the socket."""
        proxy = self._proxy if proxied else None
        transport = await self._transport(sock, target, connection, proxy)
        try:
            if target.scheme == "https":
                transport = await self._start_tls(transport, target, connection)
        except BaseException:
            connection.abort()
            raise
        read_by_proxy = proxy is not None and not proxy.socks and target.scheme == "http"
        connection.attach(sock, transport, via_proxy=read_by_proxy)

    async def _transport(
        self, sock: socket.socket, target: Target, connection: Connection, proxy: Proxy | None
    ) -> asyncio.Transport:
        """A transport whose protocol is `connection`."""
        if proxy is not None:
            transport = await http_tunnel.through(proxy, sock, target, self._ca_bundle)
            transport.set_protocol(connection)
            connection.connection_made(transport)
            return transport
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: connection, sock=sock)
        except BaseException:
            sock.close()
            raise
        return transport

    async def _start_tls(
        self, transport: asyncio.Transport, target: Target, connection: Connection
    ) -> asyncio.Transport:
        context = http_tls.context(self._ca_bundle)
        try:
            dressed = await asyncio.get_running_loop().start_tls(
                transport, connection, context, server_hostname=target.host
            )
        except TimeoutError:
            raise
        except OSError as error:
            raise http_tls.tls_error(target.origin, error) from None
        if dressed is None:
            raise http_tls.tls_error(target.origin, ConnectionResetError())
        return dressed


async def _resolved(resolver: Resolver, host: str) -> Sequence[str]:
    return await resolver(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    return (error.strerror or str(error)).lower()
