"""`make soak`: every scenario at full size, its figures into `docs/reliability.md`. ARGS='--scale 0.05' for less."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from soak import scenarios
from soak.cluster import Cluster, cluster
from soak.counting import counts_add_up
from soak.inputs import hostile_inputs
from soak.neighbour import SETTINGS, noisy_neighbour
from soak.scenarios import Figures, Scenario
from soak.staying import nothing_stays

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"

Plan = Sequence[tuple[Scenario, int]]
BOTH: Plan = [(scenarios.random_disconnects, 10_000), (scenarios.every_event, 200), (scenarios.storm, 1000)]
MEMORY: Plan = [*BOTH, (scenarios.every_byte, 50)]
SHARED: Plan = [
    *BOTH,
    (scenarios.journal_restarted, 20),
    (scenarios.killed, 200),
    (scenarios.paused, 50),
]
STAYING: Plan = [(nothing_stays, 10_000)]
ROLLING: Plan = [(scenarios.rolling_restart, 200)]
INPUTS: Plan = [(hostile_inputs, 100_000)]
COUNTING: Plan = [(counts_add_up, 10_000)]
NEIGHBOUR: Plan = [(noisy_neighbour, 50)]


async def main(scale: float, only: str) -> list[str]:
    """Rows of the table."""
    rows: list[str] = []
    for workers, plan, settings in (
        (1, MEMORY, {}),
        (1, STAYING, {"HEADRACE_REPLAY_SECONDS": "5"}),
        (2, STAYING, {"HEADRACE_REPLAY_SECONDS": "5"}),
        (2, SHARED, {}),
        (2, ROLLING, {"HEADRACE_DRAIN_SECONDS": "60"}),
        (1, COUNTING, {}),
        (2, COUNTING, {}),
        (2, INPUTS, {}),
        (1, NEIGHBOUR, SETTINGS),
    ):
        chosen = [(scenario, size) for scenario, size in plan if only in scenario.__name__]
        if chosen:
            async with cluster(workers, HEADRACE_LOG_FORMAT="json", **settings) as running:
                rows += [await _row(running, scenario, max(1, round(size * scale))) for scenario, size in chosen]
    return rows


async def _row(running: Cluster, scenario: Scenario, size: int) -> str:
    began = time.monotonic()
    figures = await scenario(running, size)
    cells = (_words(scenario.__name__), running.name, f"{size:,}", _shown(figures), f"{time.monotonic() - began:.0f} s")
    row = f"| {' | '.join(cells)} |"
    print(row, flush=True)
    return row


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
