"""Alert rules and dashboard: Prometheus takes them, they name only what there is, and they fire when they must."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.backends.metrics import Metrics
from headrace.errors import ERROR_CODES
from tests.programs import program
from tests.tools import needed

prometheus = needed("prometheus_client", 'pip install "headrace[metrics]"')

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "headrace.rules.yml"
DASHBOARD = json.loads((DEPLOY / "grafana" / "headrace.json").read_text())
ALERTS = Path(__file__).with_name("alerts.yml")
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ENDED_WELL = {"stop", "length", "tool_calls", "content_filter", "cancelled"}

_NAMES = re.compile(r"\b(?:headrace|gen_ai_client)_\w+")
_RECORDED = re.compile(r"\bheadrace:\w+:\w+")
_LABELS = re.compile(r"(?:by|without) \(([^)]*)\)|\b(\w+)(?:=~|!~|!=|=)\"")
_UNEQUAL = re.compile(r'outcome!~"([^"]*)"')


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [program("promtool", "prometheus"), *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])
    yield from (each["query"]["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query")


def known() -> tuple[set[str], set[str]]:
    """The names of all samples that there may be, and of all labels."""
    active = Metrics(prometheus.CollectorRegistry())
    names: set[str] = set()
    labels: set[str] = {"le", "job", "instance"}
    for metric in vars(active).values():
        if isinstance(metric, prometheus.metrics.MetricWrapperBase):
            labels |= set(metric._labelnames)
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(metric._type, ("",))
            names |= {metric._name + suffix for suffix in suffixes}
    return names, labels


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", str(RULES))
    promtool("check", "config", str(RULES.with_name("prometheus.yml")))


def test_the_alerts_fire_when_they_must_and_not_before() -> None:
    promtool("test", "rules", str(ALERTS))


def test_every_alert_has_been_seen_to_fire() -> None:
    cases = [case for test in yaml.safe_load(ALERTS.read_text())["tests"] for case in test["alert_rule_test"]]
    tried = {case["alertname"] for case in cases if "exp_alerts" in case}
    assert tried == {rule["alert"] for rule in rules() if "alert" in rule}


def test_every_metric_and_label_that_is_named_exists() -> None:
    names, labels = known()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for expression in expressions():
        assert set(_NAMES.findall(expression)) - labels <= names, expression
        assert set(_RECORDED.findall(expression)) <= recorded, expression
        found = {name.strip() for match in _LABELS.findall(expression) for name in (match[0] or match[1]).split(",")}
        assert found <= labels, expression


def test_every_metric_is_watched() -> None:
    """What nobody looks at need not be counted."""
    names, _ = known()
    watched = {name for expression in expressions() for name in _NAMES.findall(expression)}
    assert {family(name) for name in names} <= {family(name) for name in watched}


def family(name: str) -> str:
    return re.sub(r"_(bucket|sum|count|total)$", "", name)


def test_what_counts_as_failed_is_the_list_of_errors() -> None:
    for expression in expressions():
        for passed in _UNEQUAL.findall(expression):
            assert set(passed.split("|")) == ENDED_WELL
            assert not ENDED_WELL & ERROR_CODES


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_its_place_and_a_source_that_can_be_chosen(panel: dict[str, Any]) -> None:
    assert panel["datasource"]["uid"] == "${datasource}"
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    place = panel["gridPos"]
    assert place["x"] + place["w"] <= 24
    others = [other["gridPos"] for other in DASHBOARD["panels"] if other is not panel]
    assert not any(overlap(place, other) for other in others)


def test_panels_are_told_apart() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )
