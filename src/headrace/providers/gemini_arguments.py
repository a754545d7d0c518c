"""Puts the arguments of a Gemini call together that come as values at JSON paths, texts among them in pieces.
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling

Refuses paths that are none, or that would make lists of a size that no call has.
"""

from __future__ import annotations

import re
from typing import Any

from headrace.errors import FramingError

Step = str | int

MAX_INDEX = 10_000
"""Items of one list: an index beyond it would fill the memory with a few bytes."""
MAX_STEPS = 64
"""Levels of one path; no schema in the wild has half as many."""
MAX_TEXT = 4 * 1024 * 1024
"""Characters of one call's texts: as many as a whole answer may have."""

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,9})\]|\[(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\]")
_ESCAPED = re.compile(r"\\(.)")


class ArgumentsBuilder:
    """One call's arguments. A text that goes on is joined at its end, so time is linear."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}
        self._open: tuple[Step, ...] | None = None
        self._pieces: list[str] = []
        self._room = MAX_TEXT

    def feed(self, path: str, value: Any, *, continues: bool = False) -> None:
        """`value` at `path`; `continues` says that more of this text will come."""
        steps = _steps(path)
        if self._open is not None and self._open != steps:
            self._end_text()
        if not isinstance(value, str):
            _put(self._root, steps, value)
            return
        self._room -= len(value)
        if self._room < 0:
            raise FramingError(f"a call with more than {MAX_TEXT} characters of text", code="upstream_limit")
        self._open = steps
        self._pieces.append(value)
        if not continues:
            self._end_text()

    def update(self, arguments: dict[str, Any]) -> None:
        """Arguments that came whole."""
        self._root.update(arguments)

    def close(self) -> dict[str, Any]:
        self._end_text()
        return self._root

    def _end_text(self) -> None:
        if self._open is not None:
            _put(self._root, self._open, "".join(self._pieces))
        self._open = None
        self._pieces.clear()


def _steps(path: str) -> tuple[Step, ...]:
    path = path.removeprefix("$")
    if not path.startswith((".", "[")):
        path = f".{path}"
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) == MAX_STEPS:
            raise FramingError("a JSON path of an argument that cannot be read")
        at = found.end()
        steps.append(_step(found))
    if not isinstance(steps[0], str):
        raise FramingError("a JSON path of an argument that begins with a number")
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    if found[2] is None:
        return found[1] or _ESCAPED.sub(r"\1", found[3] or found[4] or "")
    index = int(found[2])
    if index > MAX_INDEX:
        raise FramingError(f"a list of more than {MAX_INDEX} items in the arguments of a call", code="upstream_limit")
    return index


def _put(root: dict[str, Any], steps: tuple[Step, ...], value: Any) -> None:
    here: Any = root
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        if isinstance(step, int):
            if not isinstance(here, list):
                raise FramingError("the arguments of a call contradict each other")
            here.extend([None] * (step + 1 - len(here)))
        elif not isinstance(here, dict):
            raise FramingError("the arguments of a call contradict each other")
        if following is None:
            here[step] = value
            return
        known = here[step] if isinstance(step, int) else here.get(step)
        if known is None:
            known = here[step] = [] if isinstance(following, int) else {}
        here = known
