"""The access guard on every route: the server's own, and those that another project includes without our middleware."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.test import Client, override_settings

from headrace.common.conf import load
from tests.config.asgi_calls import call
from tests.config.routes import METHODS, UNSAFE, routes, views

OURS = "headrace.config.urls"
INCLUDED = "tests.config.included_urls"
JSON = "application/json"
SELF = {"host": "localhost:8000"}
HOSTILE_HOSTS = (
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example:8000",
    "0.0.0.0",
    "a@localhost",
    "[::]",
    "",
)
HOSTILE_PAGES: tuple[dict[str, str], ...] = (
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:8001"},
    {"origin": "http://localhost.evil.example:8000"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "http://localhost:8000", "sec-fetch-site": "cross-site"},
)
HOSTILE_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "")


@pytest.fixture(params=[OURS, INCLUDED])
def table(request: pytest.FixtureRequest, headrace_settings: Any) -> str:
    """A URL table in force: ours with our middleware, or another project's with none of it."""
    headrace_settings.ROOT_URLCONF = request.param
    if request.param == INCLUDED:
        headrace_settings.MIDDLEWARE = []
    return str(request.param)


def options(method: str, headers: dict[str, str], kind: str = JSON, body: str = "{}") -> dict[str, Any]:
    content = "" if method in ("GET", "HEAD", "OPTIONS") else body
    return {"data": content, "content_type": kind, "headers": headers}


async def asgi(application: Any, method: str, route: str, request: dict[str, Any]) -> Any:
    body = request["data"].encode()
    headers = request["headers"] | {"content-length": str(len(body))}
    if request["content_type"]:
        headers["content-type"] = request["content_type"]
    return await call(application, method, route, headers, [body])


def hostile() -> Iterator[tuple[str, dict[str, Any], int, str]]:
    """Method, request, status and code of every way in which a request must not get in."""
    for host in HOSTILE_HOSTS:
        for method in METHODS if host == HOSTILE_HOSTS[0] else ("GET", "POST"):
            yield method, options(method, {"host": host}), 403, "host_refused"
    for method in UNSAFE:
        for page in HOSTILE_PAGES:
            yield method, options(method, SELF | page), 403, "origin_refused"
        for kind in HOSTILE_TYPES:
            yield method, options(method, SELF, kind), 415, "unsupported_media_type"


def check(method: str, route: str, response: Any, status: int, code: str) -> None:
    assert response.status_code == status, (method, route, response.status_code, response.content)
    if method == "HEAD":
        return
    answer = json.loads(response.content)
    assert answer["code"] == code
    assert set(answer) - {"type"} == {"error", "code", "field"}, (
        "beside them only what Anthropic's errors say of themselves"
    )


def test_the_tables_are_walked_whole() -> None:
    ours, included = routes(OURS), routes(INCLUDED)
    for route in (
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/static/headrace/home.js",
        "/api/docs",
        "/api/openapi.json",
        "/api/projects/",
        "/v1/chat/completions",
        "/v1/models",
    ):
        assert route in ours
    assert "/ai/projects/default/playground/chat/stream/" in included
    assert "/openai/v1/chat/completions" in included
    assert len(included) >= 10


@pytest.mark.parametrize("urlconf", [OURS, INCLUDED])
def test_every_view_carries_the_guard(urlconf: str) -> None:
    assert [view for view in views(urlconf) if not getattr(view.callback, "headrace_guarded", False)] == []


def test_nothing_hostile_gets_in_under_wsgi(table: str) -> None:
    for route in routes(table):
        for method, request, status, code in hostile():
            check(method, route, Client().generic(method, route, **request), status, code)


async def test_nothing_hostile_gets_in_under_asgi(table: str) -> None:
    application = get_asgi_application()
    for route in routes(table):
        for method, request, status, code in hostile():
            check(method, route, await asgi(application, method, route, request), status, code)


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nothing", "/api/nothing/"])
def test_addresses_that_are_not_there_are_guarded_too(path: str) -> None:
    check("GET", path, Client().get(path, headers={"host": "evil.example"}), 403, "host_refused")
    check("GET", path, Client().get(path, headers=SELF), 404, "not_found")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "app.localhost:8000", "127.0.0.1:8000", "127.8.9.1", "[::1]:8000"]
)
def test_loopback_gets_in(database: None, host: str) -> None:
    assert Client().get("/api/projects/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"origin": "http://localhost:8000", "sec-fetch-site": "same-origin"}])
def test_programs_and_our_own_page_get_in(database: None, table: str, headers: dict[str, str]) -> None:
    path = "/ai/projects/default/models/" if table == INCLUDED else "/api/projects/default/models/"
    response = Client(enforce_csrf_checks=True).post(path, data="{}", content_type=JSON, headers=SELF | headers)
    assert response.status_code == 400
    assert response.json() == {"error": "name: field required", "code": "bad_request", "field": "name"}


def test_delete_needs_no_body_and_no_type(database: None) -> None:
    response = Client().delete("/api/projects/default/models/local-plain/", headers=SELF)
    assert response.status_code == 204


def test_an_allowed_origin_gets_in_with_cors_and_no_other(database: None, headrace_settings: Any, table: str) -> None:
    headrace_settings.HEADRACE = {"ALLOWED_ORIGINS": ["https://app.example"], "ALLOWED_HOSTS": ["models.example"]}
    path = "/ai/projects/default/models/" if table == INCLUDED else "/api/projects/default/models/"
    foreign = {"host": "models.example", "origin": "https://app.example", "sec-fetch-site": "cross-site"}
    response = Client().post(path, data="{}", content_type=JSON, headers=foreign)
    assert response.status_code == 400
    assert response["Access-Control-Allow-Origin"] == "https://app.example"
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-stainless-lang, x-api-key, no name",
    }
    preflight = Client().options(path, headers=foreign | asked)
    assert preflight.status_code == 204
    methods = preflight["Access-Control-Allow-Methods"].split(", ")
    assert set(methods) == {"GET", "POST", "PUT", "PATCH", "DELETE"}, "what the addresses of this server take"
    assert preflight["Access-Control-Allow-Credentials"] == "true"
    allowed = {name.strip().lower() for name in preflight["Access-Control-Allow-Headers"].split(",")}
    ours = {"authorization", "content-type", "idempotency-key", "last-event-id"}
    assert allowed == ours | {"x-stainless-lang", "x-api-key", "noname"}, "the SDKs' own headers are asked for"
    assert {"X-Stream-Id", "Retry-After"} <= set(response["Access-Control-Expose-Headers"].split(", "))
    assert "Origin" in response["Vary"]
    for origin in ("https://evil.example", "https://app.example.evil", "http://app.example", "null"):
        ask = foreign | {"origin": origin, "access-control-request-method": "POST"}
        stranger = Client().options(path, headers=ask)
        check("OPTIONS", path, stranger, 403, "origin_refused")
        assert origin in stranger.json()["error"]
        assert "HEADRACE_ALLOWED_ORIGINS" in stranger.json()["error"]
        assert not [name for name in stranger.headers if name.startswith("Access-Control-")]


def test_django_cors_headers_and_ours_agree(database: None, headrace_settings: Any) -> None:
    pytest.importorskip("corsheaders", reason="pip install django-cors-headers")
    from corsheaders.defaults import default_headers

    origin = "https://app.example"
    headrace_settings.HEADRACE = {"ALLOWED_ORIGINS": [origin]}
    headrace_settings.ROOT_URLCONF = INCLUDED
    headrace_settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware"]
    headrace_settings.CORS_ALLOWED_ORIGINS = [origin]
    headrace_settings.CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "last-event-id"]
    path, foreign = "/ai/projects/default/models/", SELF | {"origin": origin, "sec-fetch-site": "cross-site"}
    ask = foreign | {"access-control-request-method": "POST", "access-control-request-headers": "idempotency-key"}
    preflight = Client().options(path, headers=ask)
    assert preflight["Access-Control-Allow-Origin"] == origin
    assert "idempotency-key" in preflight["Access-Control-Allow-Headers"]
    response = Client().post(path, data="{}", content_type=JSON, headers=foreign)
    assert response.status_code == 400
    assert response["Access-Control-Allow-Origin"] == origin
    assert "X-Stream-Id" in response["Access-Control-Expose-Headers"]


def is_public(route: str) -> bool:
    """Whether anybody may have it: health, the pages on which people sign in, and the files of pages."""
    return route in ("/healthz", "/readyz") or route.startswith(("/sign/", "/static/headrace/"))


class TestWhereEverybodyLogsIn:
    @pytest.fixture(autouse=True)
    def _required(self, headrace_settings: Any) -> None:
        headrace_settings.HEADRACE = {"AUTH": "required", "METRICS_TOKEN": "scrape"}

    @pytest.mark.parametrize("public", ["/healthz", "/readyz"])
    def test_health_is_public(self, database: None, public: str) -> None:
        assert Client().get(public, headers=SELF).status_code == 200

    @pytest.mark.parametrize("public", ["/healthz", "/readyz"])
    def test_a_probe_asks_by_address(self, database: None, public: str) -> None:
        probe = {"host": "10.244.0.17:8000"}
        assert Client().get(public, headers=probe).status_code == 200
        assert Client().post(public, headers=probe).status_code == 403

    def test_nothing_else_is(self, table: str) -> None:
        for route in routes(table):
            if is_public(route):
                continue
            for method in METHODS:
                if method != "OPTIONS":
                    response = Client().generic(method, route, **options(method, SELF))
                    check(method, route, response, 401, "unauthenticated")

    async def test_nothing_else_is_under_asgi(self, table: str) -> None:
        application = get_asgi_application()
        for route in routes(table):
            if not is_public(route):
                check("GET", route, await call(application, "GET", route, SELF), 401, "unauthenticated")

    @pytest.mark.parametrize(("urlconf", "path"), [(OURS, "/metrics"), (INCLUDED, "/watch/figures")])
    def test_metrics_take_the_token_only(self, urlconf: str, path: str) -> None:
        with override_settings(ROOT_URLCONF=urlconf, **({"MIDDLEWARE": []} if urlconf == INCLUDED else {})):
            for token, status in (("", 401), ("Bearer wrong", 401), ("Basic scrape", 401), ("Bearer scrape", 200)):
                headers = SELF | ({"authorization": token} if token else {})
                assert Client().get(path, headers=headers).status_code == status

    def test_metrics_are_shut_without_a_token(self, headrace_settings: Any) -> None:
        headrace_settings.HEADRACE = {"AUTH": "required"}
        response = Client().get("/metrics", headers=SELF | {"authorization": "Bearer "})
        check("GET", "/metrics", response, 401, "unauthenticated")
        assert "HEADRACE_METRICS_TOKEN" in response.json()["error"]


def test_the_guard_names_what_would_let_one_in() -> None:
    response = Client().get("/", headers={"host": "models.example:8000"})
    assert "HEADRACE_ALLOWED_HOSTS=models.example" in response.json()["error"]
    load({}, {"HEADRACE_ALLOWED_HOSTS": "models.example"})
    response = Client().post("/", headers=SELF | {"origin": "https://app.example"}, data="{}", content_type=JSON)
    assert "https://app.example" in response.json()["error"]
    assert "HEADRACE_ALLOWED_ORIGINS=https://app.example" in response.json()["error"]
