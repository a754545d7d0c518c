"""`manage.py check`: each thing that breaks streams is named with the line that mends it; a good site hears nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks

from headrace.common.checks import check_site
from tests.live import ROOT

GOOD = ["django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware"]
KEYS = {"SECRET_KEYS": ["Zm9yIHRoaXMgZXhhbXBsZSBvbmx5LCBubyBzZWNyZXQ="]}


def synchronous(get_response: Any) -> Any:
    return get_response


@pytest.fixture(autouse=True)
def _somebodys_site(headrace_settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    headrace_settings.SETTINGS_MODULE = "mysite.settings"
    headrace_settings.DEBUG = True
    headrace_settings.MIDDLEWARE = GOOD
    headrace_settings.HEADRACE = KEYS
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WEB_CONCURRENCY", "WORKERS", "GUNICORN_CMD_ARGS"):
        monkeypatch.delenv(name, raising=False)


def one() -> CheckMessage:
    (message,) = check_site()
    return message


def test_a_good_site_hears_nothing() -> None:
    assert check_site() == []


@pytest.mark.parametrize(
    ("path", "id"),
    [("django.middleware.gzip.GZipMiddleware", "headrace.W001"), (f"{__name__}.synchronous", "headrace.W002")],
)
def test_middleware_that_stands_in_the_way(settings: Any, path: str, id: str) -> None:
    settings.MIDDLEWARE = [*GOOD, path]
    message = one()
    assert message.id == id
    assert path in message.msg
    assert message.hint


@pytest.mark.parametrize(
    ("name", "value", "warned"),
    [
        ("WEB_CONCURRENCY", "4", True),
        ("WORKERS", "2", True),
        ("GUNICORN_CMD_ARGS", "--bind :80 --workers=3", True),
        ("GUNICORN_CMD_ARGS", "-w 3", True),
        ("GUNICORN_CMD_ARGS", "-w 1 --threads 8", False),
        ("WEB_CONCURRENCY", "1", False),
        ("WEB_CONCURRENCY", "many", False),
    ],
)
def test_workers_without_a_shared_journal(monkeypatch: pytest.MonkeyPatch, name: str, value: str, warned: bool) -> None:
    monkeypatch.setenv(name, value)
    assert [message.id for message in check_site()] == (["headrace.W003"] if warned else [])
    assert not warned or (name in one().msg and "HEADRACE_REDIS_URL=" in (one().hint or ""))


def test_no_secret_key(settings: Any) -> None:
    settings.HEADRACE = {}
    assert one().id == "headrace.W004"
    assert "HEADRACE_SECRET_KEYS=" in (one().hint or "")
    settings.SETTINGS_MODULE = "headrace.config.settings"
    assert check_site() == [], "the server of its own keeps a file, on purpose"


def test_a_proxy_variable_that_is_not_read(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")
    assert one().id == "headrace.W005"
    assert "HEADRACE_UPSTREAM_PROXY=" in (one().hint or "")
    assert "hunter2" not in one().msg
    settings.HEADRACE = KEYS | {"UPSTREAM_PROXY": "http://proxy.example:3128"}
    assert check_site() == []


def test_a_site_that_is_open_to_everybody(settings: Any) -> None:
    settings.DEBUG = False
    assert one().id == "headrace.W006"
    settings.HEADRACE = KEYS | {"AUTH": "required"}
    assert check_site() == []
    settings.HEADRACE = KEYS | {"RESOLVE_PROJECT": f"{__name__}.synchronous"}
    assert check_site() == []


def test_what_cors_headers_must_let_through(settings: Any) -> None:
    pytest.importorskip("corsheaders", reason="pip install django-cors-headers")
    settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware", *GOOD]
    assert check_site() == []
    settings.HEADRACE = KEYS | {"ALLOWED_ORIGINS": ["https://app.example"]}
    assert one().id == "headrace.W007"
    assert "'idempotency-key', 'last-event-id'" in (one().hint or "")
    settings.CORS_ALLOW_HEADERS = ["authorization", "content-type", "Idempotency-Key", "Last-Event-ID"]
    assert check_site() == []


@pytest.mark.parametrize("value", [{"AUTHORIZE": "no.such.thing"}, {"NO_SUCH": 1}, {"AUTH": "maybe"}])
def test_a_wrong_setting_is_an_error(settings: Any, value: dict[str, Any]) -> None:
    settings.HEADRACE = value
    assert one().id == "headrace.E001"


def test_they_run_once_where_our_apps_are_installed(settings: Any) -> None:
    settings.HEADRACE = {}
    assert [message.id for message in run_checks() if (message.id or "").startswith("headrace.")] == ["headrace.W004"]


def test_they_run_where_only_our_addresses_are(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "WEB_CONCURRENCY": "3", "HEADRACE_AUTH": "required"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT / "examples" / "include",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert said.count("headrace.W003") == 1
    assert said.count("headrace.E002") == 1
    assert done.returncode == 1
