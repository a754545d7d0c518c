"""Ways to cut bytes or text, and to run an incremental reader over the pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from hypothesis import strategies as st

S = TypeVar("S", bytes, str)

CUTS = st.lists(st.integers(0, 10_000), max_size=12)


def cut(data: S, points: Iterable[int]) -> list[S]:
    """`data` in pieces, cut at these points (taken modulo its length)."""
    edges = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def every(data: S, size: int) -> list[S]:
    """`data` in pieces of `size`."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def run(reader: Any, pieces: Sequence[Any]) -> list[Any]:
    """All that a reader with `feed` and `close` makes of the pieces."""
    made: list[Any] = []
    for piece in pieces:
        made += reader.feed(piece)
    made += reader.close()
    return made
