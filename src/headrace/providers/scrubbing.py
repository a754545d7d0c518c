"""Takes keys and control characters out of text that came from elsewhere, before anyone sees it.

Refuses to judge whether a find is harmless: what looks like a part of a key goes, at the price of a word too many.
"""

from __future__ import annotations

import base64
import html
import re
import string
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

import msgspec

MASK = "[key]"
MAX_SHOWN = 500
"""Characters of a provider's message that are shown: its first sentences, never a dumped page."""

_WHOLE_WORD_BELOW = 4
"""Secrets shorter than this occur inside ordinary words: only the whole word is taken."""
_TELLING = 8
"""Characters of a key's beginning that give it away: what a provider shows of a key when it cuts its message."""
_TELLING_MASKED = 3
"""Characters that give it away beside a mask (`sk-…`, `****1234`)."""
_LONGEST_KEY = 256

_KEY_CHARACTERS = string.ascii_letters + string.digits + "-_"
_MASK_RUN = re.compile(r"(?:\*{2,}|\.{3,}|…+|•{2,}|#{3,}|[xX]{4,})[*.…•#xX]*")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` without the secrets, also where they stand encoded, cut short or partly masked."""
    for secret in sorted({secret.strip() for secret in secrets}, key=len, reverse=True):
        if len(secret) >= _WHOLE_WORD_BELOW:
            text = _scrub_one(text, secret)
        elif secret:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return text


def one_line(text: str, limit: int = MAX_SHOWN) -> str:
    """`text` as one printable line of at most `limit` characters."""
    line = _SURROGATE.sub("\ufffd", _UNPRINTABLE.sub(" ", text)).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _scrub_one(text: str, secret: str) -> str:
    for form in _forms(secret):
        text = text.replace(form, MASK)
    if len(secret) > _TELLING:
        text = _without_beginnings(text, secret)
    return _without_masked(text, secret).replace(MASK + MASK, MASK)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    quoted = quote(secret, safe="")
    yield from {quoted, quote_plus(secret), re.sub("%..", lambda hit: hit[0].lower(), quoted)} - {secret}
    raw = secret.encode("utf-8", "replace")
    yield from {msgspec.json.encode(raw.decode())[1:-1].decode(), html.escape(secret)} - {secret}
    yield from _base64_cores(raw)


def _base64_cores(raw: bytes) -> Iterator[str]:
    """The characters that stand for `raw` in any base64 text that holds it, for each of the three alignments."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode()
        core = encoded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        if len(core) >= _TELLING:
            yield from {core, core.translate({ord("+"): "-", ord("/"): "_"})}


def _without_beginnings(text: str, secret: str) -> str:
    head = secret[:_TELLING]
    kept: list[str] = []
    at = 0
    while (found := text.find(head, at)) >= 0:
        kept += text[at:found], MASK
        at = found + len(head)
        while text[at : at + 1] == secret[at - found : at - found + 1] != "":
            at += 1
    return "".join([*kept, text[at:]]) if kept else text


def _without_masked(text: str, secret: str) -> str:
    kept: list[str] = []
    at = 0
    for run in _MASK_RUN.finditer(text):
        before = text[max(at, run.start() - _LONGEST_KEY) : run.start()]
        head = before[len(before.rstrip(_KEY_CHARACTERS)) :]
        after = text[run.end() : run.end() + _LONGEST_KEY]
        tail = after[: len(after) - len(after.lstrip(_KEY_CHARACTERS))]
        if _tells(head, secret.startswith) or _tells(tail, secret.endswith):
            kept += text[at : run.start() - len(head)], MASK
            at = run.end() + len(tail)
    return "".join([*kept, text[at:]]) if kept else text


def _tells(part: str, is_end_of: Callable[[str], bool]) -> bool:
    return len(part) >= _TELLING_MASKED and is_end_of(part)
