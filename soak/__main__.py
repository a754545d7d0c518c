"""`make soak`: every scenario at full size, its figures into `docs/reliability.md`. ARGS='--scale 0.05' for less."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soak import scenarios
from soak.cluster import Cluster, cluster
from soak.counting import counts_add_up
from soak.inputs import hostile_inputs
from soak.neighbour import SETTINGS, noisy_neighbour
from soak.scenarios import Figures, Scenario
from soak.staying import nothing_stays

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"


Part = tuple[Scenario, int]
"""A scenario and its full size."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs in turn on one cluster; what mostly waits is shared out among several clusters `at_once`."""

    workers: int
    parts: Sequence[Part]
    settings: Mapping[str, str] = field(default_factory=dict)
    at_once: int = 1


BOTH: Sequence[Part] = [(scenarios.random_disconnects, 10_000), (scenarios.every_event, 200), (scenarios.storm, 1000)]
REPLAYED = {"HEADRACE_REPLAY_SECONDS": "5"}
PLANS = [
    Plan(1, [*BOTH, (scenarios.every_byte, 50)]),
    Plan(1, [(nothing_stays, 10_000)], REPLAYED),
    Plan(2, [(nothing_stays, 10_000)], REPLAYED),
    Plan(2, [*BOTH, (scenarios.journal_restarted, 20)]),
    Plan(2, [(scenarios.killed, 200)], at_once=4),
    Plan(2, [(scenarios.paused, 50)], at_once=2),
    Plan(2, [(scenarios.rolling_restart, 200)], {"HEADRACE_DRAIN_SECONDS": "60"}),
    Plan(1, [(counts_add_up, 10_000)]),
    Plan(2, [(counts_add_up, 10_000)]),
    Plan(2, [(hostile_inputs, 100_000)]),
    Plan(1, [(noisy_neighbour, 50)], SETTINGS),
]


async def main(scale: float, only: str) -> list[str]:
    """Rows of the table."""
    rows: list[str] = []
    for plan in PLANS:
        if parts := [(scenario, size) for scenario, size in plan.parts if only in scenario.__name__]:
            async with AsyncExitStack() as stack:
                running = [
                    await stack.enter_async_context(cluster(plan.workers, **plan.settings)) for _ in range(plan.at_once)
                ]
                rows += [await _row(running, scenario, round(size * scale)) for scenario, size in parts]
    return rows


async def _row(running: Sequence[Cluster], scenario: Scenario, size: int) -> str:
    began, each = time.monotonic(), max(1, size // len(running))
    figures = added(await asyncio.gather(*(scenario(one, each) for one in running)))
    took = f"{time.monotonic() - began:.0f} s"
    cells = (_words(scenario.__name__), running[0].name, f"{each * len(running):,}", _shown(figures), took)
    row = f"| {' | '.join(cells)} |"
    print(row, flush=True)
    return row


def added(parts: Sequence[Figures]) -> Figures:
    """Those of several clusters as one."""
    whole = dict(parts[0])
    for part in parts[1:]:
        whole = {name: _both(name, value, part[name]) for name, value in whole.items()}
    return whole


def _both(name: str, one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return dict(Counter(one) + Counter(other))
    return max(one, other) if name.startswith(("slowest", "longest")) else one + other


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(figures: Figures) -> str:
    endings = figures.pop("endings", {})
    parts = [
        f"{_words(name)} {value:,}" if isinstance(value, int) else f"{_words(name)} {value}"
        for name, value in figures.items()
    ]
    return ", ".join(parts + [f"ended {ending or 'early'} {count:,}" for ending, count in sorted(endings.items())])


def write(rows: Sequence[str], scale: float) -> None:
    """Replace the table on the page."""
    page = PAGE.read_text("utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    when = datetime.now(UTC).date().isoformat()
    lines = [
        BEGIN,
        f"Measured {when}, Python {platform.python_version()}, at {scale:g} of the full size. Every history was right.",
        "",
        "| scenario | where | size | counted | took |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        END,
    ]
    PAGE.write_text(head + "\n".join(lines) + tail, "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m soak")
    parser.add_argument("--scale", type=float, default=1.0, help="of the full size, such as 0.05")
    parser.add_argument("--only", default="", help="scenarios whose name holds this; the page is left alone then")
    given = parser.parse_args()
    table = asyncio.run(main(given.scale, given.only))
    if not given.only:
        write(table, given.scale)
    sys.exit(0)
