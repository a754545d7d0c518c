"""Whether this process has slept longer than its lease. If so, nothing is shown before the server has been asked.

A process that was stopped, or a machine that was, wakes up with its providers' answers in its sockets, and others may
have ended its streams meanwhile. A server that is away is no reason to wait: then only the sleep counts, and not long.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from headrace.backends import redis_keys as rk

DOUBT_SECONDS = rk.COMMAND_SECONDS + rk.RETRY_SECONDS + rk.TICK_SECONDS  # one question may be late, the next one counts


class Vigil:
    """Kept by the heartbeat, asked by every append, from any thread. `over` is called when doubt has ended."""

    def __init__(self, over: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._over = over
        self._clock = clock
        self._asleep = rk.LEASE_SECONDS + rk.RETRY_SECONDS  # a server that hangs puts two heartbeats a lease apart
        self._beat = clock()
        self._doubt_until = 0.0

    @property
    def doubtful(self) -> bool:
        """Whether our streams may have been taken from us while we slept."""
        now = self._clock()
        if now - self._beat > self._asleep and not self._doubt_until:
            self._doubt_until = now + DOUBT_SECONDS
        return now < self._doubt_until

    def beat(self, *, answered: bool) -> None:
        """The heartbeat has asked the server whether our name is still ours; `answered`: it got an answer."""
        doubtful = self.doubtful
        self._beat = self._clock()
        if answered or not doubtful:
            self._doubt_until = 0.0
            self._over()
