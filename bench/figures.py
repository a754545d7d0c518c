"""Medians over repeats, and what follows from two of them. Pure: it knows nothing of tables and goals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Literal

from bench.marks import MARK_BYTES
from bench.run import Measurement
from bench.tally import Percentiles, Summary
from bench.workloads import Name, Workload

Spread = Literal["ttft", "latency"]
Part = Literal["p50", "p95", "p99"]


@dataclass(frozen=True, slots=True)
class Group:
    """The repeats of one workload with one target."""

    runs: Sequence[Measurement]

    @property
    def workload(self) -> Workload:
        return self.runs[0].workload

    def figure(self, of: Callable[[Measurement], float | None]) -> float | None:
        """The median of what is known of it."""
        known = [value for run in self.runs if (value := of(run)) is not None]
        return median(known) if known else None

    def spread(self, of: Spread, part: Part) -> float | None:
        """Milliseconds."""
        return self.figure(partial(_part, of, part))

    @property
    def cpu(self) -> float | None:
        """Microseconds of processor time for each event."""
        return self.figure(lambda run: run.cpu_per_event)

    @property
    def compression(self) -> float | None:
        """How many times the bytes on the wire the answers have."""
        return self.figure(lambda run: _ratio(run.load["body_bytes"], run.load["wire_bytes"]))

    @property
    def complete(self) -> int:
        return sum(run.load["complete"] for run in self.runs)

    @property
    def requests(self) -> int:
        return sum(run.load["requests"] for run in self.runs)

    @property
    def beyond_text(self) -> float | None:
        """MB that the streams took, without the text that a journal has to keep."""
        return self.figure(lambda run: None if run.memory is None else run.memory - text_mb(run.load))


class Results:
    """What was measured, by workload and target, in the order of measuring."""

    def __init__(self, measured: Sequence[Measurement]) -> None:
        self._measured = measured

    @property
    def workloads(self) -> list[Name]:
        return list(dict.fromkeys(run.workload.name for run in self._measured))

    def targets(self, workload: Name) -> list[str]:
        return list(dict.fromkeys(run.target for run in self._measured if run.workload.name == workload))

    def group(self, workload: Name, target: str) -> Group | None:
        runs = [run for run in self._measured if run.workload.name == workload and run.target == target]
        return Group(runs) if runs else None

    def cpu_ratio(self, workload: Name, target: str, other: str) -> float | None:
        """How many times the processor time of another target this one takes for an event."""
        ours, theirs = self.group(workload, target), self.group(workload, other)
        return _ratio(ours.cpu, theirs.cpu) if ours and theirs else None

    def cpu_more(self, workload: Name, target: str, other: str) -> float | None:
        """The share by which this target's processor time for an event is above another's."""
        ratio = self.cpu_ratio(workload, target, other)
        return None if ratio is None else ratio - 1

    def added(self, target: str) -> float | None:
        """Milliseconds that a target adds to the upstream's own time to the first token."""
        through, direct = self.group("first", target), self.group("first", "direct")
        if not through or not direct:
            return None
        late, early = through.spread("ttft", "p50"), direct.spread("ttft", "p50")
        return None if late is None or early is None else late - early

    def added_ratio(self, target: str, other: str) -> float | None:
        return _ratio(self.added(target), self.added(other))


def text_mb(load: Summary) -> float:
    """The answers' text, which a log keeps so that a stream can be resumed: every token is one mark."""
    return load["tokens"] * MARK_BYTES / 1024**2


def _part(of: Spread, part: Part, run: Measurement) -> float | None:
    spread: Percentiles | None = run.load["ttft"] if of == "ttft" else run.load["latency"]
    return spread[part] if spread else None


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None
