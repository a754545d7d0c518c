"""A loopback proxy that breaks connections: after an event, or after any number of bytes of what the server sends."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol


class Cut(Protocol):
    """One connection's fate: how many of these bytes pass before it is cut, None for all of them."""

    def __call__(self, data: bytes) -> int | None: ...


def after_events(count: int = 1) -> Cut:
    """Cut when so many events are complete. The streams must not be compressed."""
    left, tail = count, b""

    def cut(data: bytes) -> int | None:
        nonlocal left, tail
        held, seen = len(tail), tail + data
        at = 0
        while (found := seen.find(b"\n\n", at)) >= 0:
            at, left = found + 2, left - 1
            if left == 0:
                return at - held
        tail = seen[-1:] if at != len(seen) else b""
        return None

    return cut


def after_bytes(count: int) -> Cut:
    left = count

    def cut(data: bytes) -> int | None:
        nonlocal left
        left -= len(data)
        return None if left > 0 else len(data) + left

    return cut


def at_random(seed: int, most: int) -> Callable[[], Cut]:
    dice = random.Random(seed)
    return lambda: after_bytes(dice.randint(1, most))


class CuttingProxy:
    """In front of a server on `port`. `plan` gives each connection its fate; None: it is left alone.

    `reset` breaks it with a TCP reset, else in good order. `cuts` counts them.
    """

    def __init__(self, port: int, plan: Callable[[], Cut | None], *, reset: bool = False) -> None:
        self.target = port
        self.plan = plan
        self.cuts = 0
        self._reset = reset
        self._serving: set[asyncio.Task[None]] = set()  # asyncio itself lets go of one whose client has left
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cutting-proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> CuttingProxy:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _end(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        with suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            up = asyncio.create_task(_copy(reader, far_writer))
            try:
                await self._down(far_reader, writer)
            finally:
                up.cancel()
                far_writer.close()
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fate = self.plan()
        while data := await reader.read(65536):
            allowed = fate(data) if fate else None
            writer.write(data[:allowed])
            await writer.drain()
            if allowed is not None:
                self.cuts += 1
                if self._reset:
                    sock: socket.socket = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                return


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
