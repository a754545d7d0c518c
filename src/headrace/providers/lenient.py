"""Values of any type, read for the text or the number that they can mean; what means nothing is None."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

MAX_COUNT = 2**53
"""Tokens; more is no count, and JavaScript could not read it."""
MAX_PART_DEPTH = 8
"""Parts hold parts (Mistral's `thinking` does), but not deeper than this."""

_HELD_IN = ("text", "thinking", "reasoning", "summary", "content", "refusal")
_REASONING_PARTS = frozenset({"thinking", "reasoning", "reasoning.text", "reasoning.summary"})


def whole_number(value: Any) -> int | None:
    """An integer, also where it came as text or as a float; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return None


def as_text(value: Any) -> str | None:
    """Text, also where it came as a number, a part or a list of parts; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    if isinstance(value, list | dict):
        return "".join(text for _, text in parts(value)) or None
    return None


def parts(value: Any, *, thinking: bool = False, depth: int = 0) -> Iterator[tuple[bool, str]]:
    """The texts of content parts in their order, each with whether it is reasoning; other parts are passed over."""
    if isinstance(value, str):
        yield thinking, value
    elif depth >= MAX_PART_DEPTH:
        return
    elif isinstance(value, list):
        for item in value:
            yield from parts(item, thinking=thinking, depth=depth + 1)
    elif isinstance(value, dict):
        kind = value.get("type")
        inner = thinking or (isinstance(kind, str) and kind in _REASONING_PARTS)
        held = next((value[name] for name in _HELD_IN if value.get(name)), None)
        yield from parts(held, thinking=inner, depth=depth + 1)


def count_of(value: int | None) -> int:
    """A number of tokens within what can be one."""
    if value is None or value <= 0:
        return 0
    return value if value <= MAX_COUNT else MAX_COUNT


def is_whole(text: str) -> bool:
    """Whether every character of it is one, with no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def mended(text: str) -> str:
    """`text` with halves of surrogate pairs joined where both are there, and replaced where one is not."""
    return text if is_whole(text) else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
