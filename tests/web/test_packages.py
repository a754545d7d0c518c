"""What is under `web/`: it is sound by its own checks and tests, and its lock names no registry."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.web.node import BUILD, CLIENT_MODULE, WEB, client_module, missing, node_environment


def npm(*arguments: str) -> str:
    environment = node_environment()
    if not (WEB / "node_modules" / ".installed").exists():
        missing("what web/ is built with", BUILD)
    command = ["npm", "--prefix", str(WEB), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("script", ["check", "test"])
@pytest.mark.timeout(240)
def test_the_typescript_is_sound(script: str) -> None:
    npm("run", script)


def test_the_lock_names_no_registry() -> None:
    text = (WEB / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    resolved = [each["resolved"] for each in packages.values() if "resolved" in each]
    assert [place for place in resolved if not (WEB / place).is_dir()] == []  # the workspaces' own folders
    assert [name for name, each in packages.items() if name.startswith("node_modules/") and not _pinned(each)] == []
    assert not re.search(r"registry|_authToken", (WEB / ".npmrc").read_text("utf-8").replace("lockfile-registry", ""))


def _pinned(package: dict[str, object]) -> bool:
    return "integrity" in package or "link" in package or bool(package.get("inBundle"))


def test_the_client_has_one_dependency() -> None:
    package = json.loads((WEB / "client" / "package.json").read_text("utf-8"))
    assert list(package["dependencies"]) == ["eventsource-parser"]
    assert package["peerDependenciesMeta"] == {"react": {"optional": True}}


def test_the_module_loads_nothing_and_evaluates_nothing() -> None:
    client_module()
    text = CLIENT_MODULE.read_text("utf-8")
    assert not re.search(r"^import |import\(|\beval\(|new Function|innerHTML|https?://", text, re.MULTILINE)
    assert len(text) < 32 * 1024
