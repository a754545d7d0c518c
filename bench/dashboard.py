"""How long the questions of the dashboard take with a million streams on SQLite: `python -m bench.dashboard`.

The goal is 300 ms each. It makes rows of 90 days in a database of its own, folds them, asks each question over HTTP's
own path (in this process, nothing cached) several times, and prints the slowest and the middle time.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

GOAL_MS = 300.0
DAYS = 90
BATCH = 5000
REPEATS = 7
MODELS = (
    ("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet"), ("gemini", "flash"),
    ("deepseek", "reasoner"), ("local", "plain"),
)  # fmt: skip
FAILURES = ("upstream_rate_limited", "upstream_reset", "upstream_idle_timeout")
OUTCOMES = (*("stop",) * 90, *("length",) * 4, *("cancelled",) * 3, *FAILURES)
CALLERS = [str(n) for n in range(1, 41)] + [f"token:{n:012x}" for n in range(10)]
STATS = "/api/projects/default/stats/"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", help="a folder whose database is made once and used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as made:
        folder = Path(options.keep or made)
        folder.mkdir(exist_ok=True)
        os.environ |= {"HEADRACE_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "headrace.config.settings"}
        os.environ["HEADRACE_STATS_DAYS"] = str(2 * DAYS)
        _ask(folder, options.rows)


def _ask(folder: Path, rows: int) -> None:
    import django

    django.setup()
    from headrace.stats.models import RollUp, Stream

    fill(rows)
    size = (folder / "headrace.sqlite3").stat().st_size / 2**20
    print(f"{Stream.objects.count():,} streams of {DAYS} days, {RollUp.objects.count():,} roll-ups, {size:,.0f} MiB\n")
    print("| question | answer | middle | slowest |\n| --- | ---: | ---: | ---: |")
    worst = 0.0
    for name, ask in questions():
        times, length = timed(ask)
        worst = max(worst, *times)
        print(f"| {name} | {length / 1024:,.0f} KiB | {median(times):.0f} ms | {max(times):.0f} ms |", flush=True)
    print(f"\nGoal {GOAL_MS:g} ms: {'reached' if worst < GOAL_MS else 'MISSED'}, {worst:.0f} ms at most")


def fill(rows: int) -> None:
    """So many rows, in order of time as a server writes them, then folded. What is there already is kept."""
    from django.core.management import call_command
    from django.db import connection

    from headrace.stats.folding import fold_all
    from headrace.stats.models import Stream

    call_command("migrate", verbosity=0)
    there, began = Stream.objects.count(), time.monotonic()
    rng, first = random.Random(1), time.time() - DAYS * 86_400
    with connection.cursor() as cursor:
        for start in range(there, rows, BATCH):
            numbers = range(start, min(start + BATCH, rows))
            cursor.executemany(INSERT, [row(n, rng, first + n / rows * DAYS * 86_400) for n in numbers])
    written = time.monotonic()
    folded = fold_all()
    if folded:
        spent, folding = written - began, time.monotonic() - written
        print(f"written in {spent:.0f} s, {folded:,} folded in {folding:.0f} s ({folding / folded * 1e6:.0f} µs a row)")


VARIED = (
    "stream_id", "provider", "model", "outcome", "caller", "failed", "started", "ttft_ms", "first_content_ms",
    "duration_ms", "tokens_per_second", "longest_silence_ms", "input_tokens", "output_tokens", "cost", "moments",
)  # fmt: skip
SAME: dict[str, Any] = {
    "project": "default", "usage_source": "reported", "gap_mean_ms": 20.0, "gap_p50_ms": 18.0, "gap_p95_ms": 60.0,
    "gap_p99_ms": 120.0, "events": 400, "raw_bytes": 30_000, "sent_bytes": 9_000, "attempts": 1, "readers": 1,
    "reasoning_tokens": 0, "cached_tokens": 0, "estimated_tokens": 0, "fallbacks": 0, "resumes": 0, "folded": 0,
    "provider_reason": "stop",
}  # fmt: skip
"""The driver's own statement: making a million instances of a model would take longer than all questions."""
_MARKS = ", ".join(["%s"] * len(VARIED) + [repr(value) for value in SAME.values()])
INSERT = f"INSERT INTO headrace_stats_stream ({', '.join((*VARIED, *SAME))}) VALUES ({_MARKS})"


def row(n: int, rng: random.Random, started: float) -> tuple[Any, ...]:
    """What differs between two streams."""
    provider, model = rng.choice(MODELS)
    outcome = rng.choice(OUTCOMES)
    ttft = rng.lognormvariate(6, 0.6)
    duration = ttft + rng.lognormvariate(8.5, 0.8)
    moments = f'[{{"atMs": {ttft:.1f}, "kind": "content"}}, {{"atMs": {duration:.1f}, "kind": "ended"}}]'
    figures = (ttft, ttft, duration, rng.uniform(10, 150), rng.lognormvariate(5, 1))
    spent = (rng.randrange(4000), rng.randrange(2000), rng.random() / 100)
    named = (f"bench-{n}", provider, model, outcome, rng.choice(CALLERS), outcome.startswith("upstream"))
    return (*named, int(started * 1000), *figures, *spent, moments)


def questions() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """What the dashboard asks, with its name."""
    ranges = {"24 hours": 1, "7 days": 7, "30 days": 30, "90 days": 90}
    for label, days in ranges.items():
        bucket = "hour" if days <= 7 else "day"
        for by in ("model", "outcome", "person"):
            yield f"totals by {by}, {label}", get("totals/", days, by=by)
        yield (
            f"tokens and cost by model, {label}",
            get("series/", days, by="model", bucket=bucket, zone="Europe/Berlin"),
        )
        yield f"outcomes, {label}", get("series/", days, by="outcome", bucket=bucket)
        for measure in ("ttft", "speed", "duration"):
            more = {"by": "model", "measure": measure, "bucket": bucket, "zone": "Europe/Berlin"}
            yield f"bands of {measure} by model, {label}", get("percentiles/", days, **more)
        yield f"percentiles by person, {label}", get("percentiles/", days, by="person", measure="ttft")
        yield f"slowest, {label}", get("streams/", days, sort="ttft", limit=20)
        yield f"longest, {label}", get("streams/", days, sort="duration", limit=20)
        yield f"failed, {label}", get("streams/", days, failed="true", limit=50)
        yield f"one model's outcomes, {label}", get("totals/", days, by="outcome", model="gpt-4o")
        yield f"one person's use by day, {label}", get("series/", days, caller="7", bucket=bucket)
        yield f"one person's use by model, {label}", get("totals/", days, caller="7", by="model")
    yield "days of Kolkata, 90 days", get("series/", 90, by="model", bucket="day", zone="Asia/Kolkata")
    yield "bands in Kolkata, 90 days", get("percentiles/", 90, by="model", bucket="day", zone="Asia/Kolkata")
    yield "one timeline", get("streams/bench-4711/", 0)


def get(path: str, days: int, **query: str | int) -> Callable[[], bytes]:
    from django.test import Client

    since = datetime.now(UTC) - timedelta(days=days, minutes=7)
    given = {"from": since.isoformat(), **query} if days else {}

    def ask() -> bytes:
        response = Client(headers={"host": "localhost"}).get(STATS + path, given)
        assert response.status_code == 200, response.content
        return bytes(response.content)

    return ask


def timed(ask: Callable[[], bytes]) -> tuple[list[float], int]:
    """Milliseconds of each time, the first one left out, and the length of the answer."""
    length, times = len(ask()), []
    for _ in range(REPEATS):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    return times, length


if __name__ == "__main__":
    main()
