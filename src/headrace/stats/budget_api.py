"""A project's budgets over HTTP: whoever reads the project sees how it stands, its owners set what it may spend."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Status
from pydantic import Field, StrictStr

from headrace.backends.egress import EgressPolicy
from headrace.common.conf import get_settings
from headrace.common.identity import allows
from headrace.common.rest import ErrorAnswer, WireSchema
from headrace.errors import RequestError, UpstreamError
from headrace.projects.finding import asked_project_key
from headrace.stats.asked import zone_named
from headrace.stats.budgets import BudgetMeasure, Period, Standing, gate, knows_zone, standing, standings
from headrace.stats.models import Budget
from headrace.stats.naming import is_owner

router = Router(tags=["budgets"], by_alias=True, exclude_unset=True)
FAILED: dict[Any, Any] = {frozenset({400, 401, 403, 404, 409, 429}): ErrorAnswer}
ONE = "/projects/{project_id}/budgets/{measure}/{period}/"
MAX_LIMIT = 1e15
PERIOD_DAYS: Mapping[Period, int] = {"day": 2, "month": 32}
"""The longest that a period's first stream is back, in whichever zone."""
SECRET_BYTES = 32
LEAST_SECRET = 16


class NewBudget(WireSchema):
    """What is left out of the webhook stays as it was; an empty address takes it away."""

    limit: Annotated[float, Field(gt=0, le=MAX_LIMIT, description="Tokens, input and output; or US dollars.")]
    zone: Annotated[StrictStr, Field(max_length=64, description="Whose days and months.")] = "UTC"
    webhook_url: Annotated[StrictStr | None, Field(max_length=2000, description="Told at 80 % and at 100 %.")] = None
    webhook_secret: Annotated[
        StrictStr | None,
        Field(min_length=LEAST_SECRET, max_length=200, description="Signs; write-only. Made by us when left out."),
    ] = None


class BudgetAnswer(WireSchema):
    """`spent` is of the streams that have ended in this period. The webhook's address is told to owners."""

    measure: BudgetMeasure
    period: Period
    limit: float
    spent: float
    share: float
    exceeded: bool
    period_start: datetime
    period_end: datetime
    zone: str
    zone_known: Annotated[bool, Field(description="False: it was renamed since; days and months are UTC's.")]
    has_webhook: bool
    webhook_url: str | None = None
    webhook_secret: Annotated[str | None, Field(description="Only where it has just been made by us.")] = None


class BudgetList(WireSchema):
    budgets: list[BudgetAnswer]


@router.get(
    "/projects/{project_id}/budgets/",
    response={200: BudgetList, **FAILED},
    summary="A project's budgets, and what is spent of them",
    operation_id="listBudgets",
)
@allows("read")
def list_budgets(request: HttpRequest, project_id: str) -> dict[str, Any]:
    project = asked_project_key(request, project_id)
    shows_address = is_owner(request, project)
    return {"budgets": [_shown(each, shows_address=shows_address) for each in standings(project)]}


@router.put(
    ONE,
    response={200: BudgetAnswer, **FAILED},
    summary="Set what a project may spend in a day or a month",
    operation_id="setBudget",
)
@allows("manage")
def set_budget(
    request: HttpRequest, project_id: str, measure: BudgetMeasure, period: Period, budget: NewBudget
) -> dict[str, Any]:
    project = asked_project_key(request, project_id)
    _check_counted(period)
    zone = zone_named(budget.zone).key
    url = None if budget.webhook_url is None else _address(budget.webhook_url)
    found, _ = Budget.objects.get_or_create(
        project=project, measure=measure, period=period, defaults={"limit": budget.limit}
    )
    found.limit, found.zone = budget.limit, zone
    found.webhook_url = found.webhook_url if url is None else url
    made = _sealed(found, budget.webhook_secret)
    found.save()
    gate.forget()
    return _shown(standing(found), shows_address=True) | ({"webhook_secret": made} if made else {})


@router.delete(ONE, response={204: None, **FAILED}, summary="Take a budget away", operation_id="deleteBudget")
@allows("manage")
def delete_budget(request: HttpRequest, project_id: str, measure: BudgetMeasure, period: Period) -> Status[None]:
    project = asked_project_key(request, project_id)
    Budget.objects.filter(project=project, measure=measure, period=period).delete()
    gate.forget()
    return Status(204, None)


def _check_counted(period: Period) -> None:
    """A budget of what is not counted, or not as long as it lasts, would never be spent."""
    settings, days = get_settings(), PERIOD_DAYS[period]
    name = "STATS_SUMMARY_DAYS" if settings.stats_days else "STATS_DAYS"
    if not settings.stats_days or settings.stats_summary_days < days:
        message = f"a budget of a {period} needs statistics of {days} days: HEADRACE_{name} is less"
        raise RequestError(message, field="period", code="conflict", status=409)


def _address(url: str) -> str:
    """What the text of an address alone tells is refused at once; the rest when it is connected to."""
    url = url.strip()
    settings = get_settings()
    try:
        if url:
            EgressPolicy(settings.egress_allow, local=settings.local).check_url(url)
    except UpstreamError as error:
        raise RequestError(error.message, field="webhookUrl", code=error.code) from None
    return url


def _sealed(found: Budget, given: str | None) -> str:
    """Have a secret where there is a webhook; the one that was made here, to be shown once."""
    if given:
        found.webhook_secret = given
        return ""
    if not found.webhook_url or found.webhook_secret:
        return ""
    made = secrets.token_urlsafe(SECRET_BYTES)
    found.webhook_secret = made
    return made


def _shown(found: Standing, *, shows_address: bool) -> dict[str, Any]:
    budget = found.budget
    shown = {name: getattr(budget, name) for name in ("measure", "period", "limit", "zone")}
    address = {"webhook_url": budget.webhook_url} if shows_address else {}
    return (
        shown
        | address
        | {
            "spent": found.spent,
            "share": round(found.share, 4),
            "exceeded": found.exceeded,
            "period_start": found.starts,
            "period_end": found.ends,
            "zone_known": knows_zone(budget),
            "has_webhook": bool(budget.webhook_url),
        }
    )
