"""What a query of statistics asks for, checked: whose streams, when, of which kind, told apart by what."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.db.models import Q

from headrace.common.conf import get_settings
from headrace.errors import RequestError
from headrace.stats.folding import FACETS
from headrace.stats.spans import DAY

GroupBy = Literal["model", "provider", "outcome", "person", "token", "caller"]
GROUPS: Mapping[str, tuple[str, ...]] = {
    "model": ("provider", "model"),
    "provider": ("provider",),
    "outcome": ("outcome",),
    "person": ("caller",),
    "token": ("caller",),
    "caller": ("caller",),
}
DEFAULT_MINUTES = DAY
FIRST, LAST = date(1970, 1, 1), date(3000, 1, 1)
"""Moments lie between these: no stream is older, and every one of them is a day in every zone."""
TOKEN_KEYS = "token:"  # noqa: S105 - how the keys of programs begin, in rows


@dataclass(frozen=True, slots=True)
class Asked:
    """`start` and `end` are minutes since 1970. `dims` are the columns that tell groups apart."""

    project: str
    start: int
    end: int
    zone: ZoneInfo
    by: GroupBy | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    @property
    def dims(self) -> tuple[str, ...]:
        return GROUPS[self.by] if self.by else ()

    @property
    def facet(self) -> str | None:
        """The kind of roll-ups that can answer; None where only the rows can."""
        used = {*self.dims, *self.where}
        return next((facet for facet, names in FACETS.items() if used <= set(names)), None)

    @property
    def condition(self) -> Q:
        """Of rows and roll-ups alike, the time left out."""
        found = Q(project=self.project, **self.where)
        if self.by == "token":
            found &= Q(caller__startswith=TOKEN_KEYS)
        elif self.by == "person":
            found &= ~Q(caller__startswith=TOKEN_KEYS)
        return found

    @property
    def names_callers(self) -> bool:
        """Whether the answer tells what single people do."""
        return "caller" in self.dims or "caller" in self.where


def asked(project: str, given: Mapping[str, Any]) -> Asked:
    """The query that these parameters put. RequestError names the one that is wrong."""
    zone = zone_named(given.get("zone") or "UTC")
    end = _minute(given, "to", zone, up=True)
    end = int(time.time()) // 60 + 1 if end is None else end
    start = _minute(given, "from", zone)
    start = end - DEFAULT_MINUTES if start is None else start
    if start >= end:
        raise RequestError("from must be before to", field="from")
    where = {name: given[name] for name in ("provider", "model", "outcome", "caller") if given.get(name)}
    return Asked(project, start, end, zone, given.get("by"), where)


def rows_since() -> int:
    """The minute from which on rows are surely kept; older borders are those of hours."""
    return int(time.time() - get_settings().stats_days * 86_400) // 60 + 1


def sums_since() -> int:
    """The minute from which on the sums by hour and day are kept."""
    return int(time.time() - get_settings().stats_summary_days * 86_400) // 60 + 1


def zone_named(name: str) -> ZoneInfo:
    """RequestError for what is no zone."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        message = f"zone {name[:64]!r} is no time zone that this server knows; write one such as Europe/Berlin"
        raise RequestError(message, field="zone") from None


def _minute(given: Mapping[str, Any], name: str, zone: ZoneInfo, *, up: bool = False) -> int | None:
    """Whole minutes; a moment without an offset is the zone's. RequestError for one that is far from all streams."""
    moment: datetime | None = given.get("from_" if name == "from" else name)
    if moment is None:
        return None
    if not FIRST <= moment.date() <= LAST:
        raise RequestError(f"{name} must be between the years {FIRST.year} and {LAST.year}", field=name)
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    return int(-(-seconds // 60) if up else seconds // 60)
