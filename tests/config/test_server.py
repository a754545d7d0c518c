"""The server's frame: health, bounds on bodies, its database, its logs, its keys, its error pages."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from headrace.common.conf import SettingError
from headrace.config import asgi, health
from headrace.config.databases import database as database_settings
from headrace.config.logs import LineFormatter
from tests.config.asgi_calls import call

ROOT = Path(__file__).resolve().parents[2]
SELF = {"host": "localhost"}
JSON = {"host": "localhost", "content-type": "application/json"}
MODELS = "/api/projects/default/models/"


def test_health_touches_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    response = Client(headers=SELF).get("/healthz")  # the test has no database: touching it would fail
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_ready_unless_draining(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client(headers=SELF).get("/readyz").json() == {"status": "ready"}
    monkeypatch.setattr(health, "_draining", False)
    health.drain()
    response = Client(headers=SELF).get("/readyz")
    assert (response.status_code, response["Retry-After"]) == (503, "5")


async def test_a_body_of_the_bound_is_read() -> None:
    limit = 2000
    application = asgi.BodyLimit(asgi.StreamHandler(), limit)
    answer = await call(application, "POST", "/nowhere", JSON | {"content-length": str(limit)}, [b" " * 1000] * 2)
    assert answer.status_code == 404


@pytest.mark.parametrize("announced", [True, False])
async def test_a_larger_body_is_refused_at_once(announced: bool) -> None:
    application = asgi.BodyLimit(asgi.StreamHandler(), 2000)
    headers = JSON | ({"content-length": "2001"} if announced else {"transfer-encoding": "chunked"})
    answer = await call(application, "POST", MODELS, headers, [b" " * 1000, b" " * 1000, b" "])
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"
    assert "2000 bytes" in answer.json()["error"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_body_is_bounded_under_wsgi_too(database: None, headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"MAX_BODY_BYTES": 1024}
    response = Client(headers=SELF).post(MODELS, data=" " * 1025, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    headrace_settings.HEADRACE = {}
    headrace_settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = Client(headers=SELF).post(MODELS, data=" " * 101, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_errors_are_json_and_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(headers=SELF, raise_request_exception=False)
    monkeypatch.setattr("headrace.config.pages.BUILT", None)
    response = client.get("/")
    assert response.status_code == 500
    assert response.json()["code"] == "internal"
    assert "NoneType" not in response.content.decode()
    assert client.get("/nowhere").json()["code"] == "not_found"
    wrong = client.put("/api/projects/")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert set(wrong["Allow"].split(", ")) == {"GET", "POST"}


def test_every_answer_carries_the_headers_that_keep_browsers_strict() -> None:
    for path in ("/", "/healthz", "/nowhere", "/api/docs"):
        response = Client(headers=SELF).get(path)
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
        assert response["Content-Length"] == str(len(response.content))


def test_sqlite_is_in_wal_and_waits(database: None) -> None:
    with connection.cursor() as cursor:
        modes = [
            cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "busy_timeout")
        ]
    assert modes == ["wal", 1, 20_000]
    assert {name.split("_")[0] for name in connection.introspection.table_names()} <= {"auth", "django", "headrace"}


def test_without_an_address_the_database_lies_in_the_data_folder(tmp_path: Path) -> None:
    assert database_settings("", tmp_path / "data")["NAME"] == str(tmp_path / "data" / "headrace.sqlite3")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert database_settings("sqlite:////var/x%20y.db", tmp_path)["NAME"] == "/var/x y.db"


def test_a_postgresql_address() -> None:
    found = database_settings("postgres://us%40er:p%2Fw%3A@db.example:5433/name?sslmode=require", Path("/nowhere"))
    assert found == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "name",
        "USER": "us@er",
        "PASSWORD": "p/w:",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }
    assert database_settings("postgresql://%2FRun%2Fpg/name", Path("/x"))["HOST"] == "/Run/pg"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:sesame@h/n",
        "postgresql://u:sesame@h",
        "postgresql://u:sesame@h:port/n",
        "postgresql://u:sesame@h/a/b",
        "sqlite:",
        "sqlite://x/sesame",
        "x",
    ],
)
def test_a_wrong_address_is_said_without_its_password(url: str) -> None:
    with pytest.raises(SettingError, match="DATABASE_URL") as caught:
        database_settings(url, Path("/nowhere"))
    assert "sesame" not in str(caught.value)


TEXT = st.text(max_size=30)


@given(TEXT, st.dictionaries(st.sampled_from(["stream_id", "model", "outcome"]), TEXT | st.integers() | st.none()))
def test_a_log_entry_is_one_line(message: str, extra: dict[str, Any]) -> None:
    record = logging.makeLogRecord({"name": "headrace.x", "levelname": "INFO", "msg": message, **extra})
    shown = {name: value for name, value in extra.items() if value is not None}
    line = LineFormatter("text").format(record)
    assert line.isprintable()
    assert all(f" {name}=" in line for name in shown)
    entry = json.loads(LineFormatter("json").format(record))
    assert entry["message"] == message
    assert {name: entry[name] for name in shown} == shown


def test_a_traceback_follows_its_line() -> None:
    try:
        raise ValueError("broken\nline")  # noqa: TRY301 - what a traceback is made of
    except ValueError:
        record = logging.makeLogRecord({"name": "x", "levelname": "ERROR", "msg": "oh", "exc_info": sys.exc_info()})
    first, *rest = LineFormatter("text").format(record).split("\n")
    assert first.endswith("error x oh")
    assert rest[-2:] == ["    ValueError: broken", "    line"]
    assert "ValueError" in json.loads(LineFormatter("json").format(record))["exception"]


def test_a_fresh_start_makes_its_keys_and_its_tables(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(data)}
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity=0"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    secret = (data / "django.key").read_text().strip()
    assert len(secret) >= 50
    assert stat.S_IMODE((data / "django.key").stat().st_mode) == 0o600
    with sqlite3.connect(data / "headrace.sqlite3") as tables:
        rows = tables.execute(
            "SELECT config_id, provider_id, model_id, sealed_key FROM headrace_llm_modelconfiguration"
        ).fetchall()
    assert rows == [("local-plain", "local", "smollm2", ""), ("local-reasoning", "local", "smollm2-reasoning", "")]
    subprocess.run(command, env=environment, check=True, cwd=tmp_path)
    assert (data / "django.key").read_text().strip() == secret


def test_a_wrong_setting_stops_the_start_in_one_sentence(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "HEADRACE_DATA_DIR": str(tmp_path),
        "HEADRACE_AUTH": "maybe",
    }
    command = [sys.executable, str(ROOT / "manage.py"), "check"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode != 0
    assert run.stderr.strip().splitlines()[-1].endswith("HEADRACE_AUTH must be one of: none, required; it is 'maybe'")


def test_the_migrations_are_complete(database: None) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", "--skip-checks", verbosity=0)


ADMIN = """
from django.conf import settings
from headrace.config import settings as ours
values = {name: getattr(ours, name) for name in dir(ours) if name.isupper()}
values["INSTALLED_APPS"] = [*ours.INSTALLED_APPS, "django.contrib.messages", "django.contrib.admin"]
settings.configure(**values)
import django
django.setup()
from django.contrib import admin
from django.test import RequestFactory
from headrace.llm.models import ModelConfiguration
shown = admin.site.get_model_admin(ModelConfiguration)
assert shown.check() == []
from django.contrib.auth.models import User
request = RequestFactory().get("/")
request.user = User(is_superuser=True)
print(*shown.get_fields(request))
"""


def test_the_admin_of_another_project_shows_no_key(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", ADMIN]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.stderr == ""
    shown = ["project", "config_id", "name", "provider_id", "endpoint", "model_id", "key_origin"]
    assert run.stdout.split() == shown
