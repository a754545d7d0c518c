"""`headrace doctor` as a person runs it: the command, a scripted endpoint, and what is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headrace.cli import main
from headrace.commands.doctor import candidates
from headrace.errors import RequestError
from headrace.testing import Refuse, ScriptedUpstream, Send, Sleep, chat_answer, chunk, response, sse, stream_head
from tests.gateway.wired import HALF, THOUGHT, delta, refusing, usage
from tests.live import KEY, ROOT

MODELS = [Send(response(b'{"data":[{"id":"embed-small"},{"id":"chatty"}]}', content_type="application/json"))]
WORDS = [step for word in ["one", "two", "three"] for step in (Send(chunk(sse(delta(content=word)))), Sleep(0.06))]
SLOW = [
    Send(stream_head()), Send(chunk(b": hello\n\n")), *WORDS,
    Send(chunk(sse(delta("stop"), usage(), "[DONE]")) + chunk(b"")),
]  # fmt: skip


def doctor(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headrace.cli", "doctor", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(tmp_path), "HEADRACE_API_KEY": KEY},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=40,
    )  # fmt: skip


def examined(capsys: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The same in this process, for programs."""
    status = main(["doctor", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_good_endpoint_in_plain_words(tmp_path: Path) -> None:
    with ScriptedUpstream(MODELS, SLOW) as upstream:
        done = doctor(tmp_path, f"{upstream.url}/v1/chat/completions")
        assert json.loads(upstream.requests[1].body)["model"] == "chatty"
        assert {request.headers["authorization"] for request in upstream.requests} == {f"Bearer {KEY}"}
        base = f"{upstream.url}/v1"
    assert (done.returncode, done.stderr) == (0, "")
    assert "It works, and streams." in done.stdout
    assert "3 pieces in 3 reads" in done.stdout
    assert "1 heartbeat" in done.stdout
    model = {"providerId": "openai-compatible", "endpoint": base, "modelId": "chatty"}
    assert json.loads(done.stdout.split("As a model of a request: ")[1]) == model
    assert KEY not in done.stdout


@pytest.mark.parametrize(
    ("scripts", "code"),
    [
        ([refusing("401 Unauthorized", f"bad key {KEY}")], "upstream_auth"),
        ([[Refuse()]], "upstream_unreachable"),
        ([HALF], "upstream_idle_timeout"),
        ([[Send(response(b"<html>login</html>", content_type="text/html"))]], "upstream_not_a_stream"),
        ([[Send(response(b""))]], "upstream_empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_one_says_what_breaks(capsys: Any, monkeypatch: Any, scripts: Any, code: str) -> None:
    monkeypatch.setenv("HEADRACE_API_KEY", KEY)
    with ScriptedUpstream(*scripts) as upstream:
        status, found = examined(capsys, f"{upstream.url}/v1", "--model", "m", "--timeout", "1")
    assert (status, found["usable"], found["error"]["code"]) == (1, False, code)
    assert KEY not in str(found)


def test_what_it_refuses_is_left_out_and_noted(capsys: Any) -> None:
    no = refusing("400 Bad Request", "Unrecognized request argument supplied: stream_options")
    with ScriptedUpstream(no, THOUGHT) as upstream:
        status, found = examined(capsys, f"{upstream.url}/v1", "--model", "m")
        assert b"stream_options" not in upstream.requests[1].body
    assert (status, found["refused"], found["reasoning"]) == (0, ["stream_options"], ["reasoning_content"])
    assert "no_stream_options" in found["providerRow"]


def test_a_bare_address_is_tried_with_v1_and_as_ollama(capsys: Any) -> None:
    lost = refusing("404 Not Found", "no such page")
    with ScriptedUpstream(lost, THOUGHT) as upstream:
        status, found = examined(capsys, upstream.url, "--model", "m")
        assert [each.target for each in upstream.requests] == ["/chat/completions", "/v1/chat/completions"]
        assert (status, found["model"]["endpoint"]) == (0, f"{upstream.url}/v1")
    lines = [Send(chat_answer("a", "b", protocol="ollama-ndjson"))]
    with ScriptedUpstream(lost, lost, lines) as upstream:
        status, found = examined(capsys, upstream.url, "--model", "m")
        assert upstream.requests[2].target == "/api/chat"
    assert (status, found["dialect"], found["model"]["providerId"]) == (0, "ollama", "ollama")


def test_an_answer_that_has_ended_need_not_close(capsys: Any) -> None:
    script = [Send(stream_head() + chunk(sse(delta(content="Hi"), delta("stop"), "[DONE]")))]
    with ScriptedUpstream(script) as upstream:
        status, found = examined(capsys, f"{upstream.url}/v1", "--model", "m", "--timeout", "30")
    assert (status, found["done"], found["error"]) == (0, True, None)


def test_a_key_is_asked_for_without_being_shown(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("HEADRACE_API_KEY", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: KEY)
    with ScriptedUpstream(refusing("401 Unauthorized", "who are you"), THOUGHT) as upstream:
        status, found = examined(capsys, f"{upstream.url}/v1", "--model", "m")
        assert upstream.requests[1].headers["authorization"] == f"Bearer {KEY}"
        assert "authorization" not in upstream.requests[0].headers
    assert status == 0
    assert KEY not in str(found)


def test_addresses_and_rows() -> None:
    assert [(row.name, base) for row, base in candidates("https://api.deepseek.com")] == [
        ("deepseek", "https://api.deepseek.com/v1")
    ]
    assert [base for _, base in candidates("http://127.0.0.1:8000")] == [
        "http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000",
    ]  # fmt: skip
    assert [row.name for row, _ in candidates("http://127.0.0.1:9/api/chat")] == ["ollama"]
    assert [row.name for row, _ in candidates("http://127.0.0.1:9/x", "vllm")] == ["vllm"]
    with pytest.raises(RequestError, match="scheme"):
        candidates("127.0.0.1:8000")


def test_what_is_no_address_or_not_allowed_is_said_in_one_line(tmp_path: Path) -> None:
    done = doctor(tmp_path, "127.0.0.1:8000")
    assert (done.returncode, done.stdout) == (1, "")
    assert "http://127.0.0.1:8000" in done.stderr
    done = doctor(tmp_path, "http://192.168.7.7/v1", "--model", "m")
    assert done.returncode == 1
    assert "egress_refused" in done.stdout
