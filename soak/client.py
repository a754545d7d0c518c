"""A client that is cut off on purpose and resumes, on whichever worker; it writes down what it got, event by event."""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import brotli
from backports import zstd

from headrace.testing.history import Reading
from soak.upstream import question

PLAYGROUND = "/api/projects/default/playground"
KEY = "sk-soak-0123456789abcdef"
PATIENCE = 60.0  # for one stream, whatever happens to it
AGAIN_SECONDS = (0.02, 1.0)  # the first pause after a break, and the longest
BLOCK = 65536

ENCODINGS = ("identity", "gzip", "br", "zstd")

Cut = Callable[[Reading], bool]
"""Whether to break off after the event that was just read."""


class RefusedError(Exception):
    """An answer that is no stream."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:300].decode(errors='replace')}")
        self.status = status


def never(_: Reading) -> bool:
    return False


def at_random(chance: float) -> Cut:
    return lambda _: random.random() < chance


@dataclass(slots=True)
class Client:
    """Talks to the workers at these ports, one at a time. Counts what it did."""

    ports: Sequence[int]
    upstream: str
    breaks: int = 0
    refusals: dict[int, int] = field(default_factory=dict)

    async def start(self, name: str, events: int, pause: float, *, port: int | None = None, **fields: object) -> str:
        """Start a stream, read no more than its head, and leave; its id."""
        options = {"streamOptions": {"onDisconnect": "continue"}} | fields
        _, writer, head = await self._chat("default", question(name, events, pause), port, options)
        writer.transport.abort()
        return head["x-stream-id"]

    async def chat(self, project: str, asked: str) -> AsyncIterator[str]:
        """One stream on one connection: its events as they come. Raises RefusedError, IncompleteReadError."""
        reader, writer, _ = await self._chat(project, asked, None, {})
        try:
            async for block in blocks(reader):
                if block == "data: [DONE]":
                    return
                yield block
        finally:
            writer.transport.abort()

    async def read(self, reading: Reading, stream_id: str, cut: Cut = never, *, port: int | None = None) -> None:
        """Read to the end, resuming after every break. Raises TimeoutError."""
        pause = AGAIN_SECONDS[0]
        async with asyncio.timeout(PATIENCE):
            while not reading.ending:
                before = reading.cursor
                with suppress(OSError, asyncio.IncompleteReadError):
                    await self._read_once(reading, stream_id, cut, port)
                if not reading.ending:
                    self.breaks += 1
                    pause = AGAIN_SECONDS[0] if reading.cursor > before else min(pause * 2, AGAIN_SECONDS[1])
                    await asyncio.sleep(pause * random.random())

    async def stop(self, stream_id: str) -> None:
        """End a stream, through any worker."""
        _, writer, _ = await self.ask(None, f"DELETE {PLAYGROUND}/streams/{stream_id}/", "", b"")
        writer.transport.abort()

    async def gauges(self) -> dict[str, int]:
        """What one of the workers holds."""
        reader, writer, head = await self.ask(None, "GET /gauges/", "", b"")
        found: dict[str, int] = json.loads(await reader.readexactly(int(head["content-length"])))
        writer.transport.abort()
        return found

    async def body(self, stream_id: str, encoding: str, after: int = 0) -> bytes:
        """The bytes of a stream in a content encoding, to their end."""
        headers = f"Last-Event-ID: {after}\r\nAccept-Encoding: {encoding}\r\n"
        reader, writer, _ = await self.ask(None, f"GET {PLAYGROUND}/streams/{stream_id}/", headers, b"")
        data = b""
        try:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                data += (await reader.readexactly(size + 2))[:-2]
        finally:
            writer.transport.abort()
        return data

    async def _read_once(self, reading: Reading, stream_id: str, cut: Cut, port: int | None) -> None:
        try:
            path = f"GET {PLAYGROUND}/streams/{stream_id}/"
            reader, writer, _ = await self.ask(port, path, f"Last-Event-ID: {reading.cursor}\r\n", b"")
        except RefusedError as error:
            self.refusals[error.status] = self.refusals.get(error.status, 0) + 1
            if error.status != 503:
                raise
            return
        try:
            async for block in blocks(reader):
                take(reading, block)
                if not reading.ending and cut(reading):
                    return
        finally:
            writer.transport.abort()

    async def _chat(
        self, project: str, asked: str, port: int | None, fields: dict[str, object]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, str]]:
        model = {"providerId": "openai", "endpoint": self.upstream, "apiKey": KEY, "modelId": "m"}
        body = json.dumps({"messages": [{"role": "user", "content": asked}], "model": model} | fields).encode()
        headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return await self.ask(port, f"POST /api/projects/{project}/playground/chat/stream/", headers, body)

    async def ask(
        self, port: int | None, line: str, headers: str, body: bytes
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, str]]:
        """One request on a connection of its own. Raises RefusedError."""
        port = port or random.choice(self.ports)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=BLOCK * 16)
        try:
            writer.write(
                f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\r\n".encode() + body
            )
            status, *rows = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            head = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
            code = int(status.split()[1])
            refusal = await reader.read(BLOCK) if code >= 300 else b""
        except BaseException:
            writer.transport.abort()
            raise
        if refusal:
            writer.transport.abort()
            raise RefusedError(code, refusal)
        return reader, writer, head


async def blocks(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    """The events of a body in chunks, each when its last byte is there; comments are passed over.

    Raises IncompleteReadError for a body that breaks off.
    """
    buffer = ""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        buffer += (await reader.readexactly(size + 2))[:-2].decode()
        *whole, buffer = buffer.split("\n\n")
        for block in whole:
            if not block.startswith(":"):
                yield block


def decoded(data: bytes, encoding: str) -> bytes:
    """What a client has of a body that broke off here."""
    match encoding:
        case "gzip":
            return zlib.decompressobj(31).decompress(data)
        case "br":
            return brotli.Decompressor().process(data) if data else b""
        case "zstd":
            return zstd.ZstdDecompressor().decompress(data)
    return data


def take(reading: Reading, block: str) -> None:
    """One event of a stream with numbers into the history. An error counts as the ending that it announces."""
    number, data = reading.cursor + 1, ""
    for line in block.split("\n"):
        name, _, value = line.partition(": ")
        if name == "id":
            number = int(value)
        elif name == "data":
            data += value
    if data == "[DONE]":
        reading.ended(reading.failure or "stop")
        return
    event = json.loads(data)
    if "error" in event:
        reading.failure = event["code"]
    else:
        reading.saw(number, event["content"])
