"""The operator's own providers: read from a file, refused with a sentence, and asked like any other row."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.common.abilities import abilities
from headrace.common.conf import SettingError
from headrace.common.registry import all_rows, custom_rows, read_rows, resolve
from headrace.errors import RequestError
from headrace.providers.presets import PRESETS, base_for
from headrace.stream.thinking import STYLES

WHOLE = """
[[providers]]
name = "acme"
title = "Acme"
endpoint = "https://llm.acme.example/v1/chat/completions"
key_variable = "ACME_KEY"
docs_url = "https://docs.acme.example"
quirks = ["no_stream_options"]
think = "magistral"

[[providers]]
name = "box"
like = "ollama"
"""


@pytest.fixture
def file(headrace_settings: Any, tmp_path: Path) -> Path:
    path = tmp_path / "providers.toml"
    path.write_text(WHOLE, "utf-8")
    headrace_settings.HEADRACE = {"PROVIDERS_FILE": str(path)}
    return path


def test_a_row_has_what_the_file_says() -> None:
    acme, box = read_rows(WHOLE).values()
    assert (acme.title, acme.base_url, acme.key_variable) == ("Acme", "https://llm.acme.example/v1", "ACME_KEY")
    assert (acme.quirks, acme.think, acme.adapter.name) == ({"no_stream_options"}, STYLES["magistral"], "openai-chat")
    assert (box.adapter, box.title, box.base_url) == (PRESETS["ollama"].adapter, "box", "")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[[providers]\n", ""),
        ("rows = 1", "rows"),
        ("providers = 3", "providers"),
        ("[[providers]]\ntitle = 'x'", "providers[0].name"),
        ("[[providers]]\nname = 'Not Good'", "providers[0].name"),
        ("[[providers]]\nname = 'openai'", "providers[0].name"),
        ("[[providers]]\nname = 'kimi'", "providers[0].name"),
        ("[[providers]]\nname = 'openai-compatible'", "providers[0].name"),
        ("[[providers]]\nname = 'a'\n[[providers]]\nname = 'a'", "providers[1].name"),
        ("[[providers]]\nname = 'a'\nlike = 'nobody'", "providers[0].like"),
        ("[[providers]]\nname = 'a'\nthink = 'nobody'", "providers[0].think"),
        ("[[providers]]\nname = 'a'\nquirks = ['nobody']", "providers[0].quirks"),
        ("[[providers]]\nname = 'a'\nendpoint = 'llm.example'", "providers[0].endpoint"),
        ("[[providers]]\nname = 'a'\nendpoint = 'https://me:secret@llm.example'", "providers[0].endpoint"),
        ("[[providers]]\nname = 'a'\ndocs_url = 'javascript:alert(1)'", "providers[0].docs_url"),
        ("[[providers]]\nname = 'a'\napi_key = 'sk-secret'", "providers[0].api_key"),
    ],
)
def test_what_is_wrong_is_named(text: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_rows(text)
    assert caught.value.field == field
    assert "secret" not in str(caught.value)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_rows_or_a_sentence(text: str) -> None:
    with suppress(RequestError):
        assert isinstance(read_rows(text), dict)


@pytest.mark.usefixtures("file")
def test_custom_rows_are_resolved_and_listed_and_replace_nothing() -> None:
    assert resolve("ACME") is custom_rows()["acme"]
    assert base_for(resolve("acme")) == "https://llm.acme.example/v1"
    assert resolve("openai") is PRESETS["openai"]
    assert [row.name for row in all_rows()][-2:] == ["acme", "box"]


def test_a_file_that_cannot_be_used_is_a_setting_that_is_wrong(file: Path) -> None:
    other = file.with_name("other.toml")
    other.write_text("[[providers]]\n", "utf-8")
    from django.conf import settings

    settings.HEADRACE = {"PROVIDERS_FILE": str(other)}
    from headrace.common.conf import reset_settings

    reset_settings()
    with pytest.raises(SettingError, match=r"HEADRACE_PROVIDERS_FILE.*providers\[0\]\.name is missing"):
        custom_rows()


def test_a_wrong_file_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text("providers = 3", "utf-8")
    program = "import headrace.config.wsgi"
    environment = {
        "HEADRACE_PROVIDERS_FILE": str(path), "HEADRACE_DATA_DIR": str(tmp_path), "PYTHONPATH": "src",
        "HOME": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode != 0
    assert "HEADRACE_PROVIDERS_FILE" in done.stderr.split("\n")[-2]


@pytest.mark.parametrize("row", PRESETS.values(), ids=lambda row: row.name)
def test_every_row_says_what_its_dialect_has_words_for(row: Any) -> None:
    found = abilities(row)
    assert found["tools"] is not None
    assert found["images"] is not None
