"""Waking whoever waits for a log to grow: a coroutine on any event loop, or a plain thread. No busy waiting.

A producer may run on another loop or thread than its readers (WSGI, scripts), so a wake-up must be safe from anywhere.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Protocol


class Waiter(Protocol):
    def wake(self) -> None:
        """Wake the reader, from whatever thread; waking one that does not wait is remembered."""

    def close(self) -> None:
        """Give up timers."""


class TaskWaiter:
    """Waits on the event loop that it was made on. `wait` returns False when `idle` seconds passed in silence.

    One timer for each reader, re-armed only when it fires: arming one for every event costs more than the event.
    """

    __slots__ = ("_future", "_idle", "_loop", "_silent_since", "_thread", "_timer", "_woken")

    def __init__(self, idle: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._idle = idle
        self._future: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._silent_since = self._loop.time()
        self._woken = False

    def wake(self) -> None:
        if threading.get_ident() == self._thread:  # asking asyncio which loop runs is a system call, for each event
            self._resolve()
        elif not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._resolve)
            except RuntimeError:  # the reader's loop closed between the look and the call: nobody waits
                return

    async def wait(self) -> bool:
        if self._woken:
            self._woken = False
            return True
        self._silent_since = self._loop.time()
        if self._idle > 0 and self._timer is None:
            self._timer = self._loop.call_later(self._idle, self._on_timer)
        self._future = self._loop.create_future()
        try:
            return await self._future
        finally:
            self._future = None

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _resolve(self) -> None:
        future = self._future
        if future is None:
            self._woken = True
        elif not future.done():
            future.set_result(True)

    def _on_timer(self) -> None:
        self._timer = None
        future = self._future
        if future is None or future.done():
            return
        left = self._silent_since + self._idle - self._loop.time()
        if left > 0.001:
            self._timer = self._loop.call_later(left, self._on_timer)
        else:
            future.set_result(False)


class ThreadWaiter:
    """Blocks the thread that reads: for WSGI and scripts."""

    __slots__ = ("_event", "_idle")

    def __init__(self, idle: float) -> None:
        self._idle = idle if idle > 0 else None
        self._event = threading.Event()

    def wake(self) -> None:
        self._event.set()

    def wait(self) -> bool:
        woken = self._event.wait(self._idle)
        self._event.clear()
        return woken

    def close(self) -> None:
        """Nothing is held between waits."""
