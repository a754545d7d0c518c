"""A distribution in bounded memory: every quantile is right to 1 %, and the merge of two is the sketch of the whole.

Values fall into buckets whose bounds grow by 2 % (the idea of DDSketch, Masson, Rim and Lee, VLDB 2019). It counts; it
keeps no value but the least and the greatest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import exp, floor, log

import msgspec

GROWTH = 1.02
ERROR = (GROWTH - 1) / (GROWTH + 1)
"""The greatest relative error of a quantile: 0.99 %."""
LEAST = 0.01
"""Whatever is smaller counts as nothing: of milliseconds, what no clock of ours tells apart."""
GREATEST = 1e9
"""Whatever is greater counts as this: with it there are at most 1,280 buckets."""

_STEP = log(GROWTH)
_SCALE = 1 / _STEP
_MIDDLE = 2 / (GROWTH + 1)


class _Wire(msgspec.Struct, array_like=True, gc=False):
    total: float
    least: float
    most: float
    nothing: int
    buckets: list[int]
    """Bucket and count in turn."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Wire).decode


class Sketch:
    """Counts of values that are 0 or more, in whatever unit. A count of no values has no quantiles."""

    __slots__ = ("_buckets", "_nothing", "least", "most", "total")

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._buckets: dict[int, int] = {}
        self._nothing = 0
        self.total = 0.0
        self.least = GREATEST
        self.most = 0.0
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        """Count one value."""
        self.total += value
        if value > self.most:  # noqa: PLR1730 - for each event, and a call costs thrice as much
            self.most = value
        if value < self.least:  # noqa: PLR1730
            self.least = value
        if value < LEAST:
            self._nothing += 1
            return
        bucket = floor(log(value if value < GREATEST else GREATEST) * _SCALE)
        buckets = self._buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1

    def add_nothing(self, times: int) -> None:
        """Count so many values of 0."""
        self._nothing += times
        self.least = 0.0

    def merge(self, other: Sketch) -> None:
        """Count all that the other has counted."""
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)
        self._nothing += other._nothing
        buckets = self._buckets
        for bucket, count in other._buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + count

    def merge_encoded(self, data: bytes | memoryview) -> None:
        """Count all that `encode` wrote, without making a sketch of it. msgspec.DecodeError for what it did not."""
        wire = _decode(data)
        self.total += wire.total
        self.least = min(self.least, wire.least)
        self.most = max(self.most, wire.most)
        self._nothing += wire.nothing
        buckets, flat = self._buckets, iter(wire.buckets)
        for bucket, count in zip(flat, flat, strict=True):
            buckets[bucket] = buckets.get(bucket, 0) + count

    @property
    def count(self) -> int:
        return self._nothing + sum(self._buckets.values())

    @property
    def mean(self) -> float | None:
        count = self.count
        return self.total / count if count else None

    def quantile(self, share: float) -> float | None:
        """The value below which this share (0 to 1) of all values lies; None of no values."""
        return self.quantiles([share])[0]

    def quantiles(self, shares: Sequence[float]) -> list[float | None]:
        """The values at these ascending shares, found in one pass."""
        count = self.count
        if not count:
            return [None] * len(shares)
        buckets = iter(sorted(self._buckets.items()))
        bucket, passed, found = None, self._nothing, list[float | None]()
        for share in shares:
            while share * (count - 1) >= passed:
                bucket, number = next(buckets)
                passed += number
            found.append(0.0 if bucket is None else self._value(bucket))
        return found

    def _value(self, bucket: int) -> float:
        """What a value in this bucket is taken for: half-way between its bounds, in proportion."""
        return min(max(exp((bucket + 1) * _STEP) * _MIDDLE, self.least), self.most)

    def _passed(self) -> Iterator[tuple[float, int]]:
        """Each bucket's value, with how many values lie in it and those before it."""
        passed = 0
        for bucket in sorted(self._buckets):
            passed += self._buckets[bucket]
            yield self._value(bucket), passed

    def up_to(self, bounds: Iterable[float]) -> list[int]:
        """How many values are at most each of these ascending bounds, as a histogram with fixed buckets wants it."""
        places = [(value, passed + self._nothing) for value, passed in self._passed()]
        return [max((passed for value, passed in places if value <= bound), default=self._nothing) for bound in bounds]

    def encode(self) -> bytes:
        """A few bytes a bucket."""
        flat = [number for place in self._buckets.items() for number in place]
        return _encode(_Wire(self.total, self.least, self.most, self._nothing, flat))

    @classmethod
    def decode(cls, data: bytes) -> Sketch:
        """The sketch that `encode` wrote. msgspec.DecodeError for what it did not."""
        sketch = cls()
        sketch.merge_encoded(data)
        return sketch

    def __eq__(self, other: object) -> bool:
        """Whether both have counted the same; their sums may differ by what rounding does."""
        return isinstance(other, Sketch) and self._counted() == other._counted()

    __hash__ = None  # type: ignore[assignment]

    def _counted(self) -> tuple[object, ...]:
        return self._buckets, self._nothing, self.least, self.most
