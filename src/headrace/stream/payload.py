"""JSON from providers, read twice: typed and fast first, and what that refuses once more, leniently.

Seen in the wild and accepted: invalid UTF-8 (replaced), raw control characters, lone surrogates (replaced), NaN and
Infinity (null), numbers that nothing can hold (null). Broken syntax is refused, never guessed at.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from headrace.errors import FramingError

T = TypeVar("T")

_ESCAPE = re.compile(
    r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_STRICT_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read(decoder: msgspec.json.Decoder[T], data: bytes, rebuild: Callable[[Any], T]) -> T:
    """The message in `data`, by `decoder`; where it refuses, `rebuild(plain)` of the leniently decoded objects.

    `rebuild` checks types by hand and raises FramingError for what is no message at all. Raises FramingError
    (upstream_protocol) where `data` is no JSON.
    """
    try:
        return decoder.decode(data)
    except _STRICT_ERRORS:
        return rebuild(decode_json(data))


def decode_json(data: bytes, *, halves: bool = False) -> Any:
    """Plain objects, leniently. Raises FramingError (upstream_protocol) and nothing else.

    With `halves`, half a surrogate pair at the very end or start of a string is kept, for `SurrogateJoiner`: the
    other half may be in the next delta. Such a string cannot be encoded, so every one must go through a joiner.
    """
    try:
        return _STRICT.decode(data)
    except _STRICT_ERRORS:
        return _decode_leniently(data, halves=halves)


def is_whole(data: bytes) -> bool:
    """Whether this is one complete message: `[DONE]`, or an object or array. A bare number or word may be torn."""
    data = data.strip()
    if not data.startswith((b"{", b"[")):
        return False
    try:
        decode_json(data)
    except FramingError:
        return data == b"[DONE]"
    return True


class SurrogateJoiner:
    """Joins the halves of a surrogate pair that were split over two deltas; a half without its other is U+FFFD."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """`text`, with a half held back at its end and one from before put in front: always encodable."""
        if not self._held and not _SURROGATES.search(text):
            return text
        text = self._held + text
        self._held = ""
        if _HIGH.match(text[-1:]):
            self._held = text[-1]
            text = text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def close(self) -> str:
        """What was held back, as U+FFFD."""
        held, self._held = self._held, ""
        return "\ufffd" if held else ""


def _decode_leniently(data: bytes, *, halves: bool) -> Any:
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    if "\\u" in text:
        text = _ESCAPE.sub(_kept_half if halves else _no_half, text)
    try:
        return _LENIENT.decode(text)
    except (ValueError, RecursionError) as error:
        # The text itself is not shown: it may be an answer, and messages reach logs.
        raise FramingError(f"a message of {len(data)} bytes is not valid JSON") from error


def _no_half(escape: re.Match[str]) -> str:
    return r"\ufffd" if escape[2] else escape[0]


def _kept_half(escape: re.Match[str]) -> str:
    if not escape[2]:
        return escape[0]
    text, start, end = escape.string, escape.start(), escape.end()
    at_end = escape[2][2] in "89abAB" and text[end : end + 1] == '"'
    at_start = escape[2][2] not in "89abAB" and text[start - 1 : start] == '"' and text[start - 2 : start - 1] != "\\"
    return escape[0] if at_end or at_start else r"\ufffd"


def _float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _integer(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:  # some thousands of digits
        return None


def _constant(_: str) -> None:
    """NaN and the infinities are no values."""


_STRICT: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_LENIENT = json.JSONDecoder(strict=False, parse_float=_float, parse_int=_integer, parse_constant=_constant)
_SURROGATES = re.compile("[\ud800-\udfff]")
_HIGH = re.compile("[\ud800-\udbff]")
