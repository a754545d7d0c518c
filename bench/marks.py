"""The mark inside each token: when it was due to be sent, so that a load in another process can tell its delay.

Both processes read the system's one monotonic clock. A mark counts from the time a token was *due*, not from when the
upstream came to send it: a target that slows the upstream down cannot make its own figures look better.
"""

from __future__ import annotations

import re
import time

WINDOW_US = 10**8
"""Marks count microseconds modulo this (100 s); no delay that we measure comes near half of it."""
MARK_FORMAT = b"~%08d"
MARK_BYTES = 9
MARK = re.compile(rb"~(\d{8})")


def now_us() -> int:
    """Microseconds on the clock that all processes of this machine share."""
    return time.monotonic_ns() // 1000


def mark(due_us: int) -> bytes:
    """The text of a token that was due then."""
    return MARK_FORMAT % (due_us % WINDOW_US)


def delay_us(seen_us: int, marked: int) -> int:
    """Microseconds between a mark and its being seen; 0 where the clocks' reading order makes it negative."""
    passed = (seen_us - marked) % WINDOW_US
    return passed if passed < WINDOW_US // 2 else 0


class MarkScanner:
    """Finds the marks in a body that arrives in arbitrary pieces."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The digits of each mark that is complete now."""
        if self._rest:
            data = self._rest + data
        start = data.rfind(b"~", -MARK_BYTES + 1)
        self._rest = data[start:] if start >= 0 else b""
        return MARK.findall(data)
