"""Whether a known caller may have this view, asked before each guarded view; and what is kept of it afterwards.

Deny by default: where people log in, a view that never said what it wants is answered to nobody. Where nobody logs in
and nothing is limited, none of this runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from headrace.common.access import SAFE_METHODS
from headrace.common.conf import Settings, get_settings
from headrace.common.identity import (
    PERMISSIONS,
    Need,
    Permission,
    Program,
    caller_key,
    keeper,
    need_of,
    project_asked,
)
from headrace.common.limits import acheck_limits, check_limits
from headrace.common.readers import watched
from headrace.common.responses import EventStreamResponse
from headrace.errors import RequestError

CALLER = "headrace_caller"
"""The attribute of a request that says who asks, once the guard has found out."""
RECORDED: frozenset[Need] = frozenset({"configure", "manage", "operator"})
"""What leaves a line in the audit log when it was done; streams have lines of their own."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """One request on its way into a view."""

    need: Need
    caller: Any
    project: str
    action: str


def is_asked(settings: Settings) -> bool:
    """Whether anything here has to be asked at all."""
    return settings.auth == "required" or settings.limited


def find_caller(request: HttpRequest) -> Any:
    """Who asks: a user, a `Program`, or None. From here on `request.user` is that, where no session's user was there.

    RequestError 401 for a token that is none.
    """
    kept = keeper()
    return _found(request, kept.caller(request) if kept else getattr(request, "user", None))


async def afind_caller(request: HttpRequest) -> Any:
    """`find_caller` from a coroutine."""
    kept = keeper()
    return _found(request, await (kept.acaller(request) if kept else session_user(request)))


async def session_user(request: HttpRequest) -> Any:
    """Whom the site's own middleware knows."""
    asked = getattr(request, "auser", None)
    return await asked() if asked else getattr(request, "user", None)


def _found(request: HttpRequest, caller: Any) -> Any:
    setattr(request, CALLER, caller)
    if isinstance(caller, Program) or not hasattr(request, "user"):

        async def user() -> Any:
            return caller

        request.user, request.auser = caller, user
    return caller


def admit(request: HttpRequest, view: Any, arguments: Mapping[str, Any]) -> Admitted:
    """RequestError: this caller may not have this view (403, 404), or not now (429)."""
    admitted = _admitted(request, view, arguments)
    if (need := _asked_of_keeper(admitted, arguments)) and (kept := keeper()):
        kept.allow(admitted.caller, need, admitted.project)
    if _is_limited(admitted):
        check_limits(admitted.caller, admitted.project)
    return admitted


async def aadmit(request: HttpRequest, view: Any, arguments: Mapping[str, Any]) -> Admitted:
    """`admit` from a coroutine."""
    admitted = _admitted(request, view, arguments)
    if (need := _asked_of_keeper(admitted, arguments)) and (kept := keeper()):
        await kept.aallow(admitted.caller, need, admitted.project)
    if _is_limited(admitted):
        await acheck_limits(admitted.caller, admitted.project)
    return admitted


def after(request: HttpRequest, admitted: Admitted, response: HttpResponseBase) -> HttpResponseBase:
    """Record what was done; have a stream watched."""
    if (kept := keeper()) and _is_recorded(request, admitted, response):
        kept.record(request, admitted.caller, admitted.action, _facts(request, admitted))
    return _watched(admitted, response)


async def aafter(request: HttpRequest, admitted: Admitted, response: HttpResponseBase) -> HttpResponseBase:
    if (kept := keeper()) and _is_recorded(request, admitted, response):
        await kept.arecord(request, admitted.caller, admitted.action, _facts(request, admitted))
    return _watched(admitted, response)


def _admitted(request: HttpRequest, view: Any, arguments: Mapping[str, Any]) -> Admitted:
    caller = getattr(request, CALLER, None)
    need = need_of(view, request.method or "")
    required = get_settings().auth == "required"
    if need is None and required:
        raise RequestError("this address does not say who may use it, so nobody may", code="forbidden", status=403)
    if need == "operator" and required and not getattr(caller, "is_superuser", False):
        raise RequestError("this is for the operator of the server", code="forbidden", status=403)
    action = getattr(view, "headrace_actions", {}).get(request.method) or view.__name__
    return Admitted(need or "public", caller, project_asked(request, caller, arguments), action)


def _asked_of_keeper(admitted: Admitted, arguments: Mapping[str, Any]) -> Permission | None:
    """The permission to ask about; none where the site itself decides, which it never does about our people."""
    settings = get_settings()
    if settings.auth != "required" or admitted.need not in PERMISSIONS:
        return None
    own = arguments.get("resolve_project") or settings.resolve_project
    elsewhere = own and admitted.need != "manage" and not isinstance(admitted.caller, Program)
    return None if elsewhere else admitted.need


def _is_limited(admitted: Admitted) -> bool:
    return admitted.need in PERMISSIONS and get_settings().limited


def _is_recorded(request: HttpRequest, admitted: Admitted, response: HttpResponseBase) -> bool:
    done = response.status_code < 400 and request.method not in SAFE_METHODS
    return done and admitted.need in RECORDED and get_settings().auth == "required"


def _facts(request: HttpRequest, admitted: Admitted) -> dict[str, str]:
    """What was done to what: names from the address, and what the view itself wants kept. Never a body."""
    match = request.resolver_match
    found = {name: str(value) for name, value in (match.kwargs if match else {}).items() if name != "project_id"}
    return {"project": admitted.project, "method": request.method or "", **found, **getattr(request, FACTS, {})}


FACTS = "headrace_facts"
"""The attribute of a request where a view leaves words for the audit log."""


def _watched(admitted: Admitted, response: HttpResponseBase) -> HttpResponseBase:
    kept = keeper()
    if kept is not None and admitted.caller is not None and isinstance(response, EventStreamResponse):
        watched(response, lambda end: kept.watch(caller_key(admitted.caller), admitted.project, end))
    return response
