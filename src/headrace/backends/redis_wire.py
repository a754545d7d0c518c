"""The wire to a Redis or Valkey server: commands out, answers in, in order, on one connection.

A client library costs a hundred microseconds a question, more than all the rest of the mirror; this speaks the few
lines of RESP2 that we need. It repeats nothing, and a connection on which an answer is late is broken for good.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from headrace.errors import HeadraceError

DEFAULT_PORT = 6379
PLAIN, TLS, UNIX = ("redis", "valkey"), ("rediss", "valkeys"), ("unix",)
OPTIONS = frozenset({"db", "password", "username", "ssl_cert_reqs", "ssl_ca_certs"})
MAX_LINE = 64 * 1024  # a header or a refusal is far shorter: beyond it this is no such server

_SIMPLE, _ERROR, _INTEGER, _BULK, _ARRAY = b"+-:$*"


class AddressError(HeadraceError, ValueError):
    """The address of the server is none. The message never holds the address: it may hold a password."""


class ReplyError(Exception):
    """The server refused one command. It stands among the answers, and is raised by whoever needs that answer."""


@dataclass(frozen=True, slots=True)
class Address:
    """`redis://user:password@host:port/db`, `rediss://…` with TLS, `unix:///path?db=0&password=…`."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    db: int = 0
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None

    @classmethod
    def parse(cls, url: str) -> Address:
        try:
            parts = urlsplit(url.strip())
            port = parts.port or DEFAULT_PORT
        except ValueError:
            raise AddressError("the server's address is no URL") from None
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.scheme not in (*PLAIN, *TLS, *UNIX):
            raise AddressError("the server's address must begin with redis://, rediss:// or unix://")
        if unknown := options.keys() - OPTIONS:
            raise AddressError(f"the server's address has unknown options: {', '.join(sorted(unknown))}")
        local = parts.scheme in UNIX
        return cls(
            "" if local else parts.hostname or "localhost",
            port,
            unquote(parts.path) if local else "",
            _db(options.get("db") or ("" if local else parts.path.strip("/"))),
            unquote(parts.username or "") or options.get("username", ""),
            unquote(parts.password or "") or options.get("password", ""),
            _tls(parts, options),
        )

    def greeting(self) -> list[bytes]:
        """What a new connection begins with."""
        commands = [command("PING")]
        if self.db:
            commands.insert(0, command("SELECT", self.db))
        if self.password:
            user = (self.username,) if self.username else ()
            commands.insert(0, command("AUTH", *user, self.password))
        return commands


def _db(text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise AddressError("the database in the server's address must be a number")
    return int(text or 0)


def _tls(parts: SplitResult, options: Mapping[str, str]) -> ssl.SSLContext | None:
    if parts.scheme not in TLS:
        return None
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def command(*parts: bytes | str | int) -> bytes:
    """One command."""
    return b"*%d\r\n" % len(parts) + b"".join([bulk(part) for part in parts])


def bulk(part: bytes | str | int) -> bytes:
    """One part of a command."""
    data = part if isinstance(part, bytes) else str(part).encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


class Replies:
    """Reads RESP2: bytes, ints, lists, None, and `ReplyError`s. `feed` gives the answers that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._open: list[tuple[list[Any], int]] = []

    def feed(self, data: bytes) -> list[Any]:
        """Raises ValueError for what is no answer of such a server."""
        buffer, at, complete = self._buffer, 0, list[Any]()
        value: Any
        buffer += data
        while (end := buffer.find(b"\r\n", at)) >= 0:
            kind, size = buffer[at], 0
            if kind in (_BULK, _ARRAY):
                size = int(buffer[at + 1 : end])
            if kind == _ARRAY and size > 0:
                self._open.append(([], size))
                at = end + 2
                continue
            if size < 0:
                value = None
            elif kind == _BULK:
                begin, end = end + 2, end + 2 + size
                if len(buffer) < end + 2:
                    break
                value = bytes(buffer[begin:end])
            else:
                value = [] if kind == _ARRAY else _line(kind, bytes(buffer[at + 1 : end]))
            at = end + 2
            self._close(value, complete)
        del buffer[:at]
        if len(buffer) > MAX_LINE and buffer.find(b"\r\n") < 0:
            raise ValueError("an endless line")
        return complete

    def _close(self, value: Any, complete: list[Any]) -> None:
        """Put a value where it belongs, and every list that it completes."""
        while self._open:
            items, size = self._open[-1]
            items.append(value)
            if len(items) < size:
                return
            value = items
            self._open.pop()
        complete.append(value)


def _line(kind: int, text: bytes) -> Any:
    if kind == _INTEGER:
        return int(text)
    if kind == _ERROR:
        return ReplyError(text.decode("utf-8", "replace"))
    if kind == _SIMPLE:
        return text
    raise ValueError("no answer of a Redis or Valkey server")


class Wire(asyncio.Protocol):
    """One connection. Any number of tasks may ask at a time; each gets its own answers."""

    def __init__(self) -> None:
        self._replies = Replies()
        self._waiting: deque[tuple[asyncio.Future[list[Any]], list[Any], int]] = deque()
        self._transport: asyncio.Transport | None = None
        self._error = "not connected"
        self.on_break: Callable[[], None] = _nothing
        """Called once, when nothing more can be asked here."""

    @classmethod
    async def connect(cls, address: Address, patience: float) -> Wire:
        """A connection that is ready. Raises OSError, also for what the server refuses at the door."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(patience):
            if address.path:
                _, wire = await loop.create_unix_connection(cls, address.path)
            else:
                _, wire = await loop.create_connection(cls, address.host, address.port, ssl=address.tls)
            try:
                answers = await wire.exchange(address.greeting(), patience)
            except BaseException:
                wire.close()
                raise
        for answer in answers:
            if isinstance(answer, ReplyError):
                wire.close()
                raise ConnectionError(str(answer))
        return wire

    @property
    def broken(self) -> bool:
        return self._transport is None

    async def exchange(self, commands: Sequence[bytes], patience: float) -> list[Any]:
        """The answers in order, refusals among them as `ReplyError`s. Raises OSError where the connection broke."""
        if self._transport is None:
            raise ConnectionError(self._error)
        asked: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, [], len(commands)))
        self._transport.write(b"".join(commands))
        timer = asyncio.get_running_loop().call_later(patience, self._late, asked)
        try:
            return await asked
        finally:
            timer.cancel()

    def close(self) -> None:
        self._break("closed")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        try:
            answers = self._replies.feed(data)
        except ValueError as error:
            self._break(str(error))
            return
        for answer in answers:
            if not self._waiting:
                self._break("an answer to nothing")
                return
            asked, got, size = self._waiting[0]
            got.append(answer)
            if len(got) == size:
                self._waiting.popleft()
                if not asked.done():
                    asked.set_result(got)

    def connection_lost(self, error: Exception | None) -> None:
        self._break(str(error) if error is not None else "closed by the server")

    def _late(self, asked: asyncio.Future[list[Any]]) -> None:
        if not asked.done():
            self._break("no answer in time")

    def _break(self, why: str) -> None:
        """Nothing can be told of answers after one that is missing: whoever waits is told."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        self._error = why
        transport.abort()
        self.on_break()
        while self._waiting:
            asked, _, _ = self._waiting.popleft()
            if not asked.done():
                asked.set_exception(ConnectionError(why))


def _nothing() -> None:
    """Nobody asks."""
