"""`headrace backup` and `restore`: what is saved under a writing server comes back whole; nothing is ever lost."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from headrace.commands.backup import DATABASE, DUMP, KEYS
from tests.postgres import Postgres

ROOT = Path(__file__).resolve().parents[1]
ROWS = 2000


def headrace(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "DATABASE_"))}
    env |= {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(data)} | environment
    command = [sys.executable, "-m", "headrace.cli", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=50)


def filled(folder: Path, rows: int = ROWS) -> Path:
    """A data folder as a server leaves it: a database in WAL mode, two keys."""
    folder.mkdir(mode=0o700)
    for name in KEYS:
        (folder / name).write_text(f"key in {name} of {folder.name}\n")
        (folder / name).chmod(0o600)
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
        connection.executemany("INSERT INTO pairs VALUES (?, ?)", [(n, -n) for n in range(rows)])
        connection.commit()
    return folder


def contents(folder: Path) -> tuple[list[tuple[int, int]], list[str]]:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        rows = connection.execute("SELECT a, b FROM pairs ORDER BY rowid").fetchall()
    return rows, [(folder / name).read_text() for name in KEYS]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A backup of a filled folder."""
    target = tmp_path / "saved.tar.gz"
    done = headrace(filled(tmp_path / "first"), "backup", str(target))
    assert done.returncode == 0, done.stderr
    return target


def test_what_was_saved_comes_back_on_another_machine_private(tmp_path: Path, saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    done = headrace(tmp_path / "second", "restore", str(saved))
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "second") == contents(tmp_path / "first")
    for name in (*KEYS, DATABASE):
        assert stat.S_IMODE((tmp_path / "second" / name).stat().st_mode) == 0o600


def test_a_backup_under_a_writer_is_a_state_that_once_was(tmp_path: Path) -> None:
    folder, stop = filled(tmp_path / "busy"), threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(folder / DATABASE, timeout=20)) as connection:
            n = ROWS
            while not stop.is_set():
                with connection:  # both rows or none
                    connection.execute("INSERT INTO pairs VALUES (?, 1)", (n,))
                    connection.execute("INSERT INTO pairs VALUES (?, 2)", (n,))
                n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = headrace(folder, "backup", str(tmp_path / "saved.tar.gz"))
    finally:
        stop.set()
        writer.join()
    assert done.returncode == 0, done.stderr
    assert headrace(tmp_path / "calm", "restore", str(tmp_path / "saved.tar.gz")).returncode == 0
    rows, _ = contents(tmp_path / "calm")
    assert len(rows) >= ROWS
    assert (len(rows) - ROWS) % 2 == 0
    assert rows == contents(folder)[0][: len(rows)]


def test_nothing_is_written_over_unasked_and_what_is_replaced_is_kept(tmp_path: Path, saved: Path) -> None:
    again = headrace(tmp_path / "first", "backup", str(saved))
    assert again.returncode == 1
    assert "there already" in again.stderr
    other = filled(tmp_path / "other", rows=3)
    before = contents(other)
    refused = headrace(other, "restore", str(saved))
    assert refused.returncode == 1
    assert f"headrace restore --replace {saved}" in refused.stderr
    assert contents(other) == before
    done = headrace(other, "restore", "--replace", str(saved))
    assert done.returncode == 0, done.stderr
    assert contents(other) == contents(tmp_path / "first")
    [aside] = other.glob("before-restore-*")
    assert contents(aside) == before


def test_a_database_in_use_is_not_replaced(tmp_path: Path, saved: Path) -> None:
    other = filled(tmp_path / "other", rows=3)
    with closing(sqlite3.connect(other / DATABASE)) as connection:
        connection.execute("SELECT * FROM pairs").fetchall()
        refused = headrace(other, "restore", "--replace", str(saved))
    assert refused.returncode == 1
    assert "in use: stop the server first" in refused.stderr
    assert len(contents(other)[0]) == 3


@pytest.mark.parametrize("damage", ["cut", "noise", "not there", "another archive"])
def test_a_damaged_backup_changes_nothing(tmp_path: Path, saved: Path, damage: str) -> None:
    data = saved.read_bytes()
    saved.unlink()
    if damage == "cut":
        saved.write_bytes(data[: len(data) // 2])
    elif damage == "noise":
        saved.write_bytes(os.urandom(500))
    elif damage == "another archive":
        with tarfile.open(saved, "w:gz") as archive:
            archive.add(__file__, "../../evil.py")
    refused = headrace(tmp_path / "second", "restore", str(saved))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert not list((tmp_path / "second").iterdir())
    assert not (tmp_path / "evil.py").exists()


def test_a_database_server_that_is_away_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    url = "postgresql://user:sesame@127.0.0.1:1/none"
    done = headrace(filled(tmp_path / "first"), "backup", str(tmp_path / "out.tar.gz"), DATABASE_URL=url)
    assert done.returncode == 1
    assert "pg_dump" in done.stderr
    assert "sesame" not in done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_without_postgresqls_tools_the_line_that_brings_them_is_said(tmp_path: Path) -> None:
    url = "postgresql://user:sesame@127.0.0.1:1/none"
    options = {"DATABASE_URL": url, "PATH": str(tmp_path)}
    done = headrace(filled(tmp_path / "first"), "backup", str(tmp_path / "out.tar.gz"), **options)
    assert done.returncode == 1
    assert "apt-get install postgresql-client" in done.stderr
    done = headrace(tmp_path / "first", "backup", "--keys-only", str(tmp_path / "out.tar.gz"), **options)
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        assert set(archive.getnames()) == {"manifest.json", *KEYS}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another")
def test_what_root_brings_back_belongs_to_the_service(tmp_path: Path, saved: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    assert headrace(folder, "restore", str(saved)).returncode == 0
    assert {(path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()} == {(12345, 12345)}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


def test_a_postgresql_database_travels_in_the_same_file(tmp_path: Path, postgres: Postgres) -> None:
    first, second = postgres.url("first"), postgres.url("second")
    postgres.tell("CREATE TABLE pairs (a serial PRIMARY KEY, b text); INSERT INTO pairs (b) VALUES ('x')", "first")
    saved = tmp_path / "saved.tar.gz"
    done = headrace(filled(tmp_path / "first"), "backup", str(saved), DATABASE_URL=first)
    assert done.returncode == 0, done.stderr
    with tarfile.open(saved) as archive:
        assert set(archive.getnames()) == {"manifest.json", *KEYS, DUMP}
    done = headrace(tmp_path / "second", "restore", str(saved), DATABASE_URL=second)
    assert done.returncode == 0, done.stderr
    assert postgres.tell("SELECT a, b FROM pairs", "second") == "1|x"
    assert postgres.tell("INSERT INTO pairs (b) VALUES ('y') RETURNING a", "second").startswith("2")
    postgres.tell("CREATE TABLE newer (c int)", "second")
    refused = headrace(tmp_path / "second", "restore", str(saved), DATABASE_URL=second)
    assert refused.returncode == 1
    assert "restore --replace" in refused.stderr
    done = headrace(tmp_path / "second", "restore", "--replace", str(saved), DATABASE_URL=second)
    assert done.returncode == 0, done.stderr
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert postgres.tell(tables, "second") == "pairs", "what a newer version made must not be in its way"
    assert postgres.tell("SELECT a, b FROM pairs", "second") == "1|x"
    (aside,) = (tmp_path / "second").glob("before-restore-*")
    assert {path.name for path in aside.iterdir()} == {*KEYS, DUMP}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in aside.iterdir())


def test_a_postgresql_database_in_use_or_of_another_kind_is_left_alone(
    tmp_path: Path, postgres: Postgres, saved: Path
) -> None:
    url = postgres.url("busy")
    postgres.tell("CREATE TABLE pairs (a int)", "busy")
    dump = tmp_path / "dump.tar.gz"
    assert headrace(filled(tmp_path / "other"), "backup", str(dump), DATABASE_URL=url).returncode == 0
    with psycopg.connect(postgres.address("busy")):
        refused = headrace(tmp_path / "other", "restore", "--replace", str(dump), DATABASE_URL=url)
    assert "is in use: stop the server first" in refused.stderr
    wrong = headrace(tmp_path / "new", "restore", str(saved), DATABASE_URL=url)
    assert (wrong.returncode, "DATABASE_URL names a PostgreSQL server" in wrong.stderr) == (1, True)
    wrong = headrace(tmp_path / "newer", "restore", str(dump))
    assert (wrong.returncode, "set DATABASE_URL" in wrong.stderr) == (1, True)


def test_nothing_to_back_up_is_said(tmp_path: Path) -> None:
    done = headrace(tmp_path / "empty", "backup", str(tmp_path / "out.tar.gz"))
    assert done.returncode == 1
    assert "HEADRACE_DATA_DIR" in done.stderr
    assert not (tmp_path / "out.tar.gz").exists()
