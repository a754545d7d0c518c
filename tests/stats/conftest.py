"""Streams for the tests of statistics: rows with a known truth, and a recorder that keeps what is streamed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.stats.budgets import gate
from headrace.stats.folding import MINUTE_MS
from headrace.stats.models import Stream
from headrace.stats.recording import Recorder, recorder

MODELS = (("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("anthropic", "claude"), ("local", "plain"))
OUTCOMES = ("stop", "stop", "stop", "length", "cancelled", "upstream_reset", "upstream_timeout")
CALLERS = ("", "1", "2", "token:abc", "token:def")


@pytest.fixture
def recording(database: None, _no_statistics: None) -> Iterator[Recorder]:
    """Whatever is streamed is kept while the test runs."""
    gate.forget()
    recorder.start()
    yield recorder
    recorder.stop()


def now_minute() -> int:
    return int(time.time()) // 60


def row(n: int, started_minute: float, rng: random.Random, **given: Any) -> Stream:
    """One stream that nobody streamed."""
    provider, model = rng.choice(MODELS)
    outcome = rng.choice(OUTCOMES)
    fields: dict[str, Any] = {
        "stream_id": f"s{n}",
        "project": "default",
        "provider": provider,
        "model": model,
        "outcome": outcome,
        "failed": outcome.startswith("upstream"),
        "caller": rng.choice(CALLERS),
        "started": int(started_minute * MINUTE_MS),
        "duration_ms": round(rng.lognormvariate(8, 1), 1),
        "ttft_ms": None if rng.random() < 0.1 else round(rng.lognormvariate(6, 0.7), 1),
        "tokens_per_second": rng.uniform(5, 200),
        "longest_silence_ms": rng.uniform(0, 5000),
        "input_tokens": rng.randrange(1000),
        "output_tokens": rng.randrange(2000),
        "estimated_tokens": rng.choice([0, 7]),
        "events": rng.randrange(2000),
        "raw_bytes": rng.randrange(100_000),
        "sent_bytes": rng.randrange(50_000),
        "attempts": rng.randrange(1, 4),
        "readers": 1,
        "cost": rng.choice([None, 0.25, 0.5]),  # halves add up exactly
        "usage_source": "reported",
    }
    return Stream(**fields | given)


def store(rows: list[Stream]) -> list[Stream]:
    Stream.objects.bulk_create(rows)
    return rows


def spread_rows(count: int, *, days: float, seed: int = 1, **given: Any) -> list[Stream]:
    """Rows of so many days before now, at random moments."""
    rng, now = random.Random(seed), now_minute()
    return store([row(n, now - rng.random() * days * 1440, rng, **given) for n in range(count)])
