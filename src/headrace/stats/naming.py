"""Who may see what single people do, and what these are called."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from headrace.common.admission import CALLER
from headrace.common.conf import get_settings
from headrace.common.identity import keeper
from headrace.common.limits import is_token
from headrace.errors import RequestError


def check_owner(request: HttpRequest, project: str) -> None:
    """RequestError 403 unless this caller has the project's people. Where nobody signs in, there are none."""
    kept = keeper()
    if get_settings().auth == "required" and kept is not None:
        kept.allow(getattr(request, CALLER, None), "manage", project)


def is_owner(request: HttpRequest, project: str) -> bool:
    try:
        check_owner(request, project)
    except RequestError:
        return False
    return True


def names_of(callers: Iterable[str]) -> dict[str, str]:
    """The names of these callers, by their keys, as far as they are still known."""
    wanted = {caller for caller in callers if caller}
    people = [caller for caller in wanted if not is_token(caller)]
    found: dict[str, str] = {}
    if people and apps.is_installed("django.contrib.auth"):
        model = get_user_model()
        rows = model.objects.filter(pk__in=[key for key in people if _may_be_key(key)])
        found |= {str(each.pk): each.get_username() for each in rows}
    if len(people) < len(wanted) and apps.is_installed("headrace.people"):
        from headrace.people.models import Token

        tokens = Token.objects.filter(public_id__in=[each.partition(":")[2] for each in wanted if is_token(each)])
        found |= {each.key: each.name for each in tokens}
    return found


def _may_be_key(text: str) -> bool:
    """Whether this text is a value of the table's key: others would be an error, not an empty answer."""
    field = get_user_model()._meta.pk
    try:
        field.to_python(text)
    except Exception:
        return False
    return True
