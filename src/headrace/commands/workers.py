"""The worker processes of `headrace serve`: started, watched, started again when they die, and ended together."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping

from headrace.backends.children import kill, start_python
from headrace.backends.metric_files import MetricsFolder
from headrace.backends.metrics import FOLDER_VARIABLE
from headrace.commands.terminal import CommandError, complain

READY_SECONDS = 60.0  # importing Django on a cold disk
STEADY_SECONDS = 30.0  # a worker that lived so long was well: its successor starts at once
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
LAST_SECONDS = 2  # for connections that are still open when every stream has ended
END_SECONDS = LAST_SECONDS + 8.0  # beyond the drain: farewells, the mirror's last entries, a busy machine
RETIRE = signal.SIGUSR1  # from us to a worker whose successor is there


class WorkerProcess:
    """One worker. `ready` and `ended` are futures; `ended` is its exit status, negative for a signal."""

    def __init__(self, listener: socket.socket, environment: Mapping[str, str]) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._pipe, theirs = os.pipe()
        fds = (listener.fileno(), theirs)
        self.process: subprocess.Popen[bytes] = start_python(
            "headrace.commands.worker", *(str(fd) for fd in fds), env=environment, pass_fds=fds
        )
        os.close(theirs)
        self._loop.add_reader(self._pipe, self._on_pipe)

    async def end(self, drain_seconds: float, sign: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to finish, then make it."""
        try:
            if not self.ended.done():
                self.process.send_signal(sign)
                await asyncio.wait([self.ended], timeout=drain_seconds + END_SECONDS)
        finally:
            kill(self.process)

    def _on_pipe(self) -> None:
        if os.read(self._pipe, 1):
            self.ready.set_result(None)
            return
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self.ended.set_result(self.process.wait())


class Workers:
    """A fixed number of workers on one listening socket. They count in `counts`, where there is one."""

    def __init__(
        self,
        number: int,
        listener: socket.socket,
        environment: Mapping[str, str],
        drain_seconds: float,
        *,
        counts: MetricsFolder | None = None,
    ) -> None:
        self._listener = listener
        self._environment = dict(environment) | ({FOLDER_VARIABLE: str(counts.path)} if counts else {})
        self._number = number
        self._drain_seconds = drain_seconds
        self._current: dict[int, WorkerProcess] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._restarting: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._counts = counts
        self._settling: set[asyncio.Future[None]] = set()

    async def start(self) -> None:
        """Start all, and return when all accept connections. Raises CommandError if one ends before it does."""
        for slot in range(self._number):
            self._current[slot] = self._another()
        await asyncio.gather(*(_until_ready(worker) for worker in self._current.values()))
        self._keepers = [asyncio.create_task(self._keep(slot)) for slot in self._current]

    def restart(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Begin to replace all, one after another, each by one that is ready, once `prepare` is done.

        Harmless while that goes on. A CommandError of either leaves the workers as they are, and is said.
        """
        if self._keepers and (self._restarting is None or self._restarting.done()):
            self._restarting = asyncio.create_task(self._replace_all(prepare))

    async def end(self) -> None:
        """End all, and start none again."""
        for task in (*self._keepers, self._restarting):
            if task is not None:
                task.cancel()
        leaving = (self._leaving,) if self._leaving else ()
        await asyncio.gather(*leaving, *(worker.end(self._drain_seconds) for worker in self._current.values()))
        await asyncio.gather(*self._settling, return_exceptions=True)

    async def _replace_all(self, prepare: Callable[[], Awaitable[None]]) -> None:
        try:
            await prepare()
            for slot in self._current:
                await self._replace(slot)
        except CommandError as error:
            complain(f"{error} The workers stay as they are.")

    async def _replace(self, slot: int) -> None:
        fresh = self._another()
        try:
            await _until_ready(fresh)
        except BaseException:
            kill(fresh.process)
            raise
        old, self._current[slot] = self._current[slot], fresh
        self._leaving = asyncio.create_task(old.end(self._drain_seconds, RETIRE))
        await asyncio.shield(self._leaving)  # whoever ends us all now waits for it too

    def _another(self) -> WorkerProcess:
        worker = WorkerProcess(self._listener, self._environment)
        worker.ended.add_done_callback(lambda _: self._on_end(worker.process.pid))
        return worker

    def _on_end(self, pid: int) -> None:
        if self._counts is not None:
            settling = asyncio.get_running_loop().run_in_executor(None, _settled, self._counts, pid)
            self._settling.add(settling)
            settling.add_done_callback(self._settling.discard)

    async def _keep(self, slot: int) -> None:
        pause = 0.0
        while True:
            worker = self._current[slot]
            started = asyncio.get_running_loop().time()
            status = await asyncio.shield(worker.ended)
            if self._current[slot] is not worker:  # replaced on purpose
                continue
            lived = asyncio.get_running_loop().time() - started
            pause = 0.0 if lived >= STEADY_SECONDS else min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            when = f" in {pause:g} s" if pause else ""
            complain(f"Worker {slot + 1} ended with {_words(status)}; starting another{when}.")
            await asyncio.sleep(pause)
            self._current[slot] = self._another()


def _settled(counts: MetricsFolder, pid: int) -> None:
    try:
        counts.settle(pid)
    except Exception as error:  # a full disk, a damaged file: figures must not stop the server
        complain(f"The counts of the worker that ended could not be kept: {error!r}")


async def _until_ready(worker: WorkerProcess) -> None:
    waited: list[asyncio.Future[None] | asyncio.Future[int]] = [worker.ready, worker.ended]
    done, _ = await asyncio.wait(waited, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if worker.ready in done:
        return
    how = f"ended with {_words(worker.ended.result())}" if done else f"was not ready within {READY_SECONDS:g} s"
    raise CommandError(f"The server did not start: its worker {how}.")


def _words(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
