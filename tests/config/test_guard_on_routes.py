"""The access guard on every route: the server's own, and those that another project includes without our middleware."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import AsyncClient, Client

from headrace.common.conf import load
from tests.config.routes import METHODS, UNSAFE, routes, views

OURS = "headrace.config.urls"
INCLUDED = "tests.config.included_urls"
JSON = "application/json"
SELF = {"host": "localhost:8000"}
HOSTILE_HOSTS = ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "0.0.0.0", "a@localhost", "[::]", "")
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


async def ask(method: str, route: str, headers: dict[str, str], kind: str = JSON, body: str = "{}") -> list[Any]:
    """The answers to one request under ASGI and under WSGI."""
    content = "" if method in ("GET", "HEAD", "OPTIONS") else body
    options: dict[str, Any] = {"data": content, "content_type": kind, "headers": headers}
    return [await AsyncClient().generic(method, route, **options), sync(method, route, options)]


def sync(method: str, route: str, options: dict[str, Any]) -> Any:
    from asgiref.sync import async_to_sync
    from concurrent.futures import ThreadPoolExecutor

    del async_to_sync
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: Client().generic(method, route, **options)).result()
