"""Secrets at rest: sealed with Fernet under the newest key, opened under any of them. Plain text is never shown.

The keys are `HEADRACE_SECRET_KEYS`, or one in the data folder made at first start. Whoever loses them loses what was
sealed, and nothing else.
"""

from __future__ import annotations

import hmac
import time
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from headrace.common.conf import SettingError, get_settings
from headrace.common.keyfile import read_or_make
from headrace.errors import HeadraceError

KEY_FILE = "secret.key"
KEYS_SECONDS = 2.0
"""How long a process may go on sealing under a key that has been followed by another."""
_files: dict[Path, tuple[tuple[str, ...], float]] = {}


class SealError(HeadraceError):
    """A sealed text cannot be opened: it was sealed under a key that is gone, or was tampered with."""


class Sealed:
    """A secret as it lies in the database. Only `reveal` shows it; `repr`, `str` and pickles do not."""

    __slots__ = ("token",)

    def __init__(self, token: str = "") -> None:
        self.token = token

    @classmethod
    def of(cls, text: str) -> Sealed:
        """`text` sealed; an empty one stays empty."""
        return cls(_cipher().encrypt(text.encode()).decode("ascii") if text else "")

    def reveal(self) -> str:
        """The plain text. SealError if no key opens it."""
        if not self.token:
            return ""
        try:
            return _opened(self.token)
        except InvalidToken:
            raise SealError(
                "a stored key was sealed under another secret key: enter it again, or restore HEADRACE_SECRET_KEYS "
                f"or {KEY_FILE} in the data folder"
            ) from None

    def resealed(self) -> Sealed:
        """The same secret under the newest key."""
        return Sealed.of(self.reveal())

    def __bool__(self) -> bool:
        return bool(self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        return "<sealed>" if self.token else "<empty>"


def is_newest(token: str) -> bool:
    """Whether this was sealed under the newest key."""
    try:
        Fernet(_keys()[0]).decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def derived_key(purpose: str) -> bytes:
    """A secret of its own for this purpose, from the oldest key: it stays the same while keys rotate."""
    return derived_from(_keys()[-1], purpose)


def derived_from(key: str, purpose: str) -> bytes:
    return hmac.digest(key.encode(), b"headrace " + purpose.encode(), "sha256")


def _opened(token: str) -> str:
    try:
        return _cipher().decrypt(token.encode()).decode()
    except InvalidToken:
        settings = get_settings()
        if settings.secret_keys:
            raise
        _kept(settings.data_dir / KEY_FILE, anew=True)  # sealed a moment ago, by a process that has a newer key
        return _cipher().decrypt(token.encode()).decode()


def _cipher() -> MultiFernet:
    return _built(_keys())


def _keys() -> tuple[str, ...]:
    settings = get_settings()
    return settings.secret_keys or _kept(settings.data_dir / KEY_FILE)


def new_key() -> str:
    return Fernet.generate_key().decode("ascii")


def _kept(path: Path, *, anew: bool = False) -> tuple[str, ...]:
    """The keys of the file, one a line, the newest first; read again every few seconds, since they may rotate."""
    now = time.monotonic()
    found = _files.get(path)
    if anew or found is None or now >= found[1]:
        found = _files[path] = (tuple(read_or_make(path, new_key).split()), now + KEYS_SECONDS)
    return found[0]


@lru_cache(maxsize=4)
def _built(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise SettingError(
            "HEADRACE_SECRET_KEYS must be Fernet keys: 32 random bytes each, in URL-safe base64. Make one with: "
            'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
        ) from None
