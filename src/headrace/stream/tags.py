"""Finds tags in text that arrives in pieces. Refuses to know what they mean."""

from __future__ import annotations

import re
from functools import lru_cache

_FLAGS = re.IGNORECASE | re.ASCII
"""ASCII, or the Kelvin sign would be a letter of `<think>`; characters beyond it then match only themselves."""


class Tag:
    """Any one of some spellings, in any letter case. Looking for it takes linear time."""

    __slots__ = ("_first", "_reach", "_torn", "_whole")

    def __init__(self, spellings: tuple[str, ...]) -> None:
        self._whole = re.compile("|".join(map(re.escape, spellings)), _FLAGS)
        self._torn = re.compile(f"(?:{'|'.join(map(_beginnings, spellings))})\\Z", _FLAGS)
        self._reach = max(map(len, spellings)) - 1
        firsts = {spelling[0] for spelling in spellings}
        self._first = firsts.pop() if len(firsts) == 1 and not spellings[0][0].isalpha() else ""

    def match(self, text: str, at: int) -> int:
        """Where the tag at `at` ends; 0 if none is there."""
        found = self._whole.match(text, at)
        return found.end() if found else 0

    def begins(self, text: str, at: int) -> bool:
        """Whether all of `text` from `at` on is the beginning of the tag, and not yet the tag."""
        return self._torn.match(text, at) is not None

    def seek(self, text: str, at: int) -> tuple[int, int]:
        """Where the first tag from `at` on begins and ends.

        The end is 0 where none is whole; the beginning is then that of the longest suffix that can still become one.
        """
        size = len(text)
        if self._first and text.find(self._first, at) < 0:
            return size, 0
        if found := self._whole.search(text, at):
            return found.span()
        torn = self._torn.search(text, max(at, size - self._reach))
        return (torn.start() if torn else size), 0


@lru_cache(maxsize=256)
def tag(*spellings: str) -> Tag:
    """The same `Tag` for the same spellings: compiling one costs more than a short answer."""
    return Tag(spellings)


def _beginnings(spelling: str) -> str:
    """A pattern for every proper beginning of `spelling`, the longest first."""
    rest = ""
    for character in reversed(spelling[1:-1]):
        rest = f"(?:{re.escape(character)}{rest})?"
    return re.escape(spelling[0]) + rest if len(spelling) > 1 else "(?!)"
