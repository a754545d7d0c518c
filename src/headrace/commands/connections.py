"""A client's connection that is given up when the client takes nothing of what it is sent, never has its request whole,
or makes it larger than any may be. It costs nothing an event.

What is queued for a client is bounded: by the system's buffer for the socket (`listening.py`), and by uvicorn's in
front of it. Whoever was cut off can resume.
"""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_SECONDS = 300.0
"""For a request to arrive, its body too: 10 MiB over a slow line. Without a bound a silent client holds a connection
for ever."""


MAX_HEAD = 64 * 1024
"""Bytes of a request before its body. Proxies let less through."""
MAX_FRAMING = 2
"""How often a body's bound all that is sent may be: chunks have sizes. Behind the last there may be fields again."""
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Watches while writing is paused, which is when both buffers are full. Any progress starts the time anew.

    A request has its time from the connection or its own first byte on, whatever arrives in between.
    """

    stall_seconds = 30.0
    request_seconds = REQUEST_SECONDS
    max_request = 0
    _received = 0
    _in_head = True
    _timer: asyncio.TimerHandle | None = None
    _arriving: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._arriving is not None:
            self._received += len(data)
            self._bound()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._received, self._in_head = 0, True
        self._expect()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_expecting()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._stop_watching()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        self._stop_expecting()
        super().connection_lost(exc)

    def _bound(self) -> None:
        """Of what is not whole yet the parser keeps all: uvicorn's other one has a bound of its own."""
        if self._in_head and self._received > MAX_HEAD:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(TOO_LARGE)
            self.transport.close()
        elif self._received > self.max_request:
            self.transport.abort()

    def _expect(self) -> None:
        if self._arriving is None:
            self._arriving = self.loop.call_later(self.request_seconds, self.transport.abort)

    def _stop_expecting(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _watch(self) -> None:
        self._timer = self.loop.call_later(self.stall_seconds, self._look, self._queued())

    def _look(self, before: int) -> None:
        if self._queued() < before:
            self._watch()
        else:
            self.transport.abort()

    def _queued(self) -> int:
        return self.transport.get_write_buffer_size() + _in_system(self.transport.get_extra_info("socket"))

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _in_system(connection: Any) -> int:
    """Bytes that the system holds for the client, where it tells: it takes more from us only in large steps."""
    try:
        held = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # not told for this kind of connection, or closed
        return 0
    return int.from_bytes(held, sys.byteorder)


def bounded(stall_seconds: float, max_body_bytes: int) -> type[Any]:
    """The protocol with this patience, for bodies of this size."""
    largest = MAX_HEAD + MAX_FRAMING * max_body_bytes
    return type("BoundedProtocol", (BoundedProtocol,), {"stall_seconds": stall_seconds, "max_request": largest})
