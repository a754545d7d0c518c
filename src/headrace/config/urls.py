"""The addresses of the server that runs by itself: its page, its health, the API under `/api/`, OpenAI's
under `/v1/`, and those of other people's APIs."""

from __future__ import annotations

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from headrace.common.assets import asset_view, in_folder
from headrace.common.guard import guarded_patterns
from headrace.common.http import error_response
from headrace.common.identity import allows
from headrace.config.health import healthz, readyz
from headrace.config.pages import home
from headrace.people.managing import people_page

_STATIC = Path(__file__).resolve().parents[1] / "static" / "headrace"

urlpatterns = guarded_patterns(
    [
        path("api/", include("headrace.urls")),  # first, because most requests are chats
        path("", allows("known")(home), name="home"),
        path("healthz", allows("public")(healthz), name="healthz"),
        path("readyz", allows("public")(readyz), name="readyz"),
        path("metrics", include("headrace.common.monitoring.urls")),
        path("static/headrace/<path:name>", allows("public")(asset_view(in_folder(_STATIC))), name="static"),
        path("people/", people_page, name="people"),
        path("sign/", include("headrace.people.urls")),
        path("v1/", include("headrace.gateway.urls")),
        path("", include("headrace.faces.urls")),
    ]
)


def bad_request(*_: object, **__: object) -> HttpResponse:
    return error_response("the request is malformed", 400)


def forbidden(*_: object, **__: object) -> HttpResponse:
    return error_response("this is not allowed", 403)


def not_found(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_response(f"there is nothing at {request.path[:100]}", 404)


def broken(*_: object, **__: object) -> HttpResponse:
    return error_response("something went wrong here; the server's log says what", 500)


handler400 = bad_request
handler403 = forbidden
handler404 = not_found
handler500 = broken
