"""The way through the operator's proxy: a transport to it, and its handshake (CONNECT, or SOCKS5 by RFC 1928 and 1929).

The proxy is given the target's name, never an address: it is the one who connects. Nothing of the request goes here.
"""

from __future__ import annotations

import asyncio
import re
import socket

from headrace.backends import http_tls
from headrace.backends.http_proxy import PROXY_SETTING, Proxy
from headrace.backends.http_target import Target
from headrace.errors import UpstreamError

MAX_HEAD = 8192  # bytes of a proxy's answer to CONNECT; real ones are below 1 KiB

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\r\n]*\r?\n")
_VERSION, _CONNECT, _NAME, _OPEN, _LOGIN = 5, 1, 3, 0, 2
_ADDRESS_BYTES = {1: 4, 4: 16}
_REPLIES = {
    1: "it failed",
    2: "its rules do not allow it",
    3: "it cannot reach that network",
    4: "it cannot reach that host",
    5: "the connection was refused",
    6: "the connection took too long",
    7: "it opens no connections",
    8: "it takes no names",
}


class Talk(asyncio.Protocol):
    """Bytes to a proxy and back, until the connection's own protocol takes the transport over."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ended = False
        self._news: asyncio.Event = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._news.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._ended = True
        self._news.set()

    @property
    def is_quiet(self) -> bool:
        """Whether everything that arrived has been read: a byte more would be taken for the target's."""
        return not self._data

    async def head(self) -> bytes:
        """Up to the first empty line; whatever there is, where none comes."""
        while b"\r\n\r\n" not in self._data and len(self._data) <= MAX_HEAD and not self._ended:
            await self._more()
        end = self._data.find(b"\r\n\r\n")
        return self._take(end + 4 if end >= 0 else len(self._data))

    async def exactly(self, count: int) -> bytes:
        """So many bytes, or fewer where the proxy has closed."""
        while len(self._data) < count and not self._ended:
            await self._more()
        return self._take(count)

    async def _more(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._data[:count])
        del self._data[:count]
        return taken


async def through(proxy: Proxy, sock: socket.socket, target: Target, ca_bundle: str | None) -> asyncio.Transport:
    """A transport that leads to the target, or to a proxy that reads plain requests. Owns `sock` from here on.

    Raises OSError, and UpstreamError where the proxy says no.
    """
    loop = asyncio.get_running_loop()
    tls, name = (http_tls.context(ca_bundle), proxy.host) if proxy.secure else (None, None)
    try:
        transport, talk = await loop.create_connection(Talk, sock=sock, ssl=tls, server_hostname=name)
    except BaseException as error:
        sock.close()
        if proxy.secure and isinstance(error, OSError) and not isinstance(error, TimeoutError):
            raise http_tls.tls_error(f"the proxy {proxy.origin}", error) from None
        raise
    try:
        await _shake_hands(proxy, transport, talk, target)
    except BaseException:
        transport.abort()
        raise
    return transport


async def _shake_hands(proxy: Proxy, transport: asyncio.Transport, talk: Talk, target: Target) -> None:
    if proxy.socks:
        await _socks(proxy, transport, talk, target)
    elif target.scheme == "https":
        await _tunnel(proxy, transport, talk, target)
    if not talk.is_quiet:
        raise _refused(proxy, target, "an answer that is none")


async def _tunnel(proxy: Proxy, transport: asyncio.Transport, talk: Talk, target: Target) -> None:
    request = f"CONNECT {target.origin} HTTP/1.1\r\nhost: {target.origin}\r\n{proxy.fields}\r\n"
    transport.write(request.encode("ascii"))
    head = await talk.head()
    status = _STATUS.match(head)
    if status is None or not head.endswith(b"\r\n\r\n"):
        raise _refused(proxy, target, "an answer that is none")
    if not status[1].startswith(b"2"):
        raise _refused(proxy, target, f"status {int(status[1])}{_login_hint(int(status[1]) == 407)}")


async def _socks(proxy: Proxy, transport: asyncio.Transport, talk: Talk, target: Target) -> None:
    known = bool(proxy.user or proxy.password)
    transport.write(bytes((_VERSION, 2, _OPEN, _LOGIN) if known else (_VERSION, 1, _OPEN)))
    chosen = await talk.exactly(2)
    if len(chosen) != 2 or chosen[0] != _VERSION:
        raise _refused(proxy, target, "an answer that is none")
    if chosen[1] not in ((_OPEN, _LOGIN) if known else (_OPEN,)):
        raise _refused(proxy, target, f"no way in{_login_hint(True)}")
    if chosen[1] == _LOGIN:
        user, password = proxy.user.encode(), proxy.password.encode()
        transport.write(bytes((1, len(user))) + user + bytes((len(password),)) + password)
        if (await talk.exactly(2))[1:] != b"\0":
            raise _refused(proxy, target, f"no way in{_login_hint(True)}")
    name = target.host.encode("ascii")
    transport.write(bytes((_VERSION, _CONNECT, 0, _NAME, len(name))) + name + target.port.to_bytes(2, "big"))
    await _socks_reply(proxy, talk, target)


async def _socks_reply(proxy: Proxy, talk: Talk, target: Target) -> None:
    reply = await talk.exactly(4)
    if len(reply) != 4 or reply[0] != _VERSION:
        raise _refused(proxy, target, "an answer that is none")
    if reply[1]:
        raise _refused(proxy, target, f"a refusal ({_REPLIES.get(reply[1], f'reply {reply[1]}')})")
    length = (await talk.exactly(1) or b"\0")[0] if reply[3] == _NAME else _ADDRESS_BYTES.get(reply[3], 0)
    if len(await talk.exactly(length + 2)) != length + 2:
        raise _refused(proxy, target, "an answer that is none")


def _login_hint(wanted: bool) -> str:
    return f" (it wants a login: {PROXY_SETTING}=…://user:password@host:port)" if wanted else ""


def _refused(proxy: Proxy, target: Target, what: str) -> UpstreamError:
    words = f"the proxy {proxy.origin} gave {what} when asked for {target.origin}"
    return UpstreamError("upstream_unreachable", words, retryable=True)
