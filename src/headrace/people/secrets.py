"""Secrets that we hand out: tokens and links. They are shown once, and kept as digests.

A digest without salt or stretching is right for them, and for them only: they have 256 random bits, so nobody guesses.
"""

from __future__ import annotations

import hashlib
import secrets

from headrace.common.identity import TOKEN_PREFIX

SECRET_BYTES = 32
SHOWN = 7
"""Characters of a token that lists show, for people to tell theirs apart: 24 bits of 256."""
MAX_SECRET = 100


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def new_link_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def new_id() -> str:
    """A random id."""
    return secrets.token_hex(8)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
