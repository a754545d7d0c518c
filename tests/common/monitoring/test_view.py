"""`/metrics` as Prometheus asks it, and what it answers where nothing can be or shall be counted."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.test import Client

from headrace.backends import metrics as counted
from tests.programs import program
from tests.tools import needed

needed("prometheus_client", 'pip install "headrace[metrics]"')

SELF = {"host": "localhost"}
OPENMETRICS = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75"


def get(**headers: str) -> Any:
    return Client(headers=SELF).get("/metrics", headers=headers)


def test_the_figures_are_text_that_is_never_kept(headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"MAX_STREAMS": 77}
    response = get()
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    assert response["Cache-Control"] == "no-store"
    assert "headrace_streams_limit 77.0" in response.content.decode().splitlines()


def test_openmetrics_is_spoken_to_whoever_asks_for_it() -> None:
    response = get(accept=OPENMETRICS)
    assert response["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert response.content.endswith(b"# EOF\n")


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_nothing_is_shown_but_our_own(accept: str) -> None:
    names = {line.split()[2] for line in get(accept=accept).content.decode().splitlines() if line.startswith("# TYPE")}
    assert names
    assert all(name.startswith(("headrace_", "gen_ai_")) for name in names)


def test_prometheus_own_linter_finds_nothing() -> None:
    active = counted.start_metrics()
    assert active is not None
    active.duration.labels("chat", "local", "linted", "").observe(1)
    active.tokens.labels("chat", "local", "linted", "input").observe(1)
    active.finished.labels("local", "linted", "stop").inc(0)
    checked = subprocess.run(
        [program("promtool", "prometheus"), "check", "metrics"], input=get().content, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_other_methods_are_told_so() -> None:
    response = Client(headers=SELF).post("/metrics", "{}", "application/json")
    assert (response.status_code, response["Allow"]) == (405, "GET")
    assert Client(headers=SELF).head("/metrics").status_code == 200


def test_the_operator_may_turn_it_off(headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"METRICS": False}
    response = get()
    assert response.status_code == 404
    assert "HEADRACE_METRICS" in response.json()["error"]


WITHOUT = """
import sys
sys.modules["prometheus_client"] = None
import django
django.setup()
from django.test import Client
from headrace import LLMService
from headrace.testing import FakeModel

print(LLMService(FakeModel(["Hel", "lo"])).chat([{"role": "user", "content": "Hi"}]).content)
response = Client(headers={"host": "localhost"}).get("/metrics")
print(response.status_code, response.json()["code"], response.json()["error"])
"""


def test_without_the_library_chats_go_on_and_the_answer_names_the_extra() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    first, second = done.stdout.splitlines() if done.returncode == 0 else ("", done.stderr)
    assert first == "Hello"
    assert second.startswith("501 unavailable ")
    assert 'pip install "headrace[metrics]"' in second
