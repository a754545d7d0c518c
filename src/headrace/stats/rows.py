"""From the record of a stream to its row."""

from __future__ import annotations

from typing import Any

from headrace.common.streams.records import Moment, StreamRecord
from headrace.errors import ERROR_CODES
from headrace.stats.models import Stream

MAX_NAME = 200

_SAME = (
    "duration_ms",
    "ttft_ms",
    "first_reasoning_ms",
    "first_content_ms",
    "longest_silence_ms",
    "tokens_per_second",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "usage_source",
    "events",
    "raw_bytes",
    "sent_bytes",
    "attempts",
    "fallbacks",
    "resumes",
    "readers",
    "cost",
    "status",
)


def row_of(record: StreamRecord) -> Stream:
    """The row, not yet stored."""
    gaps, estimated = record.gaps, record.usage_source == "estimated"
    return Stream(
        stream_id=record.stream_id[:64],
        project=record.project[:MAX_NAME],
        caller=record.caller[:MAX_NAME],
        provider=_plain(record.provider)[:64],
        model=_plain(record.model)[:MAX_NAME],
        outcome=record.outcome,
        failed=record.outcome in ERROR_CODES,
        started=round(record.started * 1000),
        gap_mean_ms=_short(gaps.mean),
        gap_p50_ms=_short(gaps.quantile(0.5)),
        gap_p95_ms=_short(gaps.quantile(0.95)),
        gap_p99_ms=_short(gaps.quantile(0.99)),
        estimated_tokens=record.input_tokens + record.output_tokens if estimated else 0,
        provider_reason=_plain(record.provider_reason)[:MAX_NAME],
        moments=[_moment(each) for each in record.moments],
        **{name: getattr(record, name) for name in _SAME},
    )


def _moment(moment: Moment) -> dict[str, Any]:
    """As the timeline shows it."""
    found: dict[str, Any] = {"atMs": moment.at_ms, "kind": moment.kind}
    if moment.detail:
        found["detail"] = moment.detail
    if moment.seconds is not None:
        found["seconds"] = moment.seconds
    return found


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _plain(text: str) -> str:
    """PostgreSQL keeps no NUL, and neither database half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
