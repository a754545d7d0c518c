"""Where people sign in and out: one page, and what its script asks. All bodies are JSON, under the guard's page rules.

A wrong name and a wrong password are the same answer; after a few of them the name is locked for that address.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables

from headrace.common.conf import get_settings
from headrace.common.guard import PAGE_POLICY
from headrace.common.http import error_response, json_response, parse_kept, read_body
from headrace.common.identity import allows, keeper
from headrace.common.limits import LimitError
from headrace.common.validation import shown
from headrace.errors import RequestError
from headrace.people.audit import record
from headrace.people.links import find_link, make_user, set_password, use_link
from headrace.people.models import Link
from headrace.people.sessions import password_backend, with_session
from headrace.people.words import words_for

LOCKED_SECONDS = 900.0
LINK_IN_SESSION = "headrace_link"


@allows("public")
@with_session
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """GET: the page. POST `{name, password}`: a session."""
    if request.method in ("GET", "HEAD"):
        return _page(request, "in")
    if request.method != "POST":
        return _only(request, "GET, POST")
    given = _given(request)
    login(request, _authenticated(request, given), backend=password_backend())
    record("signed_in", request=request, caller=request.user)
    return json_response({"name": request.user.get_username()})


@allows("public")
@with_session
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """POST: the session ends."""
    if request.method != "POST":
        return _only(request, "POST")
    if request.user.is_authenticated:
        record("signed_out", request=request, caller=request.user)
    logout(request)
    if kept := keeper():
        kept.forget()
    return HttpResponse(status=204)


@allows("public")
@with_session
def sign_link(request: HttpRequest) -> HttpResponseBase:
    """GET: the page. POST `{secret}`: what the link is for; with `name` and `password`, or `with`, it is used."""
    if request.method in ("GET", "HEAD"):
        return _page(request, "link")
    if request.method != "POST":
        return _only(request, "GET, POST")
    given = _given(request)
    link = find_link(given.get("secret"))
    if given.get("with") == "provider":
        request.session[LINK_IN_SESSION] = given["secret"]
        return json_response({"next": "/sign/oidc"})
    if "password" not in given and given.get("with") != "session":
        return json_response(_told(request, link))
    known = _authenticated(request, given) if given.get("with") == "account" and link.kind != Link.Kind.RESET else None
    with transaction.atomic():
        user = known or _user_for(request, link, given)
        use_link(link, user, request)
    login(request, user, backend=password_backend())
    return json_response({"name": user.get_username()})


@sensitive_variables("given")
def _user_for(request: HttpRequest, link: Link, given: dict[str, Any]) -> Any:
    """Whom the link lets in: its own user with a new password, whoever is signed in, or a new account."""
    if link.kind == Link.Kind.RESET:
        set_password(link.user, given.get("password"))
        link.user.save(update_fields=["password"])  # type: ignore[union-attr]
        return link.user
    if given.get("with") == "session":
        if not request.user.is_authenticated:
            raise RequestError("sign in first", code="unauthenticated", status=401)
        return request.user
    return make_user(given.get("name"), given.get("password"))


@sensitive_variables("given")
def _authenticated(request: HttpRequest, given: dict[str, Any]) -> Any:
    name, password = (given.get(field) for field in ("name", "password"))
    if not isinstance(name, str) or not isinstance(password, str):
        raise RequestError("name and password must be texts", field="name" if not isinstance(name, str) else "password")
    user = authenticate(request, username=name[:150], password=password[:1024])
    if user is not None:
        return user
    record("sign_in_failed", request=request, name=name)
    if getattr(request, "axes_locked_out", False):
        raise LimitError("too many wrong passwords; try again in 15 minutes", LOCKED_SECONDS)
    raise RequestError("the name or the password is wrong", field="password", code="unauthenticated", status=401)


def _told(request: HttpRequest, link: Link) -> dict[str, Any]:
    user = request.user
    return {
        "kind": link.kind,
        "project": link.project.name if link.project else "",
        "role": link.role if link.project else "",
        "name": link.user.get_username() if link.user else "",
        "signedInAs": user.get_username() if user.is_authenticated else "",
    }


def _page(request: HttpRequest, mode: str) -> HttpResponse:
    words = words_for(request.headers.get("Accept-Language", ""))
    provider = bool(get_settings().oidc_issuer)
    response = render(request, "headrace/sign.html", {"words": words, "mode": mode, "provider": provider})
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    response.headers["Content-Language"] = words["language"]
    response.headers["Vary"] = "Accept-Language"
    return response


@sensitive_variables("given")
def _given(request: HttpRequest) -> dict[str, Any]:
    given = parse_kept(read_body(request))
    if not isinstance(given, dict):
        raise RequestError(f"the body must be a JSON object; got {shown(given)}")
    return given


def _only(request: HttpRequest, methods: str) -> HttpResponse:
    return error_response(f"{request.method} is not answered here; use {methods}.", 405, headers={"Allow": methods})
