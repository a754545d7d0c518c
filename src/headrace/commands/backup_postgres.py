"""A PostgreSQL database in a backup: PostgreSQL's own `pg_dump` and `pg_restore` do it.

The password goes by environment, never as an argument that others on the machine can read. The database of
`DATABASE_URL` is taken to be Headrace's own: a restore empties it first, into a dump beside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from headrace.commands.terminal import CommandError
from headrace.common.conf import load
from headrace.config.databases import database

INSTALL = (
    "apt-get install postgresql-client. Where it runs elsewhere, in a container perhaps: headrace backup --keys-only "
    "here, and pg_dump --format=custom there"
)
DRIVER = 'pip install "headrace[postgres]"'


def dump(path: Path) -> None:
    """The whole database into a new private file, consistent although servers write."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")


def restore(path: Path) -> None:
    """Fill the database from a dump, all or nothing."""
    plain = path.with_suffix(".sql")
    _run("pg_restore", "--no-owner", "--no-privileges", f"--file={plain}", str(path), connected=False)
    whole = ("--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1")
    _run("psql", *whole, f"--command={_EMPTY}", f"--file={plain}")


def is_filled() -> bool:
    """Whether there are tables."""
    return bool(_asked("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"))


def is_in_use() -> bool:
    """Whether anybody else is connected."""
    return bool(_asked(_OTHERS))


_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_EMPTY = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() LOOP
    EXECUTE 'DROP TABLE ' || name || ' CASCADE';
  END LOOP;
END $$;
"""


def _asked(query: str) -> int:
    try:
        import psycopg
    except ImportError:
        raise CommandError(f"What speaks to PostgreSQL is not installed: {DRIVER}") from None
    given = _settings()
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    known = {theirs: given[ours] for ours, theirs in names.items() if given[ours]}
    try:
        with psycopg.connect(**known, **given["OPTIONS"]) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.Error as error:
        raise CommandError(f"The database of DATABASE_URL does not answer: {error}") from None
    return int(row[0]) if row else 0


def _run(name: str, *arguments: str, connected: bool = True) -> None:
    binary = shutil.which(name)
    if binary is None:
        raise CommandError(f"{name} is not installed, which copies the PostgreSQL database. To have it: {INSTALL}")
    place = [f"--dbname={_connection()}"] if connected else []
    command = [binary, *place, *arguments]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CommandError(f"{name} failed: {said[-1] if said else f'status {done.returncode}'}")


def _settings() -> dict[str, Any]:
    return database(os.environ.get("DATABASE_URL", "").strip(), load().data_dir)


def _connection() -> str:
    """Everything but the password, as libpq reads it."""
    given = _settings()
    parts = {"dbname": given["NAME"], "user": given["USER"], "host": given["HOST"], "port": given["PORT"]}
    parts |= {name: value for name, value in given["OPTIONS"].items() if name != "password"}
    return " ".join(f"{name}={_quoted(value)}" for name, value in parts.items() if value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _environment() -> dict[str, str]:
    given = _settings()
    password = given["PASSWORD"] or given["OPTIONS"].get("password", "")
    return dict(os.environ) | ({"PGPASSWORD": password} if password else {})
