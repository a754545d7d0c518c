"""What is told of each stream, to Prometheus and to OpenTelemetry, when something happens to it: never for an event.

Where nobody wants to know, streams are not observed at all.
"""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from headrace.backends.metric_labels import OTHER, is_name
from headrace.backends.metrics import OPERATION, SECONDS, Metrics, metrics
from headrace.common.monitoring.tracing import tracer
from headrace.common.streams.records import Happening, StreamRecord, observe

if TYPE_CHECKING:
    from headrace.common.monitoring.spans import StreamSpan
    from headrace.common.streams.live import LiveStream
    from headrace.common.streams.sources import Source
    from headrace.stream.sketch import Sketch

MIN_SECRET = 8  # shorter values are no keys, and would hide words

_GAPS = tuple(seconds * 1000 for seconds in SECONDS)
_observing = threading.Lock()
_spans: WeakKeyDictionary[LiveStream, StreamSpan] = WeakKeyDictionary()


def watch_streams() -> None:
    """Observe this process's streams from now on. Harmless when called again."""
    if _observing.acquire(blocking=False):  # for good: whether anybody wants to know is asked each time
        observe(_told)


def named(source: Source) -> tuple[str, str]:
    """Provider and model as they may be shown: a caller may have put a key where the name belongs."""
    model = source.model
    if any(len(secret) >= MIN_SECRET and secret in model for secret in source.secrets) or not is_name(model):
        model = OTHER
    return source.provider, model


def count_resume() -> None:
    """A reader came back to a stream with the number of an event, wherever it is produced."""
    if (active := metrics()) is not None:
        active.resumes.inc()


def _told(happening: Happening) -> None:
    active = metrics()
    if active is not None:
        _count(active, happening)
    if happening.stream.options.parent is not None:
        _trace(happening)


def _count(active: Metrics, happening: Happening) -> None:
    """Labels are made of who is being asked at that moment: with fallbacks, that changes."""
    match happening.kind:
        case "started":
            active.started.inc()
        case "retry":
            active.retries.labels(*_model(active, happening), happening.detail).inc()
        case "fallback":
            active.fallbacks.labels(*_model(active, happening), happening.detail).inc()
        case "finished":
            assert happening.record is not None
            _count_end(active, happening.stream, happening.record, _model(active, happening))


def _model(active: Metrics, happening: Happening) -> tuple[str, str]:
    return active.models(*named(happening.stream.source))


def _count_end(active: Metrics, stream: LiveStream, record: StreamRecord, model: tuple[str, str]) -> None:
    labels = (OPERATION, *model)
    active.finished.labels(*model, record.outcome).inc()
    active.duration.labels(*labels, stream.failure.code if stream.failure else "").observe(record.duration_ms / 1000)
    if record.ttft_ms is not None:
        active.first_chunk.labels(*labels).observe(record.ttft_ms / 1000)
    if record.usage_source:
        active.tokens.labels(*labels, "input").observe(record.input_tokens)
        active.tokens.labels(*labels, "output").observe(record.output_tokens)
    if record.cost:
        active.cost.labels(*model).inc(record.cost)
    if record.gaps.count:
        active.per_chunk.labels(*labels).observe_many(_by_bucket(record.gaps), record.gaps.total / 1000)


def _by_bucket(gaps: Sketch) -> list[int]:
    """How many gaps lie within each bucket; the sketch knows how many lie below each bound, right to 1 %."""
    below = [0, *gaps.up_to(_GAPS), gaps.count]
    return [after - before for before, after in pairwise(below)]


def _trace(happening: Happening) -> None:
    stream = happening.stream
    if happening.kind == "started":
        _begin(stream)
    elif (span := _spans.get(stream)) is not None:
        match happening.kind:
            case "first_token":
                span.first_token()
            case "resumed":
                span.resume()
            case "retry" | "fallback":
                span.again(happening.kind, happening.detail)
            case "finished":
                assert happening.record is not None
                del _spans[stream]
                span.end(happening.record, named(stream.source), stream.failure)


def _begin(stream: LiveStream) -> None:
    making = tracer()
    if making is None:
        return
    from headrace.common.monitoring.spans import StreamSpan

    asked = named(stream.source)
    span = _spans[stream] = StreamSpan(making, stream.options.parent, stream.id, asked, stream.asked_at)
    stream.trace.headers = span.headers
