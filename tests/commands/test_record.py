"""`headrace record` as a person runs it: what it writes is a fixture that the tests would take, without the key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.cli import main
from headrace.commands.record import without_secrets
from headrace.commands.terminal import CommandError
from headrace.testing import Close, ScriptedUpstream, Send, chat_answer, chunk, response, sse, stream_head
from tests.gateway.wired import CALLS, THOUGHT, delta, refusing
from tests.live import KEY
from tests.providers.test_fixtures import MEMBERS

REPEATED = [Send(response(sse(delta(content=f"Your key is {KEY}."), delta("stop"), "[DONE]")))]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_API_KEY", KEY)


def record(folder: Path, upstream: ScriptedUpstream, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit status, and what NAME.json holds then."""
    status = main(["record", f"{upstream.url}/v1", str(folder / "plain"), "--model", "m", *options])
    about = folder / "plain.json"
    found = json.loads(about.read_text("utf-8")) if about.exists() else {}
    assert found.keys() <= MEMBERS
    return status, found


def test_an_answer_with_thoughts(tmp_path: Path, capsys: Any) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        status, found = record(tmp_path, upstream)
    body = (tmp_path / "plain.stream").read_bytes()
    assert status == 0
    assert THOUGHT[0].data.endswith(body)
    assert body.endswith(b"data: [DONE]\n\n")
    assert found == {
        "provider": "openai-compatible", "content": "Hello", "reasoning": "hm ok", "usage": [5, 7, 3, 0],
        "provider_reason": "stop",
    }  # fmt: skip
    assert "Read it" in capsys.readouterr().out


def test_a_name_that_no_row_has_is_said_to_be_read_as_any_endpoint(tmp_path: Path, capsys: Any) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        _, found = record(tmp_path, upstream, "--provider", "not-yet-a-row")
    assert found["provider"] == "openai-compatible"
    assert "read as 'openai-compatible'" in capsys.readouterr().out


def test_a_call_of_a_tool(tmp_path: Path) -> None:
    with ScriptedUpstream(CALLS) as upstream:
        _, found = record(tmp_path, upstream, "--tool")
        assert json.loads(upstream.requests[0].body)["tools"][0]["function"]["name"] == "weather"
    assert (found["calls"], found["reason"]) == ([["call_1", "weather", '{"city":"Oslo"}']], "tool_calls")


def test_an_answer_that_breaks_off_is_one_too(tmp_path: Path) -> None:
    half = [Send(stream_head() + chunk(sse(delta(content="Hel")))), Close()]
    with ScriptedUpstream(half) as upstream:
        status, found = record(tmp_path, upstream)
    assert (status, found["content"], found["code"]) == (0, "Hel", "upstream_truncated")


def test_no_key_is_written(tmp_path: Path, capsys: Any) -> None:
    with ScriptedUpstream(REPEATED) as upstream:
        _, found = record(tmp_path, upstream)
    assert found["content"] == "Your key is [key]."
    assert KEY.encode() not in (tmp_path / "plain.stream").read_bytes() + (tmp_path / "plain.json").read_bytes()
    told = capsys.readouterr()
    assert KEY not in told.out + told.err


def test_bytes_with_checksums_are_not_changed_but_refused() -> None:
    binary = b"\x00\xff\xfe"
    assert without_secrets(binary, (KEY,)) == binary
    with pytest.raises(CommandError, match="repeats the key"):
        without_secrets(binary + KEY.encode(), (KEY,))


def test_a_refusal_is_told_and_nothing_written(tmp_path: Path, capsys: Any) -> None:
    with ScriptedUpstream(refusing("401 Unauthorized", f"bad key {KEY}")) as upstream:
        status, found = record(tmp_path, upstream)
    told = capsys.readouterr().err
    assert (status, found, list(tmp_path.iterdir())) == (1, {}, [])
    assert "bad key [key]" in told


def test_nothing_is_written_over(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "plain.json").write_text("{}")
    with ScriptedUpstream([Send(chat_answer("Hello"))]) as upstream:
        assert record(tmp_path, upstream) == (1, {})
        assert not upstream.requests
    assert "exists already" in capsys.readouterr().err
