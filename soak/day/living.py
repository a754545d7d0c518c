"""The day itself: a server with its people and providers, streams as the hours have them, and what is made of it."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headrace.backends.children import start_python
from soak.cluster import cluster
from soak.day.asking import NOBODY, NOWHERE, Asking, Told
from soak.day.checking import GROUPS, Row, check_attempts, check_callers, check_rows, check_totals, rows_of
from soak.day.plan import CLOCK_VARIABLE, OWNER, PROJECTS, WEIGHTS, Clock, Model, act, asker, model
from soak.day.providers import Providers
from soak.scenarios import Figures

FEWEST = 20
"""Streams, however long the server took to start."""
WRITTEN_SECONDS = 30.0
"""For the rows of the last streams, which are written within one where the machine is not busy."""
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Day:
    """`pace` is streams a second in the fullest hour; `local`: the models of this machine are asked too."""

    seconds: float
    pace: float
    wire: Path
    folder: Path
    local: bool = True


async def live(day: Day) -> Figures:
    """Live through it, compare, and say what was counted."""
    clock = Clock.day(day.seconds)
    with tempfile.TemporaryDirectory(prefix="headrace-providers-") as folder:
        async with Providers(Path(folder), day.wire, lambda: clock.hour) as providers:
            settings = _settings(day, clock, providers)
            async with cluster(1, **settings) as running:
                known = await _people(running.environment)
                asking = Asking(running.client(), known, providers.url, "")
                asking.stored = await _stored(asking)
                told = await _streams(day, clock, asking)
                rows = await _written(day.folder / "headrace.sqlite3", len(told))
                figures = check_rows(rows, told, clock.speed)
                check_callers(rows, told)
                check_attempts(rows, providers.asked.total())
                groups = check_totals(rows, await _totals(clock, asking))
    return figures | {
        "groups_compared": groups,
        "asked_of_providers": providers.asked.total(),
        "faults": {name or "none": count for name, count in providers.faults.most_common()},
        f"password_of_{OWNER}": known["password"],
    }


def _settings(day: Day, clock: Clock, providers: Providers) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "soak.day.clock",
        CLOCK_VARIABLE: str(clock),
        "HEADRACE_DATA_DIR": str(day.folder),
        "HEADRACE_AUTH": "required",
        "HEADRACE_UPSTREAM_PROXY": providers.url,
        "HEADRACE_CA_BUNDLE": str(providers.bundle),
        "HEADRACE_EGRESS_ALLOW": f"{NOWHERE},{providers.url}",
    }


async def _people(environment: Mapping[str, str]) -> dict[str, str]:
    process = start_python("soak.day.people", env=environment, merge_output=True)
    output, _ = await asyncio.to_thread(process.communicate)
    if process.returncode:
        raise RuntimeError(f"the people could not be made: {output!r}")
    found: dict[str, str] = json.loads(output.splitlines()[-1])
    return found


async def _stored(asking: Asking) -> str:
    """A configuration that goes on to another provider where its own fails."""
    fallback = await asking.store({"name": "Spare", "providerId": "openai-responses", "modelId": "gpt-4.1"}, OWNER)
    first = {"name": "Assistant", "providerId": "anthropic", "modelId": "claude-sonnet-4-5", "fallbacks": [fallback]}
    return await asking.store(first, OWNER)


async def _streams(day: Day, clock: Clock, asking: Asking) -> list[Told]:
    """Ask as the hours have it until the day has caught up with the real one; what was seen of each."""
    running: list[asyncio.Task[Told]] = []
    while clock.now() < clock.real() or len(running) < FEWEST:
        await asyncio.sleep(random.expovariate(day.pace))
        if random.random() < WEIGHTS[clock.hour] / max(WEIGHTS):
            running.append(asyncio.create_task(asking.one(_next(day, clock))))
    return list(await asyncio.gather(*running))


def _next(day: Day, clock: Clock) -> Told:
    who, what, whom = asker(clock.hour), act(), model()
    while not day.local and whom.provider == "local":
        whom = model()
    return Told(who, _asked(who.project, what, whom), what, clock.now())


def _asked(project: str, what: str, whom: Model) -> Model | None:
    if what == "astray":
        return NOBODY
    return None if what == "stored" and project == PROJECTS[0] else whom


async def _written(database: Path, count: int) -> list[Row]:
    """The rows, as soon as there are so many; those that there are where some never come."""
    deadline = time.monotonic() + WRITTEN_SECONDS
    while len(rows := rows_of(database)) < count and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
    return rows


async def _totals(clock: Clock, asking: Asking) -> dict[tuple[str, str], list[dict[str, object]]]:
    found, begin = {}, datetime.fromtimestamp(clock.shown, UTC)
    for project in PROJECTS:
        for by in GROUPS:
            path = f"/api/projects/{project}/stats/totals/?by={by}&from={begin:%Y-%m-%dT%H:%M:%SZ}"
            found[project, by] = (await asking.get(path, OWNER))["groups"]
    return found
