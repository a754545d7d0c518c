"""The examples, run as their reader would run them: each step under ASGI and under WSGI, nothing in them changed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from headrace.testing import Drip, Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.live import MESSAGES, PATIENCE, ROOT, LiveServer, blocks, joined, model_at, payloads

EXAMPLES = ROOT / "examples"
KINDS = ("asgi", "wsgi")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HEAD = Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})))
REST = Send(chunk(sse({"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]}, "[DONE]")))


def server_of(folder: Path, example: Path, kind: str, application: str, ready: str, **environment: str) -> LiveServer:
    command = {
        "asgi": ("uvicorn", application, "--fd", "FD", "--timeout-graceful-shutdown", "2"),
        "wsgi": ("gunicorn", application, "--bind", "fd://FD", "--threads", "8", "--graceful-timeout", "2"),
    }[kind]
    settings = {"DJANGO_SETTINGS_MODULE": "mysite.settings", "DATABASE": str(folder / "db.sqlite3")} | environment
    return LiveServer(*command, data_dir=folder, environment=settings, cwd=example, ready=ready)


def manage(example: Path, folder: Path, *words: str, settings: str = "mysite.settings") -> str:
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "DJANGO_SETTINGS_MODULE": settings,
        "DATABASE": str(folder / "db.sqlite3"),
    }
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=example, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/ask", "/ask-async"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_view(tmp_path: Path, kind: str, path: str) -> None:
    with ScriptedUpstream([Send(chat_answer("<think>p</think>", "Hel", "lo"))]) as upstream:
        model = json.dumps(model_at(f"{upstream.url}/v1"))
        with server_of(tmp_path, EXAMPLES, kind, f"one_view:{kind}", "/", MODEL=model) as server:
            events = payloads(list(blocks(server.get(f"{path}?q=Hi"))))
    assert (joined(events, "reasoning"), joined(events, "content")) == ("p", "Hello")


@pytest.mark.parametrize("kind", KINDS)
def test_the_endpoint_included_without_apps(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES / "include"
    with (
        ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream,
        server_of(tmp_path, example, kind, f"mysite.{kind}:application", "/ai/docs") as server,
    ):
        start = "/ai/projects/default/playground/"
        body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")}
        answer = server.post(f"{start}chat/stream/", body)
        assert joined(payloads(list(blocks(answer))), "content") == "Hello"
        stream = f"{start}streams/{answer.headers['X-Stream-Id']}/"
        again = server.get(stream, headers={"Last-Event-ID": "1"})
        assert joined(payloads(list(blocks(again))), "content") == "lo"
        assert json.load(server.post("/ai/projects/other/playground/chat/stream/", body))["code"] == "project_not_found"
        assert server.get("/ai/projects/").status == 404
        assert "projectId" in json.dumps(json.load(server.get("/ai/openapi.json")))


@pytest.mark.parametrize("kind", KINDS)
def test_the_apps(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES / "with_apps"
    manage(example, tmp_path, "migrate", "-v", "0")
    program = (
        "from django.contrib.auth import get_user_model; from headrace.projects.models import Project;"
        "ada = get_user_model().objects.create_user('ada'); Project.objects.get().members.add(ada);"
        "from django.test import Client; client = Client(); client.force_login(ada);"
        "print(client.cookies['sessionid'].value)"
    )
    session = manage(example, tmp_path, "shell", "-v", "0", "-c", program).strip().splitlines()[-1]
    with (
        ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream,
        server_of(
            tmp_path, example, kind, f"mysite.{kind}:application", "/ai/docs", HEADRACE_EGRESS_ALLOW="http://127.0.0.1"
        ) as server,
    ):
        path = "/ai/projects/default/playground/chat/stream/"
        known = {"Cookie": f"sessionid={session}"}
        stored = model_at(f"{upstream.url}/v1") | {"name": "M"}
        created = json.load(server.post("/ai/projects/default/models/", stored, headers=known))
        body = {"messages": MESSAGES, "model": {"configId": created["configId"]}}
        assert joined(payloads(list(blocks(server.post(path, body, headers=known)))), "content") == "Hello"
        assert server.post(path, body).status == 401


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_tab_loses_nothing_of_a_saved_conversation(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES / "conversation"
    manage(example, tmp_path, "migrate", "-v", "0")
    with ScriptedUpstream([HEAD, Hold()], [Send(chat_answer("And", " more"))]) as upstream:
        model = json.dumps(model_at(f"{upstream.url}/v1"))
        settings = {"MODEL": model, "HEADRACE_KEEPALIVE_SECONDS": "0.2", "HEADRACE_ORPHAN_SECONDS": "1"}
        with server_of(tmp_path, example, kind, f"mysite.{kind}:application", "/7/", **settings) as server:
            tab = blocks(server.post("/7/ask", urlencode({"q": "Hi"}).encode(), headers=FORM))
            assert json.loads(next(tab)[6:])["content"] == "Hel"
            tab.close()
            assert said(server, 2)[1] == {"role": "assistant", "content": "Hel"}, "when nobody came back to read"
            events = payloads(list(blocks(server.post("/7/ask", urlencode({"q": "And?"}).encode(), headers=FORM))))
            assert joined(events, "content") == "And more"
            assert [each["role"] for each in said(server, 4)] == ["user", "assistant", "user", "assistant"]
        asked = json.loads(upstream.requests[1].body)["messages"]
    assert [each["content"] for each in asked] == ["Hi", "Hel", "And?"]


def said(server: LiveServer, count: int) -> Any:
    """The conversation, once it has this many messages."""
    deadline = time.monotonic() + PATIENCE
    while len(found := json.load(server.get("/7/"))["messages"]) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_an_answer_whose_tab_was_closed_is_saved_whole(tmp_path: Path) -> None:
    example = EXAMPLES / "conversation"
    manage(example, tmp_path, "migrate", "-v", "0")
    with ScriptedUpstream([HEAD, Drip(REST.data, size=40, every=0.05)]) as upstream:
        model = json.dumps(model_at(f"{upstream.url}/v1"))
        with server_of(tmp_path, example, "asgi", "mysite.asgi:application", "/7/", MODEL=model) as server:
            tab = blocks(server.post("/7/ask", urlencode({"q": "Hi"}).encode(), headers=FORM))
            assert json.loads(next(tab)[6:])["content"] == "Hel"
            tab.close()
            assert said(server, 2)[1]["content"] == "Hello"


WITH_A_SECOND = {
    "asgi": "from mysite import asgi\nimport headrace\napplication = headrace.draining(asgi.application, seconds=1)",
    "wsgi": "from mysite.wsgi import application\nfrom headrace import drain_on_sigterm\ndrain_on_sigterm(1)",
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_had_come_is_saved_when_the_server_ends(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES / "conversation"
    manage(example, tmp_path, "migrate", "-v", "0")
    (tmp_path / "impatient.py").write_text(WITH_A_SECOND[kind])
    with ScriptedUpstream([HEAD, Hold()]) as upstream:
        model = json.dumps(model_at(f"{upstream.url}/v1"))
        path = os.pathsep.join(map(str, (tmp_path, example, ROOT / "src")))
        with server_of(tmp_path, example, kind, "impatient:application", "/7/", MODEL=model, PYTHONPATH=path) as server:
            arriving = blocks(server.post("/7/ask", urlencode({"q": "Hi"}).encode(), headers=FORM))
            assert json.loads(next(arriving)[6:])["content"] == "Hel"
            server.process.terminate()
            ending = [line for line in arriving if not line.startswith(":")]
            server.process.wait(PATIENCE)
    assert "server_shutdown" in ending[0]
    assert ending[1:] == ["data: [DONE]"]
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as saved:
        assert saved.execute("select content from chat_message where role = 'assistant'").fetchall() == [("Hel",)]


def test_the_existing_project_passes_its_own_tests() -> None:
    example = EXAMPLES / "existing_project"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DJANGO_SETTINGS_MODULE": "company.settings"}
    command = [sys.executable, "manage.py", "test", "--noinput"]
    done = subprocess.run(command, cwd=example, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 6 tests" in done.stderr
    assert "after_stream failed" not in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_existing_project_served(tmp_path: Path, kind: str) -> None:
    example, settings = EXAMPLES / "existing_project", "company.settings"
    manage(example, tmp_path, "migrate", "-v", "0", settings=settings)
    assert "No changes" in manage(example, tmp_path, "makemigrations", "--check", "--dry-run", settings=settings)
    program = (
        "from accounts.models import Person; from projects.models import Project;"
        "ada = Person.objects.create_user('ada@company.example', 'secret');"
        "Project.objects.create(slug='apollo').team.add(ada)"
    )
    manage(example, tmp_path, "shell", "-v", "0", "-c", program, settings=settings)
    prefix = "/intranet" if kind == "asgi" else ""
    with ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream:
        environment = {
            "MODEL": json.dumps(model_at(f"{upstream.url}/v1")),
            "DJANGO_SETTINGS_MODULE": settings,
            "HEADRACE_EGRESS_ALLOW": "http://127.0.0.1",
            "SCRIPT_NAME_FORCED": prefix,
        }
        with server_of(tmp_path, example, kind, f"company.{kind}:application", "/login/", **environment) as server:
            form = urlencode({"email": "ada@company.example", "password": "secret"}).encode()
            cookies = SimpleCookie(
                "; ".join(server.post("/login/", form, headers=FORM).headers.get_all("Set-Cookie") or [])
            )
            known = {"Cookie": f"sessionid={cookies['sessionid'].value}"}
            body = {"messages": MESSAGES, "model": {"providerId": "local"}}
            path = "/ai/projects/apollo/playground/chat/stream/"
            answer = server.post(path, body, headers=known)
            assert answer.headers["X-Company"] == "Example"
            assert joined(payloads(list(blocks(answer))), "content") == "Hello"
            refused = server.post(path, body)
            assert (refused.status, json.load(refused)["code"]) == (401, "unauthenticated")
            deadline = time.monotonic() + PATIENCE
            while not (answers := json.load(server.get("/api/answers", headers=known))):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert answers == [{"stream": answer.headers["X-Stream-Id"], "outcome": "stop", "content": "Hello"}]
            schema = json.load(server.get("/ai/openapi.json", headers=known))
            assert f"{prefix}{path}".replace("apollo", "{projectId}") in schema["paths"]
