"""The access guard where Django calls it: a middleware for the whole server, a wrapper for views in other projects.

`access.py` decides; this asks it, shapes the answer, and lets the operator's trusted origins through (CORS).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings as django_settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from headrace.common.access import (
    METRICS_PATH,
    Asked,
    Refusal,
    is_allowed_origin,
    login_refusal,
    needs_login,
    preflight_refusal,
    refusal,
)
from headrace.common.admission import aadmit, aafter, admit, afind_caller, after, find_caller, is_asked
from headrace.common.conf import Settings, get_settings
from headrace.common.http import error_response, refused
from headrace.common.site import EVERY_DATABASE, site_wants_login
from headrace.errors import RequestError

View = Callable[..., Any]

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""For pages of our own: nothing inline, nothing from elsewhere."""
SECURITY_HEADERS = {
    "Content-Security-Policy": API_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "Idempotency-Replayed, Retry-After, X-Stream-Id"
MAX_ASKED_HEADERS = 2048
"""Characters: ten times what the longest SDK asks for."""
_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
TEST_HOST = "testserver"
"""The host that Django's test clients ask; its test runners, and nobody else, put it into `ALLOWED_HOSTS`."""
_CHECKED = "_headrace_checked"


@sync_and_async_middleware
def access_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Guards every route of the server, the ones of others too. Native in both worlds: it costs no thread."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            response = await _arefusal(request)
            return _finished(request, response or await get_response(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        return _finished(request, _refusal(request) or get_response(request))

    return synchronous


def guarded(view: View) -> View:
    """`view` behind the guard: who asks, whether they may have this view, and a RequestError as its answer.

    What the view wants is said by `identity.allows`, on the view or on what is returned here.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def asynchronous(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            checked = getattr(request, _CHECKED, False)
            if not checked and (refused_with := await _arefusal(request)):
                return _with_cors(request, refused_with)
            response: HttpResponseBase
            try:
                admitted = await aadmit(request, asynchronous, kwargs) if is_asked(get_settings()) else None
                response = _shaped(await view(request, *args, **kwargs))
                if admitted is not None:
                    response = await aafter(request, admitted, response)
            except (RequestError, Http404) as error:
                response = _told(error)
            return response if checked else _with_cors(request, response)

        return _marked(asynchronous)

    @wraps(view)
    def synchronous(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        checked = getattr(request, _CHECKED, False)
        if not checked and (refused_with := _refusal(request)):
            return _with_cors(request, refused_with)
        response: HttpResponseBase
        try:
            admitted = admit(request, synchronous, kwargs) if is_asked(get_settings()) else None
            response = _shaped(view(request, *args, **kwargs))
            if admitted is not None:
                response = after(request, admitted, response)
        except (RequestError, Http404) as error:
            response = _told(error)
        return response if checked else _with_cors(request, response)

    return _marked(synchronous)


def guarded_patterns(patterns: Iterable[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """URL patterns whose every view is guarded, included ones too."""
    guarded_ones = list(patterns)
    for pattern in guarded_ones:
        if isinstance(pattern, URLPattern):
            if not getattr(pattern.callback, "headrace_guarded", False):
                pattern.callback = guarded(pattern.callback)
        else:
            guarded_patterns(pattern.url_patterns)
    return guarded_ones


def asked_of(request: HttpRequest) -> Asked:
    """What the guard looks at in this request."""
    path = METRICS_PATH if _is_metrics(request) else request.path_info
    return Asked.of(request.META, method=request.method or "", path=path, scheme=request.scheme or "http")


def _is_metrics(request: HttpRequest) -> bool:
    """Whether this is the view of the figures, under whatever address a site has given it."""
    match = request.resolver_match
    return match is not None and getattr(match.func, "headrace_metrics", False)


def _marked(view: View) -> View:
    marks = cast(Any, view)
    marks.headrace_guarded = True
    marks.csrf_exempt = True  # the guard's Origin and content-type rules stand in for Django's token
    marks.login_required = False  # the guard asks for a login where the site wants one, and answers 401, not a page
    if iscoroutinefunction(view):
        marks._non_atomic_requests = (
            EVERY_DATABASE  # `ATOMIC_REQUESTS` refuses coroutines; no stream holds a transaction
        )
    return view


def _refused(request: HttpRequest, asked: Asked, settings: Settings) -> Refusal | None:
    found = refusal(asked, settings)
    if found is not None and _is_test_client(request):
        return refusal(replace(asked, host="localhost"), settings)
    return found


def _is_test_client(request: HttpRequest) -> bool:
    host = request.META.get("HTTP_HOST", request.META.get("SERVER_NAME"))
    return host == TEST_HOST and TEST_HOST in django_settings.ALLOWED_HOSTS


def _refusal(request: HttpRequest) -> HttpResponse | None:
    asked, settings = asked_of(request), get_settings()
    found = _refused(request, asked, settings)
    if found is None and needs_login(asked, settings, site=site_wants_login()):
        try:
            caller = find_caller(request)
        except RequestError as error:
            return refused(error)
        found = login_refusal(asked, settings, authenticated=_is_known(caller), site=site_wants_login())
    return _answer(request, asked, found)


async def _arefusal(request: HttpRequest) -> HttpResponse | None:
    asked, settings = asked_of(request), get_settings()
    found = _refused(request, asked, settings)
    if found is None and needs_login(asked, settings, site=site_wants_login()):
        try:
            caller = await afind_caller(request)
        except RequestError as error:
            return refused(error)
        found = login_refusal(asked, settings, authenticated=_is_known(caller), site=site_wants_login())
    return _answer(request, asked, found)


def _is_known(caller: Any) -> bool:
    return bool(caller is not None and caller.is_authenticated)


def _is_page(request: HttpRequest) -> bool:
    """Whether a person looks at this in a browser, and there is a page to sign in on."""
    wants_page = request.method == "GET" and "text/html" in request.META.get("HTTP_ACCEPT", "")
    return wants_page and bool(django_settings.is_overridden("LOGIN_URL"))  # type: ignore[misc]


def _answer(request: HttpRequest, asked: Asked, found: Refusal | None) -> HttpResponse | None:
    """The refusal as a response; or the answer to a page's preflight; or None: go on."""
    preflight = asked.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
    if preflight and found is None:
        found = preflight_refusal(asked, get_settings())
    if found is not None and found.status == 401 and _is_page(request):
        return HttpResponseRedirect(f"{django_settings.LOGIN_URL}?{urlencode({'next': request.get_full_path()})}")
    if found is not None:
        return error_response(found.message, found.status, code=found.code, field=found.field)
    setattr(request, _CHECKED, True)
    return HttpResponse(status=204, headers=_preflight(request)) if preflight else None


def _preflight(request: HttpRequest) -> dict[str, str]:
    """What a page that the operator trusts may send: our headers, and those that it asks for, because the SDKs of
    OpenAI and Anthropic add a dozen of their own. What else a page may send decides nothing here."""
    asked = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")[:MAX_ASKED_HEADERS]
    ours = PREFLIGHT["Access-Control-Allow-Headers"]
    known = ours.lower().split(", ")
    more = [name for name in asked.lower().replace(" ", "").split(",") if _TOKEN.fullmatch(name) and name not in known]
    return PREFLIGHT | {"Access-Control-Allow-Headers": ", ".join([ours, *more])}


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if isinstance(response, HttpResponse) and response.status_code not in (204, 304):
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.headers.setdefault("Cache-Control", "no-store")
    return _with_cors(request, response)


def _with_cors(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    origin = request.META.get("HTTP_ORIGIN")
    if origin and is_allowed_origin(asked_of(request), get_settings()):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        patch_vary_headers(cast(HttpResponse, response), ["Origin"])
    return response


def _told(error: RequestError | Http404) -> HttpResponse:
    return refused(error) if isinstance(error, RequestError) else error_response("there is nothing here", 404)


def _shaped(response: HttpResponseBase) -> HttpResponseBase:
    """Django's own 405 in the contract's shape."""
    plain = not response.streaming and not response.headers.get("Content-Type", "").startswith("application/json")
    if response.status_code == 405 and plain:
        allowed = response.headers.get("Allow", "")
        return error_response(f"this address takes {allowed}", 405, headers={"Allow": allowed})
    return response
