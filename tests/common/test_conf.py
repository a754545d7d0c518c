"""The settings: what wins over what, and what a wrong one says."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.common import conf
from headrace.common.conf import SettingError, Settings, get_settings, load

NAMES = [each.name.upper() for each in fields(Settings)]


def test_defaults_are_the_documented_ones() -> None:
    settings = load({}, {})
    assert settings == Settings()
    assert (settings.auth, settings.local) == ("none", True)
    assert (settings.keepalive_seconds, settings.replay_seconds, settings.orphan_seconds) == (15, 600, 300)
    assert settings.max_body_bytes == 10 * 1024 * 1024
    assert settings.egress_allow == settings.allowed_hosts == settings.allowed_origins == ()


def test_the_shared_journal_is_found_under_the_name_that_every_host_sets() -> None:
    shared = "redis://:sesame@localhost/1"
    assert load({}, {"REDIS_URL": shared}).redis_url == shared
    assert load({}, {"REDIS_URL": shared, "HEADRACE_REDIS_URL": "unix:///run/v.sock"}).redis_url == "unix:///run/v.sock"
    assert load({}, {"REDIS_URL": shared, "HEADRACE_REDIS_URL": "none"}).redis_url == ""
    assert load({"REDIS_URL": shared}, {}).redis_url == shared
    for wrong in ("localhost:6379", "http://:sesame@localhost", "redis://h:sesame"):
        with pytest.raises(SettingError, match="REDIS_URL must be the address") as caught:
            load({}, {"REDIS_URL": wrong})
        assert "sesame" not in str(caught.value)
    assert "sesame" not in repr(load({}, {"REDIS_URL": shared}))


def test_every_field_can_be_set_in_both_ways(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    texts = {
        "AUTH": "required",
        "PROJECT_STREAMS": "10",
        "PROJECT_REQUESTS": "600",
        "PERSON_STREAMS": "5",
        "PERSON_REQUESTS": "60",
        "TOKEN_STREAMS": "4",
        "TOKEN_REQUESTS": "50",
        "MAX_ANSWER": "1000",
        "AUDIT_DAYS": "30",
        "STATS_DAYS": "40",
        "STATS_SUMMARY_DAYS": "400",
        "OIDC_ISSUER": "https://login.example",
        "OIDC_CLIENT_ID": "headrace",
        "OIDC_CLIENT_SECRET": "sesame",
        "OIDC_ALLOW": "example.org",
        "DATA_DIR": str(tmp_path),
        "ALLOWED_HOSTS": "a.example, .b.example",
        "LOG_TEXT": "yes",
        "COMPRESSION": "off",
        "ALLOWED_ORIGINS": "https://App.example",
        "EGRESS_ALLOW": "http://10.0.0.1:8080,llm.internal",
        "SECRET_KEYS": "k1,k2",
        "PROVIDERS_FILE": str(bundle),
        "UPSTREAM_PROXY": "http://proxy.example:3128",
        "CA_BUNDLE": str(bundle),
        "KEEPALIVE_SECONDS": "0",
        "LOG_FORMAT": "json",
        "REPLAY_SECONDS": "1.5",
        "ORPHAN_SECONDS": "2",
        "MAX_BODY_BYTES": "2048",
        "MAX_STREAMS": "7",
        "METRICS": "no",
        "METRICS_TOKEN": "t",
        "DRAIN_SECONDS": "1",
        "STALL_SECONDS": "5",
        "REDIS_URL": "redis://:sesame@localhost:6379/1",
        "WSGI_STREAMS": "3",
        "RESOLVE_PROJECT": "site.ai.resolve_project",
        "AUTHORIZE": "site.ai.authorize",
        "BEFORE_STREAM": "site.ai.before_stream",
        "AFTER_STREAM": "site.ai.after_stream",
    }
    assert sorted(texts) == sorted(NAMES)
    from_environment = load({}, {f"HEADRACE_{name}": text for name, text in texts.items()})
    assert from_environment == load(texts, {})
    assert all(getattr(from_environment, name.lower()) != getattr(Settings(), name.lower()) for name in NAMES)
    assert from_environment.allowed_origins == ("https://app.example:443",)


def test_the_environment_wins() -> None:
    assert load({"MAX_STREAMS": 5}, {"HEADRACE_MAX_STREAMS": "6"}).max_streams == 6
    assert load({"EGRESS_ALLOW": ["x"]}, {"HEADRACE_EGRESS_ALLOW": ""}).egress_allow == ()
    assert load({"MAX_STREAMS": 5}, {"HEADRACE_MAX_STREAMS": ""}).max_streams == 5


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("AUTH", "open", "one of: none, required"),
        ("AUTH", None, "one of: none, required"),
        ("KEEPALIVE_SECONDS", "soon", "seconds from 0 to 3600"),
        ("KEEPALIVE_SECONDS", "nan", "seconds from 0 to 3600"),
        ("KEEPALIVE_SECONDS", -1, "seconds from 0 to 3600"),
        ("KEEPALIVE_SECONDS", True, "seconds from 0 to 3600"),
        ("REPLAY_SECONDS", "inf", "seconds from 0 to 604800"),
        ("MAX_BODY_BYTES", "10MB", "whole number from 1024"),
        ("MAX_BODY_BYTES", 1.5, "whole number from 1024"),
        ("MAX_STREAMS", 0, "whole number from 1"),
        ("LOG_TEXT", "perhaps", "yes or no"),
        ("ALLOWED_HOSTS", "https://a.example", "host names without scheme"),
        ("ALLOWED_HOSTS", ["a.example:80"], "host names without scheme"),
        ("ALLOWED_HOSTS", [5], "list of strings"),
        ("ALLOWED_ORIGINS", "app.example", "such as https://app.example.com"),
        ("ALLOWED_ORIGINS", "null", "such as https://app.example.com"),
        ("CA_BUNDLE", "/there/is/none", "a file that exists"),
        ("UPSTREAM_PROXY", "proxy:3128", "http://proxy.example.com:3128"),
        ("UPSTREAM_PROXY", "openai=ftp://proxy:1", "openai=socks5://127.0.0.1:1080"),
        ("UPSTREAM_PROXY", "openai=http://a:1,openai=http://b:1", "each provider once"),
    ],
)
def test_a_wrong_value_says_what_would_be_right(name: str, value: Any, right: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({name: value}, {})
    assert f"HEADRACE[{name!r}]" in str(caught.value)
    assert right in str(caught.value)
    if isinstance(value, str):
        with pytest.raises(SettingError, match=f"HEADRACE_{name} must be"):
            load({}, {f"HEADRACE_{name}": value})


def test_proxies_go_by_provider() -> None:
    settings = load({}, {"HEADRACE_UPSTREAM_PROXY": "openai=socks5://127.0.0.1:1, groq=none ,http://u:p=q@proxy:2"})
    assert [settings.proxy_of(name) for name in ("openai", "groq", "anthropic")] == [
        "socks5://127.0.0.1:1",
        None,
        "http://u:p=q@proxy:2",
    ]
    assert load({"UPSTREAM_PROXY": {"openai": "http://a:1"}}, {}).proxy_of("groq") is None
    assert load({"UPSTREAM_PROXY": None}, {}).proxy_of("openai") is None


def test_a_secret_is_never_shown() -> None:
    for name in ("SECRET_KEYS", "METRICS_TOKEN"):
        with pytest.raises(SettingError) as caught:
            load({name: {"sesame": 1}}, {})
        assert "sesame" not in str(caught.value)
    with pytest.raises(SettingError) as caught:
        load({}, {"HEADRACE_UPSTREAM_PROXY": "user:sesame@proxy"})
    assert "sesame" not in str(caught.value)
    full = load({"SECRET_KEYS": "sesame", "METRICS_TOKEN": "sesame", "UPSTREAM_PROXY": "http://u:sesame@p:1"}, {})
    assert "sesame" not in repr(full)


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [("AUHT", "AUTH"), ("egress_allow", "EGRESS_ALLOW"), ("KEEP_ALIVE_SECONDS", "KEEPALIVE_SECONDS")],
)
def test_an_unknown_name_is_refused_with_a_guess(unknown: str, meant: str) -> None:
    with pytest.raises(SettingError, match=f"did you mean {meant}"):
        load({unknown: "x"}, {})


def test_a_misspelt_variable_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    load({}, {"HEADRACE_EGRES_ALLOW": "x", "HEADRACE_SOMETHING_OF_YOURS": "y"})
    assert [record.getMessage() for record in caplog.records] == [
        "HEADRACE_EGRES_ALLOW is no setting of Headrace; did you mean EGRESS_ALLOW?"
    ]


def test_every_host_is_only_for_servers_where_people_log_in() -> None:
    with pytest.raises(SettingError, match="HEADRACE_AUTH=required"):
        load({"ALLOWED_HOSTS": ["*"]}, {})
    assert load({"ALLOWED_HOSTS": ["*"], "AUTH": "required"}, {}).allowed_hosts == ("*",)


@given(
    st.sampled_from(NAMES),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())),
)
def test_any_value_gives_settings_or_a_setting_error(name: str, value: Any) -> None:
    with contextlib.suppress(SettingError):
        load({name: value}, {})


def test_django_can_change_them(headrace_settings: Any) -> None:
    assert get_settings().max_streams == Settings().max_streams
    headrace_settings.HEADRACE = {"MAX_STREAMS": 3}
    assert get_settings().max_streams == 3
    headrace_settings.HEADRACE = {"MAX_STREAMZ": 3}
    with pytest.raises(SettingError, match="did you mean MAX_STREAMS"):
        get_settings()
    del headrace_settings.HEADRACE
    assert get_settings().max_streams == Settings().max_streams
    assert get_settings() is get_settings()


def test_scripts_need_no_django_settings(tmp_path: Path) -> None:
    code = "from headrace.common.conf import get_settings; print(get_settings().max_streams)"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(conf.__file__).parents[2]),
        "HEADRACE_MAX_STREAMS": "9",
    }
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (run.stdout.strip(), run.stderr) == ("9", "")
