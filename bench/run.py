"""Runs the workloads against the targets, interleaved, and takes the measures. It judges nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bench.processes import BenchError, Process, free_port, processors
from bench.tally import Summary
from bench.targets import Place, Started, Target
from bench.workloads import WARM_UP, Workload

SAMPLE_SECONDS = 0.5
SETTLE_SECONDS = 1.5  # work that a target puts off until after the answer (Headrace packs its logs) is its work too
IDLE_SHARE = 0.03  # of one processor; a target that uses less has settled
SETTLE_PATIENCE = 15.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One workload, once. `cpu` is in seconds, memory in MB; None where there is no target process."""

    target: str
    workload: Workload
    load: Summary
    cpu: float | None = None
    idle_memory: float | None = None
    peak_memory: float | None = None

    @property
    def cpu_per_event(self) -> float | None:
        """Microseconds of processor time for each event that reached the client."""
        if self.cpu is None or not self.load["tokens"]:
            return None
        return self.cpu * 1e6 / self.load["tokens"]

    @property
    def memory(self) -> float | None:
        """MB that the streams took at their peak."""
        if self.peak_memory is None or self.idle_memory is None:
            return None
        return self.peak_memory - self.idle_memory


@dataclass
class Bench:
    """All processes of one benchmark. `watched` is entered around each load, with the target's process."""

    targets: Sequence[Target]
    workloads: Sequence[Workload]
    say: Say
    watched: Callable[[Process], AbstractContextManager[None]] = lambda _: nullcontext()
    results: list[Measurement] = field(default_factory=list)

    def run(self) -> list[Measurement]:
        with self.prepared() as started:
            for workload in self.workloads:
                for repeat in range(workload.repeats):
                    for target in self.targets:
                        if target.name in workload.targets and (not repeat or target.name != workload.once_for):
                            self._measure(target, workload, started[target.name])
        return self.results

    @contextmanager
    def prepared(self) -> Iterator[dict[str, Started]]:
        """All targets, warm, and the upstream that they ask."""
        target_cpu, load_cpu = processors()
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            self._cpus = target_cpu, load_cpu
            self._upstream = self._start_upstream(stack)
            yield {each.name: stack.enter_context(self._started(each)) for each in self.targets}

    def _start_upstream(self, stack: ExitStack) -> int:
        port = free_port()
        command = [sys.executable, "-m", "bench.upstream", "--port", str(port)]
        process = stack.enter_context(Process(command, cpu=self._cpus[1], log=self._folder / "upstream.log"))
        process.wait_listening(port)
        return port

    @contextmanager
    def _started(self, target: Target) -> Iterator[Started]:
        """The target, warm: its first requests import modules, open connections and fill caches."""
        place = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=self._folder))
        started = target.start(Place(place, *self._cpus, upstream=self._upstream))
        try:
            warmed = self.load(started, WARM_UP)
            if warmed["errors"]:
                words = started.process.last_words() if started.process else ""
                raise BenchError(f"{target.title} does not answer as it must: {warmed['errors']}\n{words}")
            if started.process:
                settle(started.process)
            yield started
        finally:
            for process in (started.process, started.beside):
                if process:
                    process.stop()

    def _measure(self, target: Target, workload: Workload, started: Started) -> None:
        if workload.fresh and started.process:
            with self._started(target) as anew:
                measured = self._measured(target, workload, anew)
        else:
            measured = self._measured(target, workload, started)
        self.results.append(measured)
        self.say(line(measured))

    def _measured(self, target: Target, workload: Workload, started: Started) -> Measurement:
        process = started.process
        if process is None:
            return Measurement(target.name, workload, self.load(started, workload))
        idle, before = process.memory_mb(), process.cpu_seconds()
        peak = [idle]
        sample = (lambda: peak.append(process.memory_mb())) if workload.fresh else None
        with self.watched(process):
            summary = self.load(started, workload, sample)
        settle(process)
        return Measurement(target.name, workload, summary, process.cpu_seconds() - before, idle, max(peak))

    def load(self, started: Started, workload: Workload, sample: Callable[[], None] | None = None) -> Summary:
        """What a load saw. `sample` is called now and then meanwhile."""
        command = _load_command(started, workload)
        log = self._folder / "load.log"
        with Process(command, cpu=self._cpus[1], log=log, stdout=subprocess.PIPE) as load:
            while sample and load.running:
                sample()
                time.sleep(SAMPLE_SECONDS)
            try:
                return cast(Summary, json.loads(load.output()))
            except ValueError:
                raise BenchError(f"The load failed:\n{load.last_words()}") from None


def _load_command(started: Started, workload: Workload) -> list[str]:
    behaviour = workload.behaviour
    options = {
        "--url": started.url,
        "--body": started.body(behaviour.model),
        "--mode": "hold" if workload.requests is None else "closed",
        "--streams": workload.streams,
        "--requests": workload.requests or 0,
        "--tokens": behaviour.tokens,
        "--ramp": workload.ramp,
        "--deadline": workload.deadline,
        "--coding": started.coding,
    }
    return [sys.executable, "-m", "bench.load", *(str(part) for pair in options.items() for part in pair)]


def settle(process: Process) -> None:
    """Until the target has nothing left to do."""
    time.sleep(SETTLE_SECONDS)
    deadline = time.monotonic() + SETTLE_PATIENCE
    while time.monotonic() < deadline:
        before, started = process.cpu_seconds(), time.monotonic()
        time.sleep(0.3)
        if process.cpu_seconds() - before < IDLE_SHARE * (time.monotonic() - started):
            return


def line(measured: Measurement) -> str:
    """What was measured, for whoever watches."""
    load = measured.load
    parts = [f"{measured.workload.name:7}{measured.target:9}", f"{load['complete']}/{load['requests']} complete"]
    if measured.cpu_per_event is not None:
        parts.append(f"{measured.cpu_per_event:.2f} µs/event")
    if load["ttft"]:
        parts.append(f"first token {load['ttft']['p50']:.2f} ms")
    if load["latency"]:
        parts.append(f"token latency p50 {load['latency']['p50']:.2f} p99 {load['latency']['p99']:.2f} ms")
    if measured.memory is not None and measured.workload.fresh:
        parts.append(f"{measured.memory:.1f} MB")
    if load["errors"]:
        parts.append(f"errors {load['errors']}")
    return ", ".join(parts)
