"""A stream's reader that can be sent away: whoever loses their access in mid-stream stops reading."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from typing import Any

from headrace.common.responses import EventStreamResponse

Watch = Callable[[Callable[[], None]], Callable[[], None]]


def watched(response: EventStreamResponse, watch: Watch) -> None:
    """Have the response's reading ended when `watch` calls back. Nothing is watched before the first event is read."""
    response.replace_source(lambda source: _Watched(source, watch))


class _Watched:
    """A source whose reading ends at once under ASGI, and with the next event or keep-alive under WSGI."""

    def __init__(self, source: Any, watch: Watch) -> None:
        self._source = source
        self._watch = watch
        self._ended = threading.Event()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def end() -> None:
            self._ended.set()
            if task is not None:
                with suppress(RuntimeError):  # its loop has been closed
                    loop.call_soon_threadsafe(task.cancel)

        stop = self._watch(end)
        try:
            async with aclosing(aiter(self._source)) as batches:
                async for batch in batches:
                    yield batch
        finally:
            stop()

    def __iter__(self) -> Iterator[bytes]:
        stop = self._watch(self._ended.set)
        try:
            for batch in self._source:
                if self._ended.is_set():
                    return
                yield batch
        finally:
            stop()
