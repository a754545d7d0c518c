"""`headrace backup` and `headrace restore`: the database and the keys that open it, as one private file.

A backup is taken while the server runs. A restore never throws away what it replaces. Of a PostgreSQL database its own
tools make the copy (`backup_postgres.py`), which travels in the same file.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from headrace.commands import backup_postgres
from headrace.commands.terminal import CommandError, say
from headrace.commands.version import installed_version
from headrace.common.conf import load
from headrace.common.keyfile import PRIVATE_FILE, PRIVATE_FOLDER, data_folder, give_to_owner

DATABASE = "headrace.sqlite3"
DUMP = "headrace.dump"
KEYS = ("secret.key", "django.key")
MANIFEST = "manifest.json"
FORMAT = 1
MAX_KEY_BYTES = 64 * 1024  # a key file holds one line; more is something else
MAX_DATABASE_BYTES = 1 << 40
SIDE_FILES = ("-wal", "-shm")  # a database that is replaced must not find another one's journal


def back_up(arguments: argparse.Namespace) -> int:
    """Write the archive; an existing file is never written over."""
    folder, target = load().data_dir, Path(arguments.file)
    database = _embedded(folder)
    names = [name for name in KEYS if (folder / name).exists()]
    if database and not names and not database.exists():
        raise CommandError(f"{folder} holds neither a database nor keys yet: nothing to back up (HEADRACE_DATA_DIR).")
    with _new_private_file(target) as path, tarfile.open(path, "w:gz") as archive:
        _add(archive, MANIFEST, json.dumps({"format": FORMAT, "version": installed_version()}).encode())
        for name in names:
            _add(archive, name, (folder / name).read_bytes())
        if not arguments.keys_only:
            with _copied(database) as copy:
                if copy is not None:
                    archive.add(copy, copy.name, filter=_anonymous)
    say(f"Written: {target} ({target.stat().st_size:,} bytes).")
    say("It opens every stored API key: keep it as you keep a key.")
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Bring a backup into the data folder. What is there already is moved aside, and only when asked."""
    folder, source = data_folder(load().data_dir), Path(arguments.file)
    database = _embedded(folder)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as private:
        found = _unpacked(source, Path(private))
        _refuse_other_kind(found, database, source)
        targets = {name: database if name == DATABASE and database else folder / name for name in found if name != DUMP}
        taken = [path for path in targets.values() if path.exists()]
        filled = DUMP in found and backup_postgres.is_filled()
        if (taken or filled) and not arguments.replace:
            there = ", ".join([*map(str, taken), *(["the database of DATABASE_URL"] if filled else [])])
            raise CommandError(f"There already: {there}. Stop the server, then: headrace restore --replace {source}")
        if taken or filled:
            _refuse_in_use(database)
            say(f"What was there is kept in {_moved_aside(folder, taken, dump=filled)}.")
        if DUMP in found:
            backup_postgres.restore(Path(private) / DUMP)
        for name, path in targets.items():
            (Path(private) / name).replace(path)
            give_to_owner(path)
    say(f"Restored into {folder}: {', '.join(found)}. Start the server: it brings an older database up to date.")
    return 0


def _refuse_other_kind(found: list[str], database: Path | None, source: Path) -> None:
    """Keys without their database would be half a restore."""
    if database is None and DATABASE in found:
        raise CommandError(f"{source} holds an embedded database; DATABASE_URL names a PostgreSQL server: unset it.")
    if database is not None and DUMP in found:
        raise CommandError(f"{source} holds a PostgreSQL database: set DATABASE_URL to the one that is to be filled.")


def _embedded(folder: Path) -> Path | None:
    """The SQLite file, or None where a database server is used."""
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        return folder / DATABASE
    return Path(urlsplit(url).path[1:]) if url.startswith("sqlite:") else None


@contextmanager
def _new_private_file(target: Path) -> Iterator[Path]:
    """A file beside the target that becomes it when it is whole; only its owner may read it."""
    if target.exists():
        raise CommandError(f"{target} is there already, and a backup is never written over. Choose another name.")
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    except OSError as error:
        raise CommandError(f"Cannot write {target}: {error.strerror}.") from None
    os.close(descriptor)
    try:
        yield Path(name)
        os.link(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def _copied(database: Path | None) -> Iterator[Path | None]:
    """A whole copy, consistent although the server writes; None where there is no database yet."""
    if database is not None and not database.exists():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="headrace-backup-") as private:
        if database is None:
            copy = Path(private) / DUMP
            backup_postgres.dump(copy)
        else:
            copy = Path(private) / DATABASE
            _copy(database, copy)
        yield copy


def _copy(database: Path, copy: Path) -> None:
    """SQLite's own online backup."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as live, closing(sqlite3.connect(copy)) as to:
        live.backup(to)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), PRIVATE_FILE, int(time.time())
    archive.addfile(info, io.BytesIO(data))


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = PRIVATE_FILE
    return info


def _unpacked(source: Path, folder: Path) -> list[str]:
    """The known members, written into `folder`; nothing else of an archive is touched, whatever its names say."""
    try:
        with tarfile.open(source, "r:gz") as archive:
            manifest = json.loads(_read(archive, MANIFEST, MAX_KEY_BYTES))
            if manifest.get("format") != FORMAT:
                raise CommandError(
                    f"{source} was written by a newer Headrace ({manifest.get('version')}): upgrade first."
                )
            names = [name for name in (*KEYS, DATABASE, DUMP) if name in archive.getnames()]
            for name in names:
                _extract(archive, name, folder / name)
    except FileNotFoundError:
        raise CommandError(f"There is no file {source}.") from None
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError) as error:
        raise CommandError(f"{source} is no backup of Headrace, or it is damaged ({error}).") from None
    if DATABASE in names:
        _check_database(folder / DATABASE, source)
    return names


def _read(archive: tarfile.TarFile, name: str, limit: int) -> bytes:
    member = archive.extractfile(name)
    if member is None:
        raise ValueError(f"{name} is no file")
    return member.read(limit)


def _extract(archive: tarfile.TarFile, name: str, to: Path) -> None:
    member = archive.extractfile(name)
    if member is None:
        raise ValueError(f"{name} is no file")
    left = MAX_DATABASE_BYTES if name in (DATABASE, DUMP) else MAX_KEY_BYTES
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
        while left > 0 and (data := member.read(min(left, 1 << 20))):
            left -= file.write(data)


def _check_database(path: Path, source: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        try:
            [answer] = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            answer = str(error)
    if answer != "ok":
        raise CommandError(f"The database in {source} is damaged ({answer}). Nothing was changed.")


def _refuse_in_use(database: Path | None) -> None:
    """A server that still has the old one open would write into what was moved aside, or be broken by what comes."""
    if database is None:
        if backup_postgres.is_in_use():
            raise CommandError("The database of DATABASE_URL is in use: stop the server first.")
        return
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=0)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise CommandError(f"{database} is in use: stop the server first.") from None


def _moved_aside(folder: Path, taken: list[Path], *, dump: bool) -> Path:
    aside = folder / time.strftime("before-restore-%Y%m%d-%H%M%S")
    aside.mkdir(mode=PRIVATE_FOLDER)
    if dump:
        backup_postgres.dump(aside / DUMP)
    for path in taken:
        for suffix in ("", *SIDE_FILES) if path.suffix == ".sqlite3" else ("",):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(aside / part.name)
    return aside
