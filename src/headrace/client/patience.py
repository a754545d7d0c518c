"""How long to wait before a broken stream is joined again, and when to give up. Pure: clock and dice are others'."""

from __future__ import annotations

from dataclasses import dataclass

_MAX_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Patience:
    """Times in seconds."""

    first: float = 0.5
    """Before the first attempt; doubled by each that fails. A `retry:` line of the server replaces it."""
    most: float = 10.0
    """Between two attempts."""
    give_up_after: float = 120.0
    """Without any progress, waits and attempts together: a restart, a tunnel. The server waits 300 s for a reader."""
    idle: float = 45.0
    """Silence after which a connection counts as dead: three of the server's comments missed."""
    connect: float = 10.0


class Backoff:
    """One stream's waits."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._first = patience.first
        self._failures = 0
        self._spent = 0.0

    def progress(self) -> None:
        """Something has come: the next break starts from the beginning."""
        self._failures, self._spent = 0, 0.0

    def suggest(self, first: float) -> None:
        """The server's `retry:` line."""
        self._first = min(first, self._patience.most)

    def next(self, lasted: float, dice: float, retry_after: float = 0.0) -> float | None:
        """How long to wait after an attempt that lasted `lasted` s and failed; None: give up.

        `dice` is from 0 up to 1. A wait that the server asks for is kept, or not begun at all.
        """
        most = min(self._patience.most, self._first * 2.0 ** min(self._failures, _MAX_DOUBLINGS))
        wait = max(most * (0.5 + 0.5 * dice), retry_after)
        self._failures += 1
        self._spent += min(lasted, self._patience.idle) + wait
        return None if self._spent > self._patience.give_up_after else wait
