"""How many streams all workers run under a name, so that their number can be limited. Only limited names are counted.

Each worker says its own count anew with every change, so that a word that was lost is made good by the next; what it
says holds as long as its lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from headrace.backends import redis_keys as rk
from headrace.backends.redis_link import Link
from headrace.backends.redis_server import FAILURES

KEEP_MS = 86_400_000  # a day: longer than any stream that says nothing of itself


class Places:
    """The places of this worker. `link` gives the way to the shared server. Safe from any thread."""

    def __init__(self, keys: rk.Keys, link: Callable[[], Link]) -> None:
        self._keys = keys
        self._link = link
        self._own: Counter[str] = Counter()
        self._lock = threading.RLock()  # collecting garbage while it is held may give places back
        self._unsaid: set[str] = set()

    async def take(self, limits: Mapping[str, int]) -> str:
        """Count one more stream under each name, or return one that is full. Raises what is in `FAILURES`."""
        link, names = self._link(), list(limits)
        counts = self._add(names, 1)
        wanted = [number for name in names for number in (counts[name], limits[name])]
        try:
            full = await link.ask(lambda: self._take(link, names, wanted))
        except BaseException:
            self._add(names, -1)
            raise
        if full:
            self._add(names, -1)
            return names[full - 1]
        return ""

    def give(self, names: Sequence[str]) -> None:
        """A stream under these names has ended; the others are told as soon as the server takes it."""
        self._add(names, -1)
        link = self._link()
        with self._lock:
            fresh = not self._unsaid
            self._unsaid.update(names)
        if fresh and link.usable:
            asyncio.run_coroutine_threadsafe(self._say(link), link.loop)

    def _add(self, names: Sequence[str], number: int) -> dict[str, int]:
        with self._lock:
            for name in names:
                self._own[name] += number
                if not self._own[name]:
                    del self._own[name]
            return {name: self._own[name] for name in names}

    async def _take(self, link: Link, names: Sequence[str], wanted: Sequence[int]) -> int:
        keys = (self._keys.leases, *map(self._keys.open, names))
        async with asyncio.timeout(rk.COMMAND_SECONDS):
            return int(await link.server.run(rk.TAKE_PLACES, keys, link.mirror.worker, KEEP_MS, *wanted))

    async def _say(self, link: Link) -> None:
        while link.usable:
            with self._lock:
                name = next(iter(self._unsaid), None)
                count = self._own[name] if name is not None else 0
            if name is None:
                return
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(rk.COMMAND_SECONDS):
                    await link.server.run(rk.SAY_PLACES, [self._keys.open(name)], link.mirror.worker, count, KEEP_MS)
                with self._lock:
                    if self._own[name] == count:
                        self._unsaid.discard(name)
                continue
            await asyncio.sleep(rk.RETRY_SECONDS)
