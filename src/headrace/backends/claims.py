"""Names taken for a while, within one process. Who comes second is told what the first one said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MAX_CLAIMS = 100_000  # some 30 MB; over it the oldest go, as if they had expired


class Claims:
    """Safe from any thread. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def claim(self, name: str, value: str, seconds: float) -> str:
        """Claim a name that is free. Returns the value that holds it now: this one, or that of whoever was first."""
        with self._lock:
            found = self._value(name)
            if found is not None:
                return found
            self._held.pop(name, None)
            while len(self._held) >= MAX_CLAIMS:
                del self._held[next(iter(self._held))]
            self._held[name] = (value, self._clock() + seconds)
            return value

    def get(self, name: str) -> str | None:
        """The value that holds this name; None where it is free."""
        with self._lock:
            return self._value(name)

    def release(self, name: str, value: str) -> None:
        """Free the name if this value holds it."""
        with self._lock:
            if self._value(name) == value:
                del self._held[name]

    def _value(self, name: str) -> str | None:
        value, expiry = self._held.get(name, ("", 0.0))
        return value if expiry > self._clock() else None
