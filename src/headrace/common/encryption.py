"""Secrets at rest: sealed with Fernet under the newest key, opened under any of them. Plain text is never shown.

The keys are `HEADRACE_SECRET_KEYS`, or one in the data folder made at first start. Whoever loses them loses what was
sealed, and nothing else.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from headrace.common.conf import SettingError, get_settings
from headrace.common.keyfile import read_or_make
from headrace.errors import HeadraceError

KEY_FILE = "secret.key"


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
            return _cipher().decrypt(self.token.encode()).decode()
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


def derived_key(purpose: str) -> bytes:
    """A secret of its own for this purpose, from the newest key: the same in all processes that share the keys."""
    return hmac.digest(_keys()[0].encode(), b"headrace " + purpose.encode(), "sha256")


def _cipher() -> MultiFernet:
    return _built(_keys())


def _keys() -> tuple[str, ...]:
    settings = get_settings()
    return settings.secret_keys or (_kept(str(settings.data_dir / KEY_FILE)),)


@lru_cache(maxsize=4)
def _kept(path: str) -> str:
    return read_or_make(Path(path), lambda: Fernet.generate_key().decode("ascii"))


@lru_cache(maxsize=4)
def _built(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise SettingError(
            "HEADRACE_SECRET_KEYS must be Fernet keys: 32 random bytes each, in URL-safe base64. Make one with: "
            'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
        ) from None
