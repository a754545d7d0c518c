"""A client's connection that is given up when the client takes nothing of what it is sent, or never has its request
whole. It costs nothing an event.

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


class BoundedProtocol(HttpToolsProtocol):
    """Watches while writing is paused, which is when both buffers are full. Any progress starts the time anew.

    A request has its time from the connection or its own first byte on, whatever arrives in between.
    """

    stall_seconds = 30.0
    request_seconds = REQUEST_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _arriving: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect()

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


def bounded(stall_seconds: float) -> type[Any]:
    """The protocol with this patience."""
    return type("BoundedProtocol", (BoundedProtocol,), {"stall_seconds": stall_seconds})
