"""Sessions for the few views that change one. No other request of this server runs a session middleware."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from headrace.common.conf import get_settings
from headrace.errors import RequestError

View = Callable[..., HttpResponseBase]


def with_session(view: View) -> View:
    """`view` with `request.session` and `request.user`; not there where nobody signs in."""

    @wraps(view)
    def run(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        if get_settings().auth != "required":
            raise RequestError("nobody signs in here (HEADRACE_AUTH is none)", code="not_found", status=404)
        inner = SessionMiddleware(AuthenticationMiddleware(lambda asked: view(asked, **arguments)))
        response = cast(HttpResponseBase, inner(request))
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and request.is_secure():
            cookie["secure"] = True
        return response

    return run


def password_backend() -> str:
    """The dotted path of the backend that a session of ours names: the first that finds users by their key."""
    paths = settings.AUTHENTICATION_BACKENDS
    return next(path for path in paths if hasattr(import_string(path), "get_user"))
