"""Prometheus' kinds of metrics as we use them, made on one registry. Imported only where prometheus-client is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Mode = Literal["livesum", "livemax"]
"""How the gauges of several processes become one; a process that has ended no longer counts."""


class BulkHistogram(Histogram):
    """A histogram that takes many observations at once: a stream's gaps would cost more one by one than the stream."""

    def observe_many(self, counts: Sequence[int], total: float) -> None:
        """`counts` are observations within each bucket, the one beyond the last included; `total` is their sum."""
        self._raise_if_not_observable()  # type: ignore[no-untyped-call]
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class Kinds:
    """Makes metrics on `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, about: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, about, labels, registry=self._registry)

    def gauge(self, name: str, about: str, labels: Sequence[str] = (), *, mode: Mode = "livesum") -> Gauge:
        return Gauge(name, about, labels, registry=self._registry, multiprocess_mode=mode)

    def histogram(self, name: str, about: str, labels: Sequence[str], buckets: Sequence[float]) -> BulkHistogram:
        return BulkHistogram(name, about, labels, registry=self._registry, buckets=buckets)
