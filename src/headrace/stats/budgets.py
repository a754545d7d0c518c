"""Budgets: what a project has spent in this period, and that no stream of it starts once that is all.

What a stream costs is known when it has ended: those that run at the limit may go beyond it. How a project stands is
believed for two seconds, so a burst of chats is one look.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from headrace.common.database import in_database
from headrace.errors import RequestError
from headrace.stats.asked import Asked, zone_named
from headrace.stats.figures import totals
from headrace.stats.models import Budget, Notice
from headrace.stats.spans import midnight, moment

BudgetMeasure = Literal["tokens", "cost"]
Period = Literal["day", "month"]
NoticeKind = Literal["budget.warning", "budget.exceeded"]
WARNED_SHARE = 0.8
BELIEVED_SECONDS = 2.0
BELIEVED = 4096
UTC_ZONE = ZoneInfo("UTC")

_missed: set[str] = set()
"""Zones whose loss has been said."""

logger = logging.getLogger("headrace.budgets")


class BudgetError(RequestError):
    """The project has spent what it may: until the period ends."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, code="budget_exceeded", status=429, retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a project stands with one budget. `start` and `end` of the period are minutes since 1970."""

    budget: Budget
    spent: float
    start: int
    end: int

    @property
    def share(self) -> float:
        return self.spent / self.budget.limit if self.budget.limit else 1.0

    @property
    def exceeded(self) -> bool:
        return self.spent >= self.budget.limit

    @property
    def starts(self) -> datetime:
        return moment(self.start, zone_of(self.budget))

    @property
    def ends(self) -> datetime:
        return moment(self.end, zone_of(self.budget))

    def error(self) -> BudgetError:
        budget = self.budget
        limit = f"${budget.limit:g}" if budget.measure == "cost" else f"{budget.limit:,.0f} tokens"
        message = f"this project has spent its budget of {limit} for this {budget.period}; it begins anew at "
        return BudgetError(f"{message}{self.ends.isoformat()}", max(1.0, self.end * 60 - time.time()))


def knows_zone(budget: Budget) -> bool:
    """Whether this server has the budget's zone: one that it had when it was set may have been renamed since."""
    try:
        zone_named(budget.zone)
    except RequestError:
        return False
    return True


def zone_of(budget: Budget) -> ZoneInfo:
    """Whose days and months are meant. Where the zone is gone the limit holds by UTC's, which is said once."""
    if knows_zone(budget):
        return ZoneInfo(budget.zone)
    if budget.zone not in _missed:
        _missed.add(budget.zone)
        logger.error(
            "the zone %r of a budget of the project %s is known no longer: its days and months are UTC's until another"
            " zone is set",
            budget.zone,
            budget.project,
        )
    return UTC_ZONE


def period_of(budget: Budget, now: float) -> tuple[int, int]:
    """When this period began and when it ends, in minutes since 1970."""
    zone = zone_of(budget)
    first = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    if budget.period == "month":
        first = first.replace(day=1)
        return midnight(first, zone), midnight((first + timedelta(days=32)).replace(day=1), zone)
    return midnight(first, zone), midnight(first + timedelta(days=1), zone)


def standing(budget: Budget, now: float | None = None) -> Standing:
    """What has been spent of it in the period of this moment."""
    start, end = period_of(budget, time.time() if now is None else now)
    (row,) = totals(Asked(budget.project, start, end, UTC_ZONE)).rows
    spent = row["cost"] if budget.measure == "cost" else row["inputTokens"] + row["outputTokens"]
    return Standing(budget, spent, start, end)


def standings(project: str) -> list[Standing]:
    return [standing(budget) for budget in Budget.objects.filter(project=project)]


class Gate:
    """Asked before each stream of a project."""

    def __init__(self) -> None:
        self._believed: dict[str, tuple[Standing | None, float]] = {}

    async def __call__(self, project: str) -> None:
        """BudgetError where the project has spent what it may."""
        known = self._believed.get(project)
        if known is None or time.monotonic() >= known[1]:
            if known is not None:  # meanwhile the others of a burst believe what was
                self._believed[project] = (known[0], time.monotonic() + BELIEVED_SECONDS)
            known = await in_database(lambda: self._looked(project))
        full = known[0]
        if full is not None and time.time() < full.end * 60:
            raise full.error()

    def forget(self) -> None:
        """Look again: a budget has changed in this process."""
        self._believed.clear()

    def _looked(self, project: str) -> tuple[Standing | None, float]:
        try:
            spent = [each for each in standings(project) if each.exceeded]
        except Exception as error:  # a database that is away must not stop the work whose cost it only counts
            logger.warning("budgets could not be looked at: %s", type(error).__name__)
            spent = []
        full = max(spent, key=lambda each: each.end, default=None)
        if len(self._believed) >= BELIEVED:
            self._believed.clear()
        found = self._believed[project] = (full, time.monotonic() + BELIEVED_SECONDS)
        return found


gate = Gate()


def notice(projects: Iterable[str]) -> bool:
    """Streams of these projects have ended: keep whatever is to be told of their budgets. Whether there is any."""
    told = False
    for budget in Budget.objects.filter(project__in=set(projects)).exclude(webhook_url=""):
        found = standing(budget)
        if found.share >= WARNED_SHARE:
            told |= _noticed(found, "budget.warning")
        if found.exceeded:
            told |= _noticed(found, "budget.exceeded")
    return told


def _noticed(found: Standing, kind: NoticeKind) -> bool:
    """Keep it, unless it was in this period. Whichever worker is first makes it."""
    name, now = secrets.token_hex(16), time.time()
    _, is_new = Notice.objects.get_or_create(
        budget=found.budget,
        kind=kind,
        start=found.start,
        defaults={"notice_id": name, "body": _body(found, kind, name), "due": now},
    )
    return is_new


def _body(found: Standing, kind: NoticeKind, name: str) -> str:
    budget = found.budget
    said = {
        "id": name,
        "type": kind,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "project": budget.project,
        "measure": budget.measure,
        "period": budget.period,
        "periodStart": found.starts.isoformat(),
        "periodEnd": found.ends.isoformat(),
        "limit": budget.limit,
        "spent": found.spent,
        "share": math.floor(found.share * 1000) / 1000,
    }
    return msgspec.json.encode(said).decode()
