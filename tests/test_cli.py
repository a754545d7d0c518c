"""What the `headrace` command decides and shows: which model is asked, whose key goes where, the screen."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import cli
from headrace.backends.localmodel import DEFAULT_LOCAL_MODEL, LOCAL_MODELS
from headrace.commands.chat import Screen, figures
from headrace.commands.choice import KEY_VARIABLE, choose
from headrace.commands.discovery import FoundServer, Place, found_servers
from headrace.commands.terminal import CommandError
from headrace.providers.presets import PRESETS
from headrace.providers.usual import USUAL_MODELS
from headrace.stream.events import Finish, Timing, Usage

OLLAMA = FoundServer("ollama", "http://127.0.0.1:11434", ("qwen3:8b", "gemma3"))
KEYS = {row.key_variable: f"key-in-{row.key_variable}" for row in PRESETS.values() if row.key_variable}


def nowhere() -> list[FoundServer]:
    return []


def here() -> list[FoundServer]:
    return [OLLAMA]


def test_a_model_of_this_machine_comes_first_then_a_key_then_the_one_that_comes_along() -> None:
    assert choose("", "", "", KEYS, here)["modelId"] == "qwen3:8b"
    by_key = choose("", "", "", KEYS, nowhere)
    assert (by_key["providerId"], by_key["apiKey"]) == ("openai", "key-in-OPENAI_API_KEY")
    assert choose("", "", "", {}, nowhere) == {"providerId": "local", "modelId": DEFAULT_LOCAL_MODEL}


@pytest.mark.parametrize("name", LOCAL_MODELS)
def test_the_local_models_are_known_by_name(name: str) -> None:
    assert choose(name, "", "", KEYS, here) == {"providerId": "local", "modelId": name}


def test_a_named_model_is_found_where_it_is() -> None:
    assert choose("gemma3", "", "", {}, here)["endpoint"] == OLLAMA.endpoint
    assert choose("", "ollama", "", {}, here)["modelId"] == "qwen3:8b"
    with pytest.raises(CommandError, match="--provider"):
        choose("gpt-4o", "", "", {}, here)
    with pytest.raises(CommandError, match="--model"):
        choose("", "", "https://llm.example.com/v1", {}, nowhere)


@given(
    st.sampled_from(sorted(PRESETS)),
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z]{1,12}\.example", fullmatch=True),
)
def test_a_providers_key_goes_to_nobody_else(name: str, scheme: str, host: str) -> None:
    config = choose("m", name, f"{scheme}://{host}/v1", KEYS, nowhere)
    assert config.get("apiKey", "") == ""
    ours = choose("m", name, f"{scheme}://{host}/v1", KEYS | {KEY_VARIABLE: "mine"}, nowhere)
    assert ours.get("apiKey") == "mine"


@pytest.mark.parametrize("name", [row.name for row in PRESETS.values() if row.base_url.startswith("https")])
def test_a_provider_gets_its_own_key_at_its_own_address(name: str) -> None:
    key = KEYS.get(PRESETS[name].key_variable, "")
    assert choose("m", name, "", KEYS, nowhere)["apiKey"] == key
    assert choose("m", name, PRESETS[name].base_url, KEYS, nowhere)["apiKey"] == key


def test_every_usual_model_belongs_to_a_row_with_a_key() -> None:
    assert all(PRESETS[name].key_variable for name in USUAL_MODELS)


@contextmanager
def listing(answer: bytes) -> Iterator[int]:
    """A server on loopback that answers every GET with this body; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_servers_on_this_machine_are_asked_for_the_models_that_chat() -> None:
    ollama = json.dumps({"models": [{"name": "nomic-embed-text", "size": 1}, {"name": "qwen3:8b"}]}).encode()
    studio = json.dumps({"object": "list", "data": [{"id": "gemma-3"}, {"id": "text-embedding-x"}]}).encode()
    with listing(ollama) as one, listing(studio) as other:
        found = found_servers((Place("ollama", one, "/api/tags"), Place("lmstudio", other, "/v1/models", "/v1")))
    assert [(each.provider, each.models) for each in found] == [("ollama", ("qwen3:8b",)), ("lmstudio", ("gemma-3",))]
    assert found[1].endpoint == f"http://127.0.0.1:{other}/v1"


@pytest.mark.parametrize(
    "answer", [b"", b"hello", b"[]", b'{"models": 3}', b'{"models": []}', b"\xff{", b'{"data": [{}]}']
)
def test_whatever_else_listens_there_is_passed_over(answer: bytes) -> None:
    with listing(answer) as port:
        assert found_servers((Place("ollama", port, "/api/tags"),)) == []
    assert found_servers((Place("ollama", port, "/api/tags"),)) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_answer_and_the_thought_go_their_own_ways() -> None:
    out, aside = io.StringIO(), io.StringIO()
    screen = Screen(out, aside)
    for piece in ("I ", "think"):
        screen.reasoning(piece)
    for piece in ("So ", "be it"):
        screen.answer(piece)
    screen.close()
    assert out.getvalue() == "So be it\n"
    assert aside.getvalue() == "I think\n\n"


@pytest.mark.parametrize(("variables", "dimmed"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_thoughts_are_dimmed_for_a_person_who_wants_colours(variables: dict[str, str], dimmed: bool) -> None:
    aside = Terminal()
    with patch.dict("os.environ", {"TERM": "xterm", "NO_COLOR": ""} | variables):
        Screen(io.StringIO(), aside).reasoning("hm")
    assert ("\x1b[2m" in aside.getvalue()) == dimmed


@given(st.text())
def test_a_models_text_never_steers_the_terminal(text: str) -> None:
    out, aside = Terminal(), Terminal()
    with patch.dict("os.environ", {"NO_COLOR": "1"}):
        screen = Screen(out, aside)
        screen.reasoning(text)
        screen.answer(text)
    shown = out.getvalue() + aside.getvalue()
    assert not [c for c in shown if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160]


@given(st.text())
def test_a_file_gets_the_answer_to_the_letter(text: str) -> None:
    out = io.StringIO(newline="")
    Screen(out, io.StringIO()).answer(text)
    assert out.getvalue() == text


def test_the_figures_are_one_line_and_leave_out_what_is_not_known() -> None:
    known = Finish("length", usage=Usage(1, 20, source="estimated"), timing=Timing(250.0, 900.0, 31.25))
    assert figures("m", known) == "m · first token 0.25 s · 31.2 tokens/s · about 20 tokens · ended by length"
    assert figures("m", Finish()) == "m"


@pytest.mark.parametrize(
    "variables", [{"PORT": "x"}, {"PORT": "70000"}, {"WORKERS": "0"}, {"PORT": "-1"}, {"PORT": "²"}]
)
def test_a_wrong_number_is_a_usage_error_wherever_it_came_from(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve"])
    assert caught.value.code == 2
    assert "is no whole number" in capsys.readouterr().err


def test_an_interrupted_chat_says_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("headrace.commands.chat.run", interrupted)
    assert cli.main(["chat", "Hi"]) == cli.EXIT_INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_a_key_is_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["chat", "--help"])
    assert KEY_VARIABLE in (said := capsys.readouterr().out)
    assert "--key" not in said
    assert "--api-key" not in said
