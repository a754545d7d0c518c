"""The retry policy: what is tried again, when, and never beyond the time that is left."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.errors import ErrorCode, UpstreamError
from headrace.stream.retry import RETRIED, RETRIED_ONCE, RetryPolicy, parse_retry_after

POLICY = RetryPolicy()
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
CODES = st.sampled_from(get_args(ErrorCode))
JITTER = st.floats(0, 1, exclude_max=True)
SECONDS = st.floats(0, 1e6)


def failed(
    code: ErrorCode = "upstream_unavailable", *, after: float | None = None, retryable: bool = True
) -> UpstreamError:
    return UpstreamError(code, "no", retryable=retryable, retry_after=after)


@given(st.integers(1, 10_000), CODES, st.booleans(), st.none() | st.floats(), st.floats(), JITTER, st.integers(0, 9))
@example(5_000, "upstream_unavailable", True, None, 1e9, 0.9, 9_999)
def test_a_delay_always_fits_and_is_never_negative(
    attempt: int, code: ErrorCode, retryable: bool, after: float | None, remaining: float, jitter: float, retries: int
) -> None:
    policy = RetryPolicy(max_retries=retries)
    delay = policy.delay(attempt, failed(code, after=after, retryable=retryable), remaining, jitter)
    if delay is not None:
        assert 0 <= delay < remaining
        assert delay <= max(policy.cap, policy.max_retry_after)
        assert retryable
        assert attempt <= retries
        assert code in RETRIED | RETRIED_ONCE


@given(CODES, st.integers(1, 4))
def test_only_the_pinned_failures_are_tried_again(code: ErrorCode, attempt: int) -> None:
    retries = 2 if code in RETRIED else 1 if code == "upstream_empty" else 0
    assert (POLICY.delay(attempt, failed(code), 60, 0.5) is not None) == (attempt <= retries)
    assert POLICY.delay(attempt, failed(code, retryable=False), 60, 0.5) is None


@pytest.mark.parametrize(
    "code", ["upstream_auth", "upstream_bad_request", "upstream_quota", "upstream_redirect_refused", "egress_refused"]
)
def test_never_tried_again(code: ErrorCode) -> None:
    assert POLICY.delay(1, failed(code), 60, 0.0) is None


@given(JITTER)
def test_full_jitter_below_an_exponential_bound(jitter: float) -> None:
    policy = RetryPolicy(max_retries=20)
    delays = [policy.delay(attempt, failed(), 1e9, jitter) for attempt in range(1, 20)]
    assert delays[:5] == [jitter * bound for bound in (0.5, 1, 2, 4, 8)]
    assert set(delays[5:]) == {jitter * 8}


@given(st.floats(0.1, 60), JITTER)
def test_retry_after_is_waited_for_up_to_its_limit(after: float, jitter: float) -> None:
    delay = POLICY.delay(1, failed("upstream_rate_limited", after=after), 1_000, jitter)
    if after > 30:
        assert delay is None
    else:
        assert delay is not None
        assert after <= delay <= max(after, 0.5)
        assert POLICY.delay(1, failed("upstream_rate_limited", after=after), after, jitter) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", None),
        ("0.0", None),
        ("-5", None),
        ("+5", None),
        ("120junk", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("Infinity", None),
        ("9" * 400, None),
        ("١", None),
        ("1_000", None),
        ("1", 1.0),
        (" 20 ", 20.0),
        ("1.5", 1.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Wed, 02 Jan 2030 03:04:05 GMT", None),
        ("Wed, 02 Jan 2030 03:04:35 GMT", 30.0),
        ("Wednesday, 02-Jan-30 03:04:35 GMT", 30.0),
        ("Wed Jan  2 03:04:35 2030", 30.0),
        ("Wed, 32 Jan 2030 03:04:35 GMT", None),
        ("Wed, 02 Jan 99999 03:04:35 GMT", None),
        ("Wed, 02 Jan 2030 03:04:35 +99999999", None),
        ("Wed, 02 Jan 2030 03:04:35 +9999999999999999999", None),
        ("02:03", None),
    ],
)
def test_retry_after_header(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW.timestamp()) == seconds


@given(st.integers(-100_000, 100_000_000))
def test_retry_after_as_a_date(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(date, NOW.timestamp()) == (seconds if seconds > 0 else None)


@given(st.text(max_size=40) | st.text("0123456789:,.-+ eJanGMTWed", max_size=40), st.floats())
def test_junk_is_as_if_not_sent(value: str, now: float) -> None:
    seconds = parse_retry_after(value, now)
    assert seconds is None or (seconds > 0 and math.isfinite(seconds))
