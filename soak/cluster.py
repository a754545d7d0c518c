"""Workers as `headrace serve` starts them, each on a port of its own, so that one can be chosen, killed or paused."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.backends.children import kill, start_python
from headrace.backends.valkey import EmbeddedValkey
from headrace.commands.listening import bind, bound_sends
from headrace.commands.workers import WorkerProcess
from soak.client import Client
from soak.upstream import Upstream

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 60.0
END_SECONDS = 30.0


@dataclass(slots=True)
class Cluster:
    """`journal` is the shared one; None where the only worker keeps its streams in memory."""

    environment: dict[str, str]
    upstream: Upstream
    journal: EmbeddedValkey | None
    listeners: list[Any] = field(default_factory=list)
    members: list[WorkerProcess] = field(default_factory=list)

    @property
    def ports(self) -> list[int]:
        return [listener.getsockname()[1] for listener in self.listeners]

    @property
    def name(self) -> str:
        return f"{len(self.members)} workers, shared journal" if self.journal else "1 worker, memory"

    def client(self, *members: int) -> Client:
        """A client of these workers, or of all."""
        return Client([self.ports[member] for member in members] or self.ports, self.upstream.url)

    def signal(self, member: int, number: signal.Signals) -> None:
        self.members[member].process.send_signal(number)

    async def again(self, member: int) -> None:
        """Start a worker that has ended anew, on its port."""
        await asyncio.wait_for(asyncio.shield(self.members[member].ended), END_SECONDS)
        self.members[member] = await started(self.listeners[member], self.environment)

    async def add(self) -> None:
        listener = bind("127.0.0.1", 0, only_loopback=True)
        bound_sends(listener, float(self.environment["HEADRACE_STALL_SECONDS"]))
        self.listeners.append(listener)
        self.members.append(await started(listener, self.environment))

    def restart_journal(self) -> None:
        """End the shared server at once; its watcher starts an empty one."""
        assert self.journal is not None
        assert self.journal.pid is not None
        os.kill(self.journal.pid, signal.SIGKILL)


async def started(listener: Any, environment: dict[str, str]) -> WorkerProcess:
    worker = WorkerProcess(listener, environment)
    await asyncio.wait_for(asyncio.shield(worker.ready), READY_SECONDS)
    return worker


@asynccontextmanager
async def cluster(workers: int, **settings: str) -> AsyncIterator[Cluster]:
    """So many workers; more than one share an embedded Valkey. `settings` are more of the environment."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-soak-"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    environment |= {"HEADRACE_DATA_DIR": str(folder), "HEADRACE_DRAIN_SECONDS": "0", "HEADRACE_STALL_SECONDS": "30"}
    environment |= {"DJANGO_SETTINGS_MODULE": "soak.settings", "PYTHONPATH": str(ROOT)}
    journal = EmbeddedValkey() if workers > 1 else None
    try:
        if journal is not None:
            await asyncio.to_thread(journal.start)
            environment["HEADRACE_REDIS_URL"] = journal.url
        environment |= {"HEADRACE_REPLAY_SECONDS": "600", "HEADRACE_LOG_FORMAT": "json"} | settings
        await prepared(environment)
        with Upstream() as upstream:
            running = Cluster(environment, upstream, journal)
            try:
                for _ in range(workers):
                    await running.add()
                yield running
            finally:
                await asyncio.gather(*(worker.end(0) for worker in running.members))
                for listener in running.listeners:
                    listener.close()
    finally:
        if journal is not None:
            await asyncio.to_thread(journal.close)
        shutil.rmtree(folder, ignore_errors=True)


async def prepared(environment: dict[str, str]) -> None:
    process = start_python("headrace.commands.database", env=environment, merge_output=True)
    try:
        status = await asyncio.to_thread(process.wait)
        if status:
            raise RuntimeError(f"the database could not be prepared: {process.communicate()[0]!r}")
    finally:
        kill(process)
