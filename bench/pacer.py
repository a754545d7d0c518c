"""Calls at absolute times, to a tenth of a millisecond: an event loop's own timers count whole milliseconds.

A thousand streams whose tokens fall on the same millisecond would come in volleys, and a target that wakes once for
ten tokens looks cheaper than it is. One kernel timer (timerfd) wakes the loop for whatever is due next.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import os
from typing import Protocol

from bench.marks import now_us

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK = os.O_NONBLOCK
_TFD_TIMER_ABSTIME = 1
_LEAST_NS = 1  # an absolute time of 0 would disarm the timer

_libc = ctypes.CDLL(None, use_errno=True)


class _Setting(ctypes.Structure):
    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("at_s", ctypes.c_long),
        ("at_ns", ctypes.c_long),
    )


class Paced(Protocol):
    def advance(self, now: int) -> int | None:
        """Do what is due; the next due time in microseconds, or None when there is none."""


class Pacer:
    """One timer for all paced streams of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._fd = _libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._due: list[tuple[int, int, Paced]] = []
        self._count = 0  # orders entries that are due at the same time
        self._setting = _Setting()
        self._reference = ctypes.byref(self._setting)
        loop.add_reader(self._fd, self._wake)

    def schedule(self, due: int, paced: Paced) -> None:
        """Call `paced.advance` at `due` (microseconds), then when it says, until it says None."""
        self._count += 1
        entry = (due, self._count, paced)
        heapq.heappush(self._due, entry)
        if self._due[0] is entry:
            self._arm()

    def _wake(self) -> None:
        due = self._due
        now = now_us()
        while due and due[0][0] <= now:
            _, number, paced = due[0]
            following = paced.advance(now)
            if following is None:
                heapq.heappop(due)
            else:
                heapq.heapreplace(due, (following, number, paced))
        self._arm()

    def _arm(self) -> None:
        """Set the timer anew, which also takes back the readiness of its descriptor."""
        at = self._due[0][0] if self._due else 0
        self._setting.at_s, rest = divmod(at, 1_000_000)
        self._setting.at_ns = rest * 1000 or (_LEAST_NS if at else 0)
        _libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, self._reference, None)
