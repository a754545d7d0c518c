"""Small proxies on loopback, HTTP and SOCKS5: they tunnel, forward or refuse, and remember what they were asked."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from types import TracebackType


class LoopbackProxy:
    """`refusal` is what it answers to everything, if given. Whatever the name asked for, it goes to `port`.

    `tls`: it is itself spoken to by TLS.
    """

    def __init__(self, port: int = 0, refusal: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._refusal = refusal
        self._tls = tls
        self.heads: list[bytes] = []

    async def __aenter__(self) -> LoopbackProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._speak(reader, writer)
        writer.close()

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self._refusal:
            writer.write(self._refusal)
            await writer.drain()
        else:
            await self._forward(head, reader, writer)

    async def _forward(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._port)
        if head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            upstream_writer.write(head)
        await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))


class LoopbackSocks(LoopbackProxy):
    """SOCKS5 by RFC 1928. `login` is wanted where given, by RFC 1929; `reply` is its word about each connection."""

    def __init__(
        self,
        port: int = 0,
        *,
        login: tuple[bytes, bytes] | None = None,
        reply: int = 0,
        bound: bytes = b"\1" + bytes(4),
    ) -> None:
        super().__init__(port)
        self._login = login
        self._reply = reply
        self._bound = bound
        self.logins: list[tuple[bytes, bytes]] = []

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(1) == b"\5"
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        wanted = 2 if self._login else 0
        writer.write(bytes((5, wanted if wanted in methods else 0xFF)))
        if wanted not in methods or (self._login and not await self._let_in(reader, writer)):
            return
        head = await reader.readexactly(5)
        assert head[:4] == b"\5\1\0\3", "CONNECT, by name"
        name = await reader.readexactly(head[4])
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.heads.append(name + b":%d" % port)
        writer.write(bytes((5, self._reply, 0)) + self._bound + bytes(2))
        if not self._reply:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        assert await reader.readexactly(1) == b"\1"
        user = await reader.readexactly((await reader.readexactly(1))[0])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        self.logins.append((user, password))
        writer.write(b"\1\0" if (user, password) == self._login else b"\1\1")
        return (user, password) == self._login


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
