"""Who may do what: every route × every method × everybody, and that a foreign project looks like one that is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.test import Client

from headrace.common.identity import PERMISSIONS, need_of
from tests.config.asgi_calls import call
from tests.config.routes import METHODS, routes, views
from tests.people.conftest import SELF, People

OURS = "headrace.config.urls"
P = "/api/projects/default/"
POLICY: dict[str, dict[str, str]] = {
    "/": {"*": "known"},
    "/healthz": {"*": "public"},
    "/readyz": {"*": "public"},
    "/metrics": {"*": "scrape"},
    "/static/headrace/home.js": {"*": "public"},
    "/people/": {"*": "known"},
    "/sign/in": {"*": "public"},
    "/sign/out": {"*": "public"},
    "/sign/link": {"*": "public"},
    "/sign/oidc": {"*": "public"},
    "/sign/oidc/callback": {"*": "public"},
    "/api/": {"*": "known"},
    "/api/docs": {"*": "known"},
    "/api/docs/": {"*": "known"},
    "/api/docs/assets/home.js": {"*": "known"},
    "/api/openapi.json": {"*": "known"},
    "/api/doctor/": {"GET": "known", "POST": "known"},
    "/api/doctor/stream/": {"GET": "known"},
    "/api/found/": {"GET": "known"},
    "/api/me/": {"GET": "known"},
    "/api/audit/": {"GET": "operator"},
    "/api/providers/": {"GET": "known"},
    "/api/providers/local/models/": {"POST": "known"},
    "/api/projects/": {"GET": "known", "POST": "operator"},
    P + "models/": {"GET": "read", "POST": "configure"},
    P + "models/local-plain/": {"GET": "read", "PATCH": "configure", "DELETE": "configure"},
    P + "models/local-plain/available/": {"GET": "chat"},
    P + "playground/chat/": {"POST": "chat"},
    P + "playground/chat/stream/": {"POST": "chat"},
    P + "playground/streams/": {"GET": "read"},
    P + "playground/streams/none/": {"GET": "read", "DELETE": "chat"},
    P + "playground/streams/none/wire/": {"GET": "read"},
    P + "members/": {"GET": "manage", "POST": "manage"},
    P + "members/none/": {"PATCH": "manage", "DELETE": "manage"},
    P + "invitations/": {"GET": "manage", "POST": "manage"},
    P + "invitations/none/": {"DELETE": "manage"},
    P + "tokens/": {"GET": "manage", "POST": "manage"},
    P + "tokens/none/": {"DELETE": "manage"},
    P + "audit/": {"GET": "manage"},
    P + "stats/totals/": {"GET": "read"},
    P + "stats/series/": {"GET": "read"},
    P + "stats/percentiles/": {"GET": "read"},
    P + "stats/streams/": {"GET": "read"},
    P + "stats/streams/none/": {"GET": "read"},
    P + "budgets/": {"GET": "read"},
    P + "budgets/tokens/month/": {"PUT": "manage", "DELETE": "manage"},
    "/v1/chat/completions": {"POST": "chat"},
    "/v1/models": {"GET": "read"},
    "/v1/models/home.js": {"GET": "read"},
    "/v1/messages": {"POST": "chat"},
    "/v1/ui-messages": {"POST": "chat"},
    "/api/chat": {"POST": "chat"},
    "/api/tags": {"GET": "read"},
    "/api/version": {"GET": "known"},
}
"""The whole of what Headrace answers, and what each wants. A new route is a new row."""
ALL = {"read", "chat", "configure", "manage"}
MAY: dict[str, set[str]] = {
    "anonymous": {"public"},
    "stranger": {"public", "known"},
    "viewer": {"public", "known", "read"},
    "editor": {"public", "known", "read", "chat", "configure"},
    "owner": {"public", "known"} | ALL,
    "operator": {"public", "known", "operator"} | ALL,
    "reading": {"public", "known", "read"},
    "chatting": {"public", "known", "read", "chat"},
    "configuring": {"public", "known", "configure"},
    "foreign": {"public", "known"},
}
WALK = sorted(POLICY, key=lambda route: route.startswith("/sign/"))
"""Signing out comes last."""
OUTSIDE = ("stranger", "foreign")


def wanted(route: str, method: str) -> str:
    """What the table says; "public" for a method that is not answered."""
    row = POLICY[route]
    return row.get("*") or row.get("GET" if method == "HEAD" else method, "public")


def test_the_table_is_the_url_table() -> None:
    assert set(routes(OURS)) == set(POLICY)


@pytest.mark.parametrize("urlconf", [OURS, "tests.config.included_urls"])
def test_every_view_says_what_it_wants(urlconf: str) -> None:
    silent = [f"{view.pattern}" for view in views(urlconf) if need_of(view.callback, "GET") is None]
    assert silent == []


def expected(who: str, route: str, method: str) -> str:
    """How the answer must begin to be right: `in`, or a status and code that keep one out."""
    need = wanted(route, method)
    if need in MAY[who]:
        return "in"
    if need == "scrape":
        return "401 unauthenticated"  # whoever one is: it takes a token of its own
    if method == "OPTIONS":
        return "in"  # a preflight carries no credentials, and gets nothing
    if who == "anonymous":
        return "in" if POLICY[route].get("*") == "public" else "401 unauthenticated"
    if who == "foreign" and route.startswith(("/v1/", "/api/chat", "/api/tags")):
        return "in"  # a token's own project, where an address names none
    if who in OUTSIDE and need in ALL:
        return "404 project_not_found"
    return "403 forbidden"


def seen(status: int, content: bytes) -> str:
    try:
        answer = json.loads(content)
        code = answer.get("code", "")
    except ValueError:
        code = ""
    return f"{status} {code}" if (status in (401, 403) or code == "project_not_found") else "in"


def check(who: str, method: str, route: str, status: int, content: bytes) -> None:
    assert status < 500, (who, method, route, content)
    want = expected(who, route, method)
    if who == "anonymous" and wanted(route, method) == "public" and POLICY[route].get("*") != "public":
        want = "in" if method == "OPTIONS" else "401 unauthenticated"
    if method == "HEAD":
        assert (status in (401, 403, 404)) or want == "in", (who, method, route, status)
        return
    assert seen(status, content) == want, (who, method, route, status, content[:300])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", list(MAY))
def test_everybody_everywhere(people: People, who: str) -> None:
    client = people.client(who)
    for route in WALK:
        for method in METHODS:
            body = {} if method in ("GET", "HEAD", "OPTIONS") else {"data": "{}", "content_type": "application/json"}
            response = client.generic(method, route, **body)
            check(who, method, route, response.status_code, response.content if not response.streaming else b"")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", ["anonymous", "stranger", "viewer", "editor", "chatting", "foreign"])
async def test_everybody_everywhere_under_asgi(people: People, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.common.timed_events.GAP", 0)
    application = get_asgi_application()
    for route in WALK:
        for method in ("GET", "POST", "DELETE"):
            headers = SELF | people.headers[who]
            body = b"" if method == "GET" else b"{}"
            if body:
                headers |= {"content-type": "application/json", "content-length": "2"}
            answer = await call(application, method, route, headers, [body])
            check(who, method, route, answer.status_code, answer.content)


@pytest.mark.parametrize("who", OUTSIDE)
def test_a_foreign_project_looks_like_one_that_is_not(people: People, who: str) -> None:
    client = people.client(who)
    for route in (route for route in POLICY if route.startswith(P)):
        for method in METHODS:
            body = {} if method in ("GET", "HEAD", "OPTIONS") else {"data": "{}", "content_type": "application/json"}
            foreign = client.generic(method, route, **body)
            missing = client.generic(method, route.replace("/default/", "/nowhere/"), **body)
            assert foreign.status_code == missing.status_code, (method, route)
            assert foreign.content == missing.content.replace(b"nowhere", b"default"), (method, route)
            left = {"Content-Length"}
            assert {k: v for k, v in foreign.items() if k not in left} == {
                k: v for k, v in missing.items() if k not in left
            }


def test_where_nobody_signs_in_there_are_no_people(database: None, headrace_settings: Any) -> None:
    client = Client(headers=SELF)
    for path in (
        "/people/",
        "/sign/in",
        "/sign/link",
        "/sign/oidc",
        P + "members/",
        P + "tokens/",
        P + "audit/",
    ):
        assert client.get(path).status_code == 404, path
    assert client.get("/").status_code == 200
    me = client.get("/api/me/").json()
    assert me == {"name": "", "operator": True, "projects": {"default": list(PERMISSIONS)}}


def test_a_route_that_says_nothing_is_answered_to_nobody(people: People) -> None:
    from django.test import RequestFactory

    from headrace.common.guard import guarded
    from headrace.common.http import json_response

    view = guarded(lambda request: json_response({}))
    request = RequestFactory().get("/", headers=SELF | people.headers["operator"])
    request.user = people.users["operator"]
    assert view(request).status_code == 403
