"""A small HTTP proxy on loopback: tunnels, forwards, or refuses, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType


class LoopbackProxy:
    """`refusal` is what it answers to everything, if given. Whatever the name asked for, it goes to `port`."""

    def __init__(self, port: int = 0, refusal: bytes = b"") -> None:
        self._port = port
        self._refusal = refusal
        self.heads: list[bytes] = []

    async def __aenter__(self) -> LoopbackProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            if self._refusal:
                writer.write(self._refusal)
                await writer.drain()
            else:
                await self._forward(head, reader, writer)
        writer.close()

    async def _forward(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._port)
        if head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            upstream_writer.write(head)
        await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
