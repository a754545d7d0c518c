"""Sketches: quantiles right to their error, merging as good as counting all at once, and no more memory than said."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.stream.sketch import ERROR, LEAST, Sketch

VALUES = st.lists(st.floats(0, 1e7, allow_subnormal=False), max_size=200)
SHARES = st.floats(0, 1)


def exact(values: list[float], share: float) -> float:
    """The value of that rank, the lower of two."""
    return sorted(values)[math.floor(share * (len(values) - 1))]


@given(VALUES.filter(bool), SHARES)
def test_every_quantile_is_right_to_the_error(values: list[float], share: float) -> None:
    found = Sketch(values).quantile(share)
    assert found is not None
    assert found == pytest.approx(exact(values, share), rel=ERROR + 1e-9, abs=LEAST)


@given(VALUES, VALUES)
def test_the_merge_is_the_sketch_of_the_whole(some: list[float], others: list[float]) -> None:
    merged = Sketch(some)
    merged.merge(Sketch(others))
    whole = Sketch(some + others)
    assert merged == whole
    assert merged.total == pytest.approx(whole.total)


@given(VALUES)
def test_encoding_keeps_all_of_it(values: list[float]) -> None:
    sketch = Sketch(values)
    read = Sketch.decode(sketch.encode())
    assert (read, read.total, read.count) == (sketch, sketch.total, len(values))


def test_it_is_bounded() -> None:
    sketch = Sketch(10 ** (n / 1000) for n in range(-6000, 15_000))
    assert len(sketch._buckets) <= 1280
    assert len(sketch.encode()) < 8192


def test_of_nothing_there_is_nothing() -> None:
    assert (Sketch().quantile(0.5), Sketch().mean, Sketch().count) == (None, None, 0)
    gaps = Sketch([10.0])
    gaps.add_nothing(3)
    assert (gaps.quantile(0.5), gaps.count, gaps.mean) == (0.0, 4, 2.5)


@given(VALUES, st.lists(st.floats(1, 1e6), min_size=1, max_size=5).map(sorted))
def test_a_histogram_with_fixed_bounds_grows_and_counts_no_more_than_there_are(
    values: list[float], bounds: list[float]
) -> None:
    counts = Sketch(values).up_to(bounds)
    assert counts == sorted(counts)
    assert counts[-1] <= len(values)
    for bound, count in zip(bounds, counts, strict=True):
        low, high = bound * (1 - 2 * ERROR), bound * (1 + 2 * ERROR)
        assert sum(value <= low for value in values) <= count <= sum(value <= high for value in values)


def test_what_is_no_sketch_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        Sketch.decode(b"\xc1")
