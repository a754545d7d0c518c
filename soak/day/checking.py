"""The rows of the day compared with what its askers saw, and the sums of the API with the rows."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from math import isclose
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from soak.day.asking import NOBODY, Told
from soak.day.plan import PROJECTS
from soak.scenarios import Figures

APART_SECONDS = 20.0
"""Of real time, between asking and the row's beginning: a machine may be busy."""
SUMS = ("streams", "failed", "input_tokens", "output_tokens", "attempts", "cost")
NAMES = ("streams", "failed", "inputTokens", "outputTokens", "attempts", "cost")
"""The same as the API has them."""
GROUPS = {"model": ("provider", "model"), "outcome": ("outcome",), "caller": ("caller",)}

Row = Mapping[str, Any]


def rows_of(database: Path) -> list[Row]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT *, 1 AS streams FROM headrace_stats_stream")]


def check_rows(rows: Sequence[Row], told: Sequence[Told], speed: float) -> Figures:
    """Every stream has one row, which says of it what its reader saw. AssertionError names what differs."""
    by_id = {row["stream_id"]: row for row in rows}
    assert len(by_id) == len(rows) == len(told), f"{len(told)} streams, {len(rows)} rows"
    late = []
    for each in told:
        row = by_id[each.stream_id]
        wrong = _differences(each, row, speed)
        assert not wrong, f"{each}: {wrong}: {row}"
        if each.first is not None and row["ttft_ms"] is not None:
            late.append(each.first * 1000 - row["ttft_ms"])
    return {
        "streams": len(rows),
        "outcomes": dict(Counter(row["outcome"] for row in rows).most_common()),
        "models": len({(row["provider"], row["model"]) for row in rows}),
        "attempts": sum(row["attempts"] for row in rows),
        "fallbacks": sum(row["fallbacks"] for row in rows),
        "resumes": sum(row["resumes"] for row in rows),
        "first_event_seen_later_than_told": f"{median(late):.0f} ms, p95 {quantiles(late, n=20)[-1]:.0f} ms",
    }


def _differences(told: Told, row: Row, speed: float) -> dict[str, tuple[Any, Any]]:
    usage = told.finish.get("usage") or {}
    pairs: dict[str, tuple[Any, Any]] = {"project": (told.asker.project, row["project"])}
    if told.model is not None and told.model is not NOBODY:
        pairs["model"] = ((told.model.provider, told.model.name), (row["provider"], row["model"]))
    if told.ending:
        pairs["outcome"] = (told.ending, row["outcome"])
    if usage:
        pairs["input"] = (usage["inputTokens"], row["input_tokens"])
        pairs["output"] = (usage["outputTokens"], row["output_tokens"])
    if told.finish:
        pairs["cost"] = (told.finish.get("cost"), row["cost"])
        pairs["attempts"] = (told.finish["attempts"], row["attempts"])
        pairs["ttft"] = (told.finish["timing"]["ttftMs"], row["ttft_ms"])
    if abs(row["started"] / 1000 - told.at) > APART_SECONDS * speed:
        pairs["started"] = (told.at, row["started"] / 1000)
    return {name: (seen, kept) for name, (seen, kept) in pairs.items() if seen != kept}


def check_callers(rows: Sequence[Row], told: Sequence[Told]) -> None:
    """All streams of one asker have one caller, and no two askers have the same."""
    by_id = {row["stream_id"]: row["caller"] for row in rows}
    pairs = {(each.asker.name, by_id[each.stream_id]) for each in told}
    assert len(pairs) == len(dict(pairs)) == len({caller for _, caller in pairs}), pairs


def check_attempts(rows: Sequence[Row], asked: int) -> None:
    """The providers had as many requests as the rows have attempts."""
    theirs = [row["attempts"] for row in rows if row["provider"] not in ("local", NOBODY.provider)]
    assert sum(theirs) == asked, f"{sum(theirs)} attempts, {asked} requests"


def check_totals(rows: Sequence[Row], answers: Mapping[tuple[str, str], Sequence[Row]]) -> int:
    """The API's totals by whatever are the rows added up; how many groups there were."""
    groups = 0
    for (project, by), answer in answers.items():
        expected: dict[tuple[str, ...], list[float]] = {}
        for row in rows:
            if row["project"] == project:
                sums = expected.setdefault(tuple(row[name] for name in GROUPS[by]), [0.0] * len(SUMS))
                for n, name in enumerate(SUMS):
                    sums[n] += row[name] or 0
        found = {tuple(row[name] for name in GROUPS[by]): [row[name] for name in NAMES] for row in answer}
        assert found.keys() == expected.keys(), (project, by)
        for key, sums in expected.items():
            assert all(map(isclose, found[key], sums)), (project, by, key, found[key], sums)
        groups += len(found)
    assert {project for project, _ in answers} == set(PROJECTS)
    return groups
