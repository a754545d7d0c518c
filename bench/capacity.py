"""How many streams one worker keeps up with: 20 tokens a second each, 99 of 100 tokens within 100 ms, none lost."""

from __future__ import annotations

from bench.run import Bench
from bench.tally import Summary
from bench.workloads import paced

STEP = 50
MOST = 2000
"""More than that is bounded by the load and the upstream, which share a processor."""
ON_TIME = 0.99
HEAD = "| target | streams kept up with |\n| --- | ---: |"


def kept_up(summary: Summary) -> bool:
    whole = summary["complete"] == summary["requests"]
    return whole and (summary["on_time"] or 0.0) >= ON_TIME


def capacities(bench: Bench) -> dict[str, int]:
    """By target, to the next lower `STEP`; 0 where not even one step is kept up with."""
    found = {}
    with bench.prepared() as started:
        for target in bench.targets:
            low, high = 0, MOST // STEP + 1
            while high - low > 1:
                middle = (low + high) // 2
                summary = bench.load(started[target.name], paced(middle * STEP))
                bench.say(f"{target.name}: {middle * STEP} streams, {summary['on_time']} on time, {summary['errors']}")
                low, high = (middle, high) if kept_up(summary) else (low, middle)
            found[target.name] = low * STEP
    return found


def table(found: dict[str, int], titles: dict[str, str]) -> str:
    return "\n".join([HEAD, *(f"| {titles[name]} | {_shown(count)} |" for name, count in found.items())])


def _shown(count: int) -> str:
    return f"{count:,} or more" if count >= MOST else f"{count:,}" if count else f"fewer than {STEP}"
