"""One connection of a scripted upstream: reads requests, plays their scripts byte for byte."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never, cast

from headrace.testing.steps import Close, Drip, Hold, Repeat, Reset, Send, Sleep, Step

BLOCK = 64 * 1024
NOT_TLS = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it arrived. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    raw_head: bytes


class Book(Protocol):
    """Who keeps the records, and knows what comes next."""

    def opened(self, peer: Peer) -> None: ...
    def closed(self, peer: Peer) -> None: ...
    def heard(self, data: bytes) -> None: ...
    def asked(self, request: RecordedRequest) -> Sequence[Step]: ...


class Peer(asyncio.Protocol):
    """`deaf` ones speak plain HTTP where TLS is expected: they answer the first bytes with a 400."""

    def __init__(self, book: Book, *, deaf: bool = False) -> None:
        self._book = book
        self._deaf = deaf
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # so that writable means: all has left
        self.task = asyncio.ensure_future(self._serve())
        self._book.opened(self)

    def data_received(self, data: bytes) -> None:
        self._book.heard(data)
        if self._deaf:
            self._transport.write(NOT_TLS)
            self._transport.close()
        self._buffer += data
        self._arrived.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.task.cancel()
        self._book.closed(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def drop(self) -> None:
        self._transport.abort()

    async def _serve(self) -> None:
        while True:
            for step in self._book.asked(await self._request()):
                await self._play(step)

    async def _request(self) -> RecordedRequest:
        while b"\r\n\r\n" not in self._buffer:
            await self._more()
        raw_head, _, _ = bytes(self._buffer).partition(b"\r\n\r\n")
        first, *lines = raw_head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < len(raw_head) + 4 + length:
            await self._more()
        body = bytes(self._buffer[len(raw_head) + 4 :][:length])
        del self._buffer[: len(raw_head) + 4 + length]
        return RecordedRequest(method, target, headers, body, raw_head)

    async def _more(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    async def _play(self, step: Step) -> None:
        match step:
            case Send(data, times):
                await self._send(data, times)
            case Drip(data, size, every):
                for at in range(0, len(data), size):
                    await self._write(data[at : at + size])
                    await asyncio.sleep(every)
            case Repeat(data, every):
                while True:
                    await self._write(data)
                    await asyncio.sleep(every)
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Hold():
                await asyncio.Event().wait()
            case Reset():
                self._reset()
                await asyncio.Event().wait()
            case Close():
                self._transport.close()
                await asyncio.Event().wait()
            case _:
                assert_never(step)

    async def _send(self, data: bytes, times: int) -> None:
        together = max(1, min(times, BLOCK // max(1, len(data))))
        block = data * together
        while times >= together:
            await self._write(block)
            times -= together
        await self._write(data * times)

    async def _write(self, data: bytes) -> None:
        if data:
            self._transport.write(data)
        await self._writable.wait()
        await asyncio.sleep(0)  # an endless script must not keep the others from theirs

    def _reset(self) -> None:
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
