"""A secret made at first start and kept in a file that only its owner reads. It never replaces what is there."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def data_folder(path: Path) -> Path:
    """The folder at `path`, made for its owner alone if it is not there yet."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return path


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file at `path`; made by `make` if there is none. Processes that start at once agree on one."""
    if not path.exists():
        _publish(path, make())
    secret = path.read_text("utf-8").strip()
    if not secret:
        raise ValueError(f"{path} is empty: restore it, or delete it to begin anew (stored API keys are then lost)")
    if stat.S_IMODE(path.stat().st_mode) & ~PRIVATE_FILE:
        path.chmod(PRIVATE_FILE)
    return secret


def replace(path: Path, secret: str) -> None:
    """Put another secret in the place of the file's, whole or not at all."""
    _written(path, secret).replace(path)


def give_to_owner(path: Path) -> None:
    """What root makes in a service's folder belongs to the service, or it could not read it. For others, nothing."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _publish(path: Path, secret: str) -> None:
    """Whole or not at all, and first come first served: a hard link fails where a file already is."""
    name = _written(path, secret)
    try:
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        name.unlink()


def _written(path: Path, secret: str) -> Path:
    """A file beside `path`, for its owner alone, with the secret safely on the disk."""
    folder = data_folder(path.parent)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        give_to_owner(Path(name))
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)
