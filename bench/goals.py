"""The project's promises of speed and memory, each with what was measured. An answer that is not whole keeps none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.figures import Results
from bench.workloads import Name

Verdict = Literal["reached", "missed", "not measured"]


@dataclass(frozen=True, slots=True)
class Goal:
    """`value` None: not measured in this run. `whole`: whether all that was asked of Headrace was answered."""

    what: str
    value: float | None
    limit: float
    unit: str
    whole: bool = True

    @property
    def verdict(self) -> Verdict:
        if self.value is None:
            return "not measured"
        return "reached" if self.whole and self.value <= self.limit else "missed"


def goals(results: Results) -> list[Goal]:
    """All of them, in the order of the tables."""

    def cpu(name: Name, other: str) -> float | None:
        return results.cpu_ratio(name, "headrace", other)

    memory = results.group("memory", "headrace")
    return [
        Goal("CPU an event at full pace, against nginx", cpu("full", "nginx"), 8, " ×", _whole(results, "full")),
        Goal(
            "CPU an event at full pace, against Django + httpx",
            _percent(cpu("full", "django")),
            20,
            " %",
            _whole(results, "full"),
        ),
        Goal("CPU an event, paced, against nginx", cpu("paced", "nginx"), 5, " ×", _whole(results, "paced")),
        Goal(
            "added time to the first token, against Django + httpx",
            _percent(results.added_ratio("headrace", "django")),
            60,
            " %",
            _whole(results, "first"),
        ),
        Goal(
            "memory of 1,000 open streams beyond their text",
            memory.beyond_text if memory else None,
            60,
            " MB",
            _whole(results, "memory"),
        ),
        Goal(
            "CPU an event that figures add",
            _percent(results.cpu_more("extras", "headrace", "bare")),
            8,
            " %",
            _whole(results, "extras", "headrace") and _whole(results, "extras", "bare"),
        ),
        Goal("CPU an event that compression adds", _more(results, "gzip"), 10, " %", _whole(results, "extras", "gzip")),
        Goal("bytes that are left of a stream by gzip", _left(results), 40, " %", _whole(results, "extras", "gzip")),
        Goal(
            "CPU an event that the shared journal adds",
            _more(results, "mirror"),
            15,
            " %",
            _whole(results, "extras", "mirror"),
        ),
    ]


def _more(results: Results, target: str) -> float | None:
    return _percent(results.cpu_more("extras", target, "headrace"))


def _left(results: Results) -> float | None:
    group = results.group("extras", "gzip")
    ratio = group.compression if group else None
    return 100 / ratio if ratio else None


def _whole(results: Results, name: Name, target: str = "headrace") -> bool:
    group = results.group(name, target)
    return group is None or group.complete == group.requests


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * ratio
