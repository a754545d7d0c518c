"""How much all captures of a process may hold together, shared out fairly between projects.

Where there is no more room, the oldest captures of the project that holds most go: whoever captures much pushes out
its own, and never what another project keeps within its share.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Protocol
from weakref import WeakValueDictionary

MOST_OF_ALL = 64 * 1024 * 1024
"""Bytes of all streams of this process together."""


class Kept(Protocol):
    """What takes room: it belongs to a project, and lets go of all that it holds when it is told so."""

    project: str

    def let_go(self) -> None: ...


class Room:
    """Safe from any thread, and from a collection of garbage while it is at work."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._sizes: dict[int, int] = {}
        self._held: Counter[str] = Counter()
        self._total = 0
        self._kept: WeakValueDictionary[int, Kept] = WeakValueDictionary()

    @property
    def held(self) -> int:
        """Bytes that all hold together."""
        return self._total

    def take(self, asking: Kept, count: int) -> bool:
        """Take `count` more bytes for it, from somebody else where needed; False where nobody can make room."""
        with self._lock:
            while self._total + count > MOST_OF_ALL:
                if not self._relieve(asking, count):
                    return False
            self._kept[id(asking)] = asking
            self._sizes[id(asking)] = self._sizes.get(id(asking), 0) + count
            self._held[asking.project] += count
            self._total += count
            return True

    def give(self, kept: Kept) -> None:
        """Free all that it holds."""
        with self._lock:
            size = self._sizes.pop(id(kept), 0)
            self._total -= size
            self._held[kept.project] -= size
            if not self._held[kept.project]:
                del self._held[kept.project]

    def _relieve(self, asking: Kept, count: int) -> bool:
        """Have the oldest of the project that holds most let go."""
        held = self._held + Counter({asking.project: count})
        largest = max(held, key=held.__getitem__)
        for place in list(self._sizes):  # in the order of their beginnings
            kept = self._kept.get(place)
            if kept is not None and kept is not asking and kept.project == largest:
                kept.let_go()
                self.give(kept)
                return True
        return False


ROOM = Room()
