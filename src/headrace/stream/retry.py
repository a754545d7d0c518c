"""Whether, and after how long, a failed request is made again. Pure: the clock, the dice and the waiting are others'.

Asked only while nothing of the answer has been shown; after that no request is ever made again.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from headrace.errors import ErrorCode, UpstreamError

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_MAX_DOUBLINGS = 32
"""Beyond it any back-off is over any cap, and far below what a float can hold."""

RETRIED: frozenset[ErrorCode] = frozenset(
    {
        "upstream_unreachable",
        "upstream_connect_timeout",
        "upstream_dns",
        "upstream_timeout",
        "upstream_conflict",
        "upstream_rate_limited",
        "upstream_overloaded",
        "upstream_unavailable",
        # Closed or reset before the status line: so a pooled connection looks that went stale.
        "upstream_protocol",
    }
)
"""What is tried again where the error itself is marked retryable."""
RETRIED_ONCE: frozenset[ErrorCode] = frozenset({"upstream_empty"})
"""One empty answer is an accident; the second is how this provider answers this request."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter. All times in seconds."""

    max_retries: int = 2
    base: float = 0.5
    cap: float = 8.0
    max_retry_after: float = 30.0
    """A provider that asks for more is not waited for: the caller is told at once, and when to come back."""

    def delay(self, attempt: int, error: UpstreamError, remaining: float, jitter: float) -> float | None:
        """How long to wait before the next attempt; None: make none.

        `attempt` is the number, from 1, of the one that just failed; `remaining` what is left of the time for a
        response head; `jitter` a random number from 0 up to, not including, 1.
        """
        if not error.retryable or attempt > self._retries(error.code):
            return None
        backoff = jitter * min(self.cap, self.base * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS))
        asked = error.retry_after or 0.0
        if asked > self.max_retry_after:
            return None
        wait = max(backoff, asked)
        return wait if wait < remaining else None

    def _retries(self, code: ErrorCode) -> int:
        if code in RETRIED:
            return self.max_retries
        return min(1, self.max_retries) if code in RETRIED_ONCE else 0


def parse_retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a `Retry-After` header asks for, as a number or an HTTP date; None where it asks for no wait.

    `now` is in seconds since the epoch. Zero, the past, and what is no number or date count as not sent.
    """
    text = (value or "").strip()
    seconds = float(text) if _SECONDS.fullmatch(text) else _until(text, now)
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _until(date: str, now: float) -> float:
    try:
        moment = parsedate_to_datetime(date)
        # RFC 9110: an HTTP date is always in UTC, said or not.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return math.nan
