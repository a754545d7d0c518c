"""Starts model servers on first use, starts them again if they died, and takes them along when the process ends.

One supervisor a process, with a thread and an event loop of its own: the thread lives as long as the process, which
is what a parent-death signal needs. Where `HEADRACE_SUPERVISOR_SOCKET` names another process's, that one is asked
instead. It does not know which models there are, and restarts nothing that nobody asks for.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import secrets
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from headrace.backends.children import kill, plain_environment, start_python
from headrace.errors import UpstreamError

START_SECONDS = 60.0  # a cold disk and a busy machine; a warm start takes one second
KEPT_LINES = 20  # of a child's last words, for the message that says why it did not start
LINE_BYTES = 64 * 1024
OPENMP = "libgomp.so.1"
OPENMP_REMEDY = "On Debian: apt-get install libgomp1"  # which a machine without a compiler need not have
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start one server: a module of ours, its arguments, and the variable that takes its key."""

    module: str
    args: Sequence[str]
    key_variable: str


class Address(msgspec.Struct, frozen=True):
    """Where a running server answers, and the key that it wants."""

    url: str
    key: str

    def __repr__(self) -> str:
        return f"Address(url={self.url!r})"


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    key: str
    lines: asyncio.StreamReader
    said: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    address: Address | None = None
    draining: asyncio.Task[None] | None = None


class Supervisor:
    """Safe from any thread and any event loop."""

    def __init__(self, start_seconds: float = START_SECONDS) -> None:
        self._pid = os.getpid()
        self._start_seconds = start_seconds
        self._running: dict[str, _Running] = {}
        self._starts: dict[str, asyncio.Task[Address]] = {}
        # Not the policy's loop: only a selector loop is sure to read pipes alike wherever we are used.
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="headrace-supervisor", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    async def ensure(self, name: str, launch: Callable[[], Launch]) -> Address:
        """The address of the server of that name, started if it does not run. Raises UpstreamError."""
        asked = asyncio.run_coroutine_threadsafe(self._ensure(name, launch), self._loop)
        return await asyncio.wrap_future(asked)

    def processes(self) -> dict[str, int]:
        """The process id of each server that runs."""
        return {name: each.process.pid for name, each in self._running.items() if each.process.poll() is None}

    def close(self) -> None:
        """End all servers, and the thread."""
        atexit.unregister(self.close)
        if self._loop.is_closed() or os.getpid() != self._pid:  # a fork has our memory, but not our thread or children
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _ensure(self, name: str, launch: Callable[[], Launch]) -> Address:
        running = self._running.get(name)
        if running and running.address and running.process.poll() is None:
            return running.address
        if name not in self._starts:
            self._starts[name] = self._loop.create_task(self._start(name, launch))
            self._starts[name].add_done_callback(lambda start: self._started(name, start))
        # Shielded: whoever gives up waiting must not end the start that others wait for.
        return await asyncio.shield(self._starts[name])

    def _started(self, name: str, start: asyncio.Task[Address]) -> None:
        self._starts.pop(name, None)
        if not start.cancelled():
            start.exception()  # seen, even if everybody who waited has gone

    async def _start(self, name: str, launch: Callable[[], Launch]) -> Address:
        await self._drop(name)
        running = self._running[name] = await self._spawn(launch())
        try:
            async with asyncio.timeout(self._start_seconds):
                running.address = await _first_address(running)
        except TimeoutError:
            await self._drop(name)
            message = f"{name} did not start within {self._start_seconds:g} seconds."
            raise UpstreamError("upstream_unavailable", message, retryable=True) from None
        except EOFError:
            status = running.process.wait()
            await self._drop(name)
            raise UpstreamError("upstream_unavailable", _death(name, status, running.said)) from None
        running.draining = self._loop.create_task(_drain(running))
        return running.address

    async def _spawn(self, launch: Launch) -> _Running:
        key = secrets.token_urlsafe(KEY_BYTES)
        environment = plain_environment() | {launch.key_variable: key}
        process = start_python(launch.module, *launch.args, env=environment, merge_output=True)
        lines = asyncio.StreamReader(LINE_BYTES, loop=self._loop)
        assert process.stdout is not None
        await self._loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), process.stdout)
        return _Running(process, key, lines)

    async def _drop(self, name: str) -> None:
        running = self._running.pop(name, None)
        if running is None:
            return
        kill(running.process)
        await (running.draining or _drain(running))

    async def _end(self) -> None:
        for start in list(self._starts.values()):
            start.cancel()
            with contextlib.suppress(asyncio.CancelledError, UpstreamError):
                await start
        for name in list(self._running):
            await self._drop(name)


async def _first_address(running: _Running) -> Address:
    """Read what the child says until it says where it answers. EOFError: it ended before."""
    while line := await _line(running.lines):
        with contextlib.suppress(msgspec.DecodeError):
            said = msgspec.json.decode(line, type=dict[str, str])
            if "url" in said:
                return Address(said["url"], running.key)
        running.said.append(line.decode(errors="replace").strip().replace(running.key, "…"))
    raise EOFError


async def _drain(running: _Running) -> None:
    """Read on, so that the child never blocks on a full pipe; its words may hold people's text and go nowhere."""
    while await running.lines.read(LINE_BYTES):
        pass


async def _line(lines: asyncio.StreamReader) -> bytes:
    try:
        return await lines.readline()
    except ValueError:  # a line beyond any sense: what was read of it is gone, the next one counts
        return b"\n"


def _death(name: str, status: int, said: Sequence[str]) -> str:
    if status == -signal.SIGILL:
        return (
            f"{name} cannot run on this machine: its processor lacks instructions that llama.cpp's build needs "
            "(AVX2 and FMA on x86). Use another provider."
        )
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    last = next((line for line in reversed(said) if line), "it said nothing")
    remedy = f". {OPENMP_REMEDY}" if OPENMP in last else ""
    return f"{name} did not start: it ended with {how}; {last}{remedy}"


_own: Supervisor | None = None
_lock = threading.Lock()


def supervisor() -> Supervisor:
    """This process's own supervisor; a forked child gets a new one."""
    global _own  # noqa: PLW0603 - one for each process is what it is
    with _lock:
        if _own is None:
            _own = Supervisor()
        return _own


def _forget() -> None:
    global _own, _lock  # the parent's thread does not run in a fork, and may hold the lock for ever
    _own, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
