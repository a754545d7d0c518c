"""Events that say when they were sent: what `headrace doctor` and the page read through everything in front of us.

They carry nothing of anybody's. A silence after them, without keep-alives, shows when something in front loses
patience.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from typing import Any

import msgspec

from headrace.errors import RequestError
from headrace.stream.wire import DONE

EVENTS = 20
GAP = 0.1  # seconds between two: 2 s in all are long enough to tell a buffer from a slow network
MAX_SILENCE = 300  # seconds: no proxy's usual limit is longer
MAX_AT_ONCE = 50
"""Streams in this process: whoever is known may ask for them, and they cost a place each."""

_lock = threading.Lock()
_open = 0


class TimedEvents:
    """One stream of them, for `async for` or a plain `for`; `facts` stand in the first event. Close it.

    RequestError 503 where too many are open.
    """

    def __init__(self, facts: Mapping[str, Any], silence: int = 0) -> None:
        global _open  # noqa: PLW0603 - one count for each process is what it is
        self._held = False
        with _lock:
            if _open >= MAX_AT_ONCE:
                message = f"{MAX_AT_ONCE} examinations are running here; try again"
                raise RequestError(message, code="too_many_streams", status=503)
            _open += 1
        self._held = True
        self._facts = dict(facts)
        self._silence = silence
        self._began = 0.0

    def close(self) -> None:
        global _open  # noqa: PLW0603
        with _lock:
            held, self._held = self._held, False
            _open -= held

    __del__ = close  # a response that no server has closed

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            for pause, event in self._steps():
                await asyncio.sleep(pause)
                yield event()
        finally:
            self.close()

    def __iter__(self) -> Generator[bytes, None, None]:
        try:
            for pause, event in self._steps():
                time.sleep(pause)
                yield event()
        finally:
            self.close()

    def _steps(self) -> Iterator[tuple[float, Any]]:
        """What to wait, and then to send."""
        self._began = time.monotonic()
        yield 0, lambda: _line({"type": "about", **self._facts})
        for number in range(1, EVENTS + 1):
            yield (GAP if number > 1 else 0), lambda number=number: self._tick(number)
        if self._silence:
            yield self._silence, lambda: self._tick(EVENTS + 1)
        yield 0, lambda: DONE

    def _tick(self, number: int) -> bytes:
        return _line({"type": "tick", "number": number, "sent": round(time.monotonic() - self._began, 4)})


def _line(event: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"
