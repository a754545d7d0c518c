"""What is known of a stream that has ended, and the hook for whoever counts streams. Never a key, never text.

Observers are called on the loop that produces the stream: they must not wait. Where there are none, nothing is made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from headrace.stream.sketch import Sketch

if TYPE_CHECKING:
    from headrace.common.streams.live import LiveStream

MomentKind = Literal["reasoning", "content", "retry", "fallback", "resumed", "silence", "ended"]
HappeningKind = Literal["started", "first_token", "retry", "fallback", "resumed", "finished"]

LOST = "producer_lost"

logger = logging.getLogger("headrace.stream")


@dataclass(frozen=True, slots=True)
class Moment:
    """Something in a stream's life, `at_ms` after it was asked. `seconds` is how long a silence was.

    `detail` is a retry's or a fallback's error code, or the outcome.
    """

    at_ms: float
    kind: MomentKind
    detail: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A stream that has ended, whatever the ending. Times are milliseconds; None: it never happened, or is not known.

    `started` and `ended` are seconds since 1970. `gaps` are milliseconds between events.
    """

    stream_id: str
    project: str
    caller: str
    """The person's key, `token:…` for a program's, empty where nobody signs in."""
    provider: str
    model: str
    started: float
    ended: float
    outcome: str
    """A finish reason or an error code: the closed lists of the protocol."""
    duration_ms: float
    ttft_ms: float | None
    first_reasoning_ms: float | None
    first_content_ms: float | None
    gaps: Sketch
    longest_silence_ms: float | None
    tokens_per_second: float | None
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    usage_source: str
    """`reported`, `estimated`, or empty where nothing came."""
    events: int
    raw_bytes: int
    sent_bytes: int
    attempts: int
    fallbacks: int
    resumes: int
    readers: int
    cost: float | None
    """US dollars."""
    status: int | None
    """The provider's HTTP status, where it failed with one."""
    provider_reason: str
    moments: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a stream. `at` is seconds since 1970; `detail` the code of what went wrong.

    `record` comes with `finished` alone.
    """

    kind: HappeningKind
    stream: LiveStream
    at: float
    detail: str = ""
    record: StreamRecord | None = None


Observer = Callable[[Happening], None]
_observers: tuple[Observer, ...] = ()


def observe(observer: Observer) -> Callable[[], None]:
    """Call `observer` from now on; returns what ends that. What it raises is logged."""
    global _observers  # noqa: PLW0603 - replaced whole, so that whoever is calling them is not disturbed
    _observers = (*_observers, observer)

    def stop() -> None:
        global _observers  # noqa: PLW0603
        _observers = tuple(each for each in _observers if each is not observer)

    return stop


def observed() -> bool:
    return bool(_observers)


def tell(happening: Happening) -> None:
    """Call every observer."""
    for observer in _observers:
        try:
            observer(happening)
        except Exception:
            logger.exception("an observer of streams failed", extra={"stream_id": happening.stream.id})


LostObserver = Callable[[StreamRecord], None]
_lost_observers: tuple[LostObserver, ...] = ()


def observe_lost(observer: LostObserver) -> Callable[[], None]:
    """Give `observer` a record of each stream that this process has ended for a worker that was lost."""
    global _lost_observers  # noqa: PLW0603
    _lost_observers = (*_lost_observers, observer)

    def stop() -> None:
        global _lost_observers  # noqa: PLW0603
        _lost_observers = tuple(each for each in _lost_observers if each is not observer)

    return stop


def tell_lost(stream_id: str, about: Mapping[str, Any]) -> None:
    """Call every one of them. Of such a stream little is known: whose it was, and when it was asked."""
    if not _lost_observers:
        return
    record = _lost_record(stream_id, about)
    for observer in _lost_observers:
        try:
            observer(record)
        except Exception:
            logger.exception("an observer of streams failed", extra={"stream_id": stream_id})


def _lost_record(stream_id: str, about: Mapping[str, Any]) -> StreamRecord:
    now = time.time()
    started = float(about.get("created") or now)
    names: dict[str, Any] = {name: str(about.get(name) or "") for name in ("project", "caller", "provider", "model")}
    times = ("ttft_ms", "first_reasoning_ms", "first_content_ms", "longest_silence_ms", "tokens_per_second")
    numbers = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "events", "raw_bytes")
    counts = ("sent_bytes", "attempts", "fallbacks", "resumes", "readers")
    duration = _ms(now - started)
    unknown: dict[str, Any] = dict.fromkeys((*times, "cost", "status")) | dict.fromkeys((*numbers, *counts), 0)
    return StreamRecord(
        stream_id=stream_id,
        started=started,
        ended=now,
        outcome=LOST,
        duration_ms=duration,
        gaps=Sketch(),
        usage_source="",
        provider_reason="",
        moments=(Moment(duration, "ended", LOST),),
        **names,
        **unknown,
    )


def record_of(stream: LiveStream) -> StreamRecord:
    """The record of a stream that has ended."""
    figures, finish, delivery = stream.figures, stream.finish, stream.delivery
    assert figures is not None
    usage, timing = finish and finish.usage, finish and finish.timing
    answered = stream.trace.answered
    duration = figures.since_start(figures.ended) or 0.0
    return StreamRecord(
        stream_id=stream.id,
        project=stream.options.project,
        caller=stream.options.caller,
        provider=stream.source.provider,
        model=stream.source.model,
        started=stream.asked_at,
        ended=stream.asked_at + duration / 1000,
        outcome=stream.outcome,
        duration_ms=duration,
        ttft_ms=figures.since_start(figures.first_event),
        first_reasoning_ms=figures.since_start(figures.first_reasoning),
        first_content_ms=figures.since_start(figures.first_content),
        gaps=figures.gaps,
        longest_silence_ms=round(figures.longest * 1000, 1) if figures.first_event is not None else None,
        tokens_per_second=timing.tokens_per_second if timing else None,
        input_tokens=usage.input_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
        reasoning_tokens=usage.reasoning_tokens if usage else 0,
        cached_tokens=usage.cached_tokens if usage else 0,
        usage_source=usage.source if usage else "",
        events=figures.entries,
        raw_bytes=delivery.raw_bytes,
        sent_bytes=delivery.sent_bytes,
        attempts=stream.trace.attempts,
        fallbacks=len(answered.passed) if answered else 0,
        resumes=delivery.resumes,
        readers=delivery.readers,
        cost=finish.cost if finish else None,
        status=stream.failure.status if stream.failure else None,
        provider_reason=finish.provider_reason if finish else "",
        moments=_moments(stream),
    )


def _moments(stream: LiveStream) -> tuple[Moment, ...]:
    """What happened, in order."""
    figures = stream.figures
    assert figures is not None
    started = figures.started
    firsts = (("reasoning", figures.first_reasoning), ("content", figures.first_content))
    found = [Moment(_ms(at - started), kind, detail) for at, kind, detail in stream.trace.moments]
    found += [Moment(_ms(at - started), kind) for kind, at in firsts if at is not None]  # type: ignore[arg-type]
    found += [Moment(_ms(at - started), "silence", "", round(gap, 3)) for gap, at in figures.silences]
    found.sort(key=lambda moment: moment.at_ms)
    end = Moment(figures.since_start(figures.ended) or 0.0, "ended", stream.outcome)
    return (*found, end)


def _ms(seconds: float) -> float:
    return round(max(seconds, 0.0) * 1000, 1)
