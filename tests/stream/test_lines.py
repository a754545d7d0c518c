"""Lines: the same at every cut, in linear time, within their bound."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import FramingError
from headrace.stream.lines import BOM, LineSplitter
from tests.stream.cutting import CUTS, cut, every

BODIES = st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\r\n", BOM, "\u2028\x85".encode()]), max_size=20).map(
    b"".join
)


def lines_of(splitter: LineSplitter, pieces: list[bytes]) -> list[bytes]:
    lines: list[bytes] = []
    for piece in pieces:
        lines += splitter.feed(piece)
    return [*lines, splitter.close()]


@given(BODIES, CUTS)
def test_universal_line_ends_at_every_cut(body: bytes, points: list[int]) -> None:
    expected = re.split(rb"\r\n|\n|\r", body.removeprefix(BOM))
    assert lines_of(LineSplitter(), cut(body, points)) == expected
    assert lines_of(LineSplitter(), every(body, 1)) == expected


@given(BODIES, CUTS)
def test_only_line_feeds_where_asked(body: bytes, points: list[int]) -> None:
    splitter = LineSplitter(universal=False)
    assert lines_of(splitter, cut(body, points)) == body.removeprefix(BOM).split(b"\n")


def test_a_carriage_return_ends_its_line_at_once() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\r") == [b"one"]
    assert splitter.feed(b"\ntwo\r\r") == [b"two", b""]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), CUTS)
def test_what_came_before_a_long_line_is_returned_and_then_the_fault(lengths: list[int], points: list[int]) -> None:
    body = b"".join(b"x" * length + b"\n" for length in lengths)
    splitter = LineSplitter(limit=6)
    lines: list[bytes] = []
    failed = False
    try:
        for piece in cut(body, points):
            lines += splitter.feed(piece)
        splitter.close()
    except FramingError as error:
        failed = error.code == "upstream_limit"
    too_long = next((n for n, length in enumerate(lengths) if length > 6), None)
    assert failed == (too_long is not None)
    assert list(map(len, lines)) == lengths[:too_long]


def test_a_line_that_came_byte_by_byte_takes_linear_time() -> None:
    splitter = LineSplitter()
    for _ in range(1 << 20):
        splitter.feed(b"x")
    assert len(splitter.feed(b"\n")[0]) == 1 << 20


def test_it_stays_failed() -> None:
    splitter = LineSplitter(limit=2)
    with pytest.raises(FramingError):
        splitter.feed(b"xxx")
    with pytest.raises(FramingError):
        splitter.feed(b"\n")
    with pytest.raises(FramingError):
        splitter.close()
