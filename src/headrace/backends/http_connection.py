"""One connection that an upstream keeps open: a transport, and the exchange that runs over it now, if any.

It refuses to carry two exchanges at once, and to live on after a byte that nobody had asked for.
"""

from __future__ import annotations

import asyncio
import socket
from contextvars import Context
from typing import Protocol, cast

from headrace.backends.http_exchange import Exchange
from headrace.backends.http_target import Target

BUFFER = 64 * 1024  # one socket read at most; shared by all connections of a loop, so its size costs nothing
JOINED = 16 * 1024  # a body up to this size leaves in one write with its head


class Owner(Protocol):
    """Who keeps the connections of one event loop."""

    def rested(self, connection: Connection) -> None: ...
    def gone(self, connection: Connection) -> None: ...


class Connection(asyncio.BufferedProtocol):
    """Opened by the connector. `buffer` may be shared: it is read and emptied within one callback.

    A buffer of our own because asyncio otherwise makes 256 KiB for each read: twice the CPU, measured.
    """

    def __init__(self, target: Target, owner: Owner, buffer: memoryview) -> None:
        self.key = (target.scheme, target.host, target.port)
        self.origin = target.origin
        self.via_proxy = False
        self.idle_since = 0.0
        self._owner = owner
        self._buffer = buffer
        self._sock: socket.socket | None = None
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._closed = False

    def attach(self, sock: socket.socket, transport: asyncio.Transport, *, via_proxy: bool) -> None:
        """Takes over what the connector opened: `transport` may be TLS over `sock`."""
        self._sock, self._transport, self.via_proxy = sock, transport, via_proxy

    def begin(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Sends a request; the answer goes to `exchange`."""
        assert self._transport is not None
        assert self._exchange is None
        self._exchange = exchange
        if len(body) <= JOINED:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def alive(self) -> bool:
        """Whether it may carry another exchange: not closed, and nothing has arrived since the last one."""
        if self._closed or self._transport is None or self._transport.is_closing() or self._sock is None:
            return False
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # the end, or a byte of an answer that nobody asked for

    # What its exchange asks.

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            # A context of its own: the transport would keep the reader's alive as long as it lives.
            Context().run(self._transport.resume_reading)

    def abort(self) -> None:
        """Closes at once, without waiting for unsent bytes or for the other side's farewell."""
        self._exchange = None
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Closes at once, and ends the exchange that runs."""
        if self._exchange is not None:
            self._exchange.close()
        self.abort()

    def finish(self, *, reusable: bool) -> None:
        self._exchange = None
        if reusable and self._transport is not None and not self._transport.get_write_buffer_size():
            self._owner.rested(self)
        else:
            self.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by class

    def get_buffer(self, _sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        exchange = self._exchange
        if exchange is None:
            self.abort()
        else:
            exchange.feed(self._buffer[:nbytes])

    def eof_received(self) -> None:
        self._over(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over(exc)
        self._transport = self._sock = None
        self._owner.gone(self)

    def _over(self, error: Exception | None) -> None:
        exchange = self._exchange
        self.abort()
        if exchange is not None:
            exchange.ended(error)
