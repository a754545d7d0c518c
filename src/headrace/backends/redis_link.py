"""One process's ties to the shared server: the mirror, what is followed, and the lease, all on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, TypeVar

from headrace.backends import redis_keys as rk
from headrace.backends.redis_follow import Followers
from headrace.backends.redis_leases import Leases, OnLost
from headrace.backends.redis_mirror import Mirror
from headrace.backends.redis_presence import OnReader
from headrace.backends.redis_replica import Replica
from headrace.backends.redis_server import FAILURES, Server, logger

SETTLE_SECONDS = 2.0  # at the end of a process, for what the server has not got yet
ASK_SECONDS = 5.0  # a thread waits this long for an answer
WORKER_BYTES = 9

T = TypeVar("T")


class Link:
    """Made on any thread, at work on `loop`.

    `cancel` stops a stream of ours, `holds` says whether we keep a stream's own log, `fenced` is called when our
    streams have been taken from us, `on_reader` when somebody begins or ends to read one of them elsewhere, `on_lost`
    for each stream that we have ended for a lost worker.
    """

    def __init__(
        self,
        url: str,
        keys: rk.Keys,
        loop: asyncio.AbstractEventLoop,
        *,
        replay_seconds: float,
        cancel: Callable[[str], None],
        holds: Callable[[str], bool],
        fenced: Callable[[], None],
        on_reader: OnReader,
        on_lost: OnLost,
    ) -> None:
        self.loop = loop
        self._process = os.getpid()
        self._on_fenced = fenced
        self._tasks: list[asyncio.Task[None]] = []
        name = _new_name()
        self.server = Server(url)
        self.mirror = Mirror(self.server, keys, name, loop, replay_seconds=replay_seconds, fenced=self._fenced)
        self.followers = Followers(self.server, keys, name, loop, cancel=cancel, on_reader=on_reader)
        self.leases = Leases(
            self.server,
            keys,
            self.mirror,
            self.followers,
            loop,
            replay_seconds=replay_seconds,
            fenced=self._fenced,
            holds=holds,
            lost=on_lost,
        )
        loop.call_soon_threadsafe(self._start, context=Context())

    @property
    def usable(self) -> bool:
        """False after a fork, and where the loop is gone."""
        return not self.loop.is_closed() and self._process == os.getpid()

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Do this on the link's loop, for a caller on any loop."""
        if asyncio.get_running_loop() is self.loop:
            return await call()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_called(call), self.loop))

    def ask_blocking(self, call: Callable[[], Awaitable[T]]) -> T:
        """The same for a thread without a loop. Raises TimeoutError."""
        asked = asyncio.run_coroutine_threadsafe(_called(call), self.loop)
        try:
            return asked.result(ASK_SECONDS)
        except TimeoutError:
            asked.cancel()  # nobody takes its answer, which may be a hold on something
            raise

    def release(self, replica: Replica) -> None:
        """A reader has gone; from any thread."""
        if asyncio._get_running_loop() is self.loop:
            self.followers.detach(replica)
        elif self.usable:
            self.loop.call_soon_threadsafe(self.followers.detach, replica)

    async def close(self) -> None:
        """Let the server have what it lacks, within reason, and let go."""
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(SETTLE_SECONDS):
                await self.mirror.settled()
                if not self.mirror.unfinished:  # else the others see the lease end, and write what is missing
                    await self.leases.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.server.close()

    def _start(self) -> None:
        parts: tuple[Any, ...] = (self.mirror, self.followers, self.leases)
        self._tasks = [self.loop.create_task(part.run(), context=Context()) for part in parts]
        for task in self._tasks:
            task.add_done_callback(_report)

    def _fenced(self) -> None:
        name = _new_name()
        self.mirror.fence(name)
        self.followers.rename(name)
        self._on_fenced()


async def _called(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def _report(task: asyncio.Task[None]) -> None:
    """Log a task that failed: none of them ends by itself."""
    if not task.cancelled() and task.exception() is not None:
        logger.error("the shared journal is given up on this worker", exc_info=task.exception())


def _new_name() -> str:
    """A worker's name is its fencing token: never used twice."""
    return secrets.token_urlsafe(WORKER_BYTES)
