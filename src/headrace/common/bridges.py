"""Between iterators of the two colours, one item at a time: nothing is collected, nothing outlives its reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from headrace.backends.loops import background_loop

T = TypeVar("T")
_END = object()


def blocking(source: AsyncIterable[T]) -> Iterator[T]:
    """An asynchronous source read by a plain thread; the source runs on the background loop."""
    loop = background_loop()
    iterator = aiter(source)

    async def step() -> object:
        return await anext(iterator, _END)

    try:
        while (item := asyncio.run_coroutine_threadsafe(step(), loop).result()) is not _END:
            yield item  # type: ignore[misc]
    finally:
        if (aclose := getattr(iterator, "aclose", None)) is not None:
            asyncio.run_coroutine_threadsafe(aclose(), loop).result()


async def threaded(source: Iterable[T]) -> AsyncIterator[T]:
    """A synchronous source read by a coroutine; the source runs in one thread of its own, which ends with it."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="headrace-source")
    iterator = iter(source)
    try:
        while (item := await loop.run_in_executor(thread, next, iterator, _END)) is not _END:
            yield item  # type: ignore[misc]
    finally:
        if (close := getattr(iterator, "close", None)) is not None:
            thread.submit(close)  # in its own thread, after a `next` that may still run there
        thread.shutdown(wait=False)
