"""Which database, from `DATABASE_URL`; SQLite in the data folder without one. Reads text, connects to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from headrace.common.conf import SettingError
from headrace.common.keyfile import data_folder

SQLITE_WAIT = 20.0
"""Seconds that a writer waits for another: writes take milliseconds, so this is only met where something is stuck."""
POSTGRES_SCHEMES = ("postgres", "postgresql")


def database(url: str, data_dir: Path) -> dict[str, Any]:
    """Django's settings for one database. SettingError names what is wrong with `url`, never the password in it."""
    if not url:
        return _sqlite(data_folder(data_dir) / "headrace.sqlite3")
    scheme = url.partition(":")[0].lower()
    if scheme == "sqlite":
        return _sqlite(_file(url))
    if scheme in POSTGRES_SCHEMES:
        return _postgres(url)
    raise SettingError(
        f"DATABASE_URL begins with {scheme[:20]!r}; it must be postgresql://USER:PASSWORD@HOST:PORT/NAME or "
        "sqlite:////absolute/path"
    )


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": SQLITE_WAIT,
            "transaction_mode": "IMMEDIATE",  # a reader that turns writer in mid-transaction fails at once otherwise
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        "TEST": {"NAME": str(path.with_name(f"test-{path.name}"))},  # a file: threads cannot share one in memory
    }


def _file(url: str) -> Path:
    path = unquote(url.partition(":")[2])
    if not path.startswith("///") or len(path) < 5:
        raise SettingError("DATABASE_URL must be sqlite:////absolute/path or sqlite:///relative/path")
    return Path(path[3:]).absolute()


def _postgres(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.netloc.rpartition("@")[2].removesuffix(f":{port}")  # `hostname` would lower a socket's path
    except ValueError:
        raise SettingError("DATABASE_URL is no address: check its host and port") from None
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise SettingError("DATABASE_URL must end in the name of one database: postgresql://USER:PASSWORD@HOST/NAME")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(host.strip("[]")),
        "PORT": str(port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }
