"""Roll-ups by hour and day, made of the rows that are not in any yet; and letting go of what is too old.

One process folds at a time. A row is in the roll-ups or is still read by itself, never both: the number in `Folding`
tells whoever reads both that nothing was folded in between.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import add, itemgetter
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F

from headrace.common.conf import get_settings
from headrace.stats.models import Counted, Folding, RollUp, Stream
from headrace.stats.spans import GRAINS, HOUR
from headrace.stream.sketch import Sketch

MINUTE_MS = 60_000
FOLD_ROWS = 2000
"""In one transaction: some tens of milliseconds in which nobody else writes to SQLite."""
PRUNE_ROWS = 2000
PRUNE_SECONDS = 3600.0
SUMS = tuple(each.name for each in Counted._meta.fields)
MEASURES = ("ttft_ms", "duration_ms", "tokens_per_second", "longest_silence_ms")
"""What is kept as distributions."""
FACETS: Mapping[str, tuple[str, ...]] = {
    "model": ("provider", "model", "outcome"),
    "caller": ("caller", "outcome"),
}
"""What each kind of roll-up can tell apart."""

_WANTED = ("pk", "project", "provider", "model", "caller", "outcome", "started", "cost", *SUMS, *MEASURES)
_counted = itemgetter(*SUMS)
_pruned = [0.0]


class Key(NamedTuple):
    """What makes a roll-up one."""

    project: str
    facet: str
    minutes: int
    start: int
    provider: str
    model: str
    caller: str
    outcome: str


def fold_all() -> int:
    """Fold every row that is not in the roll-ups yet; how many there were."""
    total = 0
    while count := fold():
        total += count
        if count < FOLD_ROWS:
            break
    return total


def fold() -> int:
    """Fold some rows, once whoever folds now has done; how many."""
    with transaction.atomic():
        while not Folding.objects.filter(pk=1).update(number=F("number") + 1):  # the lock: others wait for our end
            Folding.objects.get_or_create(pk=1)  # whoever only finds it here does not hold it yet
        rows = list(Stream.objects.filter(folded=False).order_by("project", "started").values(*_WANTED)[:FOLD_ROWS])
        if rows:
            _store(_gathered(rows))
            Stream.objects.filter(pk__in=[row["pk"] for row in rows]).update(folded=True)
        return len(rows)


def prune() -> bool:
    """Now and then, let go of rows and roll-ups whose time is over. Whether it was time."""
    now = time.monotonic()
    due = not _pruned[0] or now - _pruned[0] > PRUNE_SECONDS
    if due:
        _pruned[0] = now
        prune_now()
    return due


def prune_now() -> None:
    settings, now = get_settings(), time.time()
    rows = Stream.objects.filter(started__lt=(now - settings.stats_days * 86_400) * 1000, folded=True)
    while pks := list(rows.order_by("started").values_list("pk", flat=True)[:PRUNE_ROWS]):
        Stream.objects.filter(pk__in=pks).delete()
    oldest = (now - settings.stats_summary_days * 86_400) / 60
    for minutes in GRAINS:
        RollUp.objects.filter(minutes=minutes, start__lt=oldest).delete()


def _gathered(rows: Iterable[Mapping[str, Any]]) -> dict[Key, _Sum]:
    """What these rows add to the roll-ups: first by hour, then each longer one of the shorter ones."""
    shorter: dict[Key, _Sum] = defaultdict(_Sum)
    for row in rows:
        for key in _hours(row):
            shorter[key].add(row)
    found = dict(shorter)
    for minutes in reversed(GRAINS[:-1]):
        longer: dict[Key, _Sum] = defaultdict(_Sum)
        for key, each in shorter.items():
            longer[key._replace(minutes=minutes, start=key.start - key.start % minutes)].merge(each)
        found |= longer
        shorter = longer
    return found


def _hours(row: Mapping[str, Any]) -> Iterable[Key]:
    """The roll-ups by hour that this row belongs to."""
    minute = row["started"] // MINUTE_MS
    for facet, names in FACETS.items():
        named = {name: row[name] if name in names else "" for name in ("provider", "model", "caller", "outcome")}
        yield Key(row["project"], facet, HOUR, minute - minute % HOUR, **named)


class _Sum:
    """What is added to one roll-up."""

    __slots__ = ("cost", "priced", "sketches", "streams", "sums")

    def __init__(self) -> None:
        self.streams = self.priced = 0
        self.cost = 0.0
        self.sums = [0] * len(SUMS)
        self.sketches = {name: Sketch() for name in MEASURES}

    def add(self, row: Mapping[str, Any]) -> None:
        self.streams += 1
        if row["cost"] is not None:
            self.priced += 1
            self.cost += row["cost"]
        self.sums = list(map(add, self.sums, _counted(row)))
        for name, sketch in self.sketches.items():
            if row[name] is not None:
                sketch.add(row[name])

    def merge(self, other: _Sum) -> None:
        self.streams += other.streams
        self.priced += other.priced
        self.cost += other.cost
        self.sums = list(map(add, self.sums, other.sums))
        for name, sketch in self.sketches.items():
            sketch.merge(other.sketches[name])

    def onto(self, key: Key, there: RollUp | None) -> RollUp:
        """The roll-up of this key, with what was there before."""
        roll_up = there or RollUp(**key._asdict())
        roll_up.streams += self.streams
        roll_up.priced += self.priced
        roll_up.cost += self.cost
        for name, value in zip(SUMS, self.sums, strict=True):
            setattr(roll_up, name, getattr(roll_up, name) + value)
        for name, sketch in self.sketches.items():
            if data := getattr(roll_up, name):
                sketch.merge(Sketch.decode(bytes(data)))
            setattr(roll_up, name, sketch.encode() if sketch.count else None)
        return roll_up


def _store(found: Mapping[Key, _Sum]) -> None:
    starts = {(key.minutes, key.start) for key in found}
    there: dict[Key, RollUp] = {}
    for minutes in GRAINS:
        wanted = {start for each, start in starts if each == minutes}
        kept = RollUp.objects.filter(
            project__in={key.project for key in found},
            facet__in=FACETS,
            minutes=minutes,
            start__in=wanted,
        )
        there |= {Key(*(getattr(each, name) for name in Key._fields)): each for each in kept}
    made = [each.onto(key, there.get(key)) for key, each in found.items()]
    old = [each for each in made if each.pk]
    RollUp.objects.bulk_create([each for each in made if not each.pk])
    RollUp.objects.filter(pk__in=[each.pk for each in old]).delete()
    RollUp.objects.bulk_create(_anew(old))


def _anew(found: Iterable[RollUp]) -> list[RollUp]:
    """The same without their old places: two statements for all of them, where an update would be one for each."""
    found = list(found)
    for each in found:
        each.pk = None
        each._state.adding = True
    return found
