"""The one closed list of error codes, and the exceptions that carry them.

The same words stand on the wire, in logs and in metrics. Past `stream.events.Failure`, failure is data and
nothing raises; these exceptions exist for what goes wrong before that: a wrong request, a refused address, an
upstream that broke.

    HeadraceError
    ├── RequestError        the caller's request is wrong (400 and relatives), named by field
    ├── UpstreamError       the provider, or the way to it, failed
    └── FramingError        bytes that are not valid in their declared framing
"""

from __future__ import annotations

from typing import Literal, get_args

ErrorCode = Literal[
    "upstream_unreachable",
    "upstream_connect_timeout",
    "upstream_first_byte_timeout",
    "upstream_idle_timeout",
    "upstream_total_timeout",
    "upstream_dns",
    "upstream_tls",
    "upstream_auth",
    "upstream_bad_request",
    "upstream_not_found",
    "upstream_conflict",
    "upstream_timeout",
    "upstream_rate_limited",
    "upstream_quota",
    "upstream_overloaded",
    "upstream_unavailable",
    "upstream_error",
    "upstream_protocol",
    "upstream_decode",
    "upstream_truncated",
    "upstream_reset",
    "upstream_empty",
    "upstream_not_a_stream",
    "upstream_redirect_refused",
    "upstream_limit",
    "egress_refused",
    "producer_lost",
    "server_shutdown",
    "internal",
]
ERROR_CODES: frozenset[str] = frozenset(get_args(ErrorCode))


class HeadraceError(Exception):
    """The root of everything that Headrace raises on purpose."""


class RequestError(HeadraceError):
    """The caller's request cannot be served as it stands; answered as JSON before any stream starts.

    `field` is the path of the wrong field in the spelling of the wire (`messages[0].role`), or empty.
    `status` is the HTTP status that says it, `retry_after` the seconds after which the same request may be served,
    where that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        code: str = "bad_request",
        status: int = 400,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code
        self.status = status
        self.retry_after = retry_after


class UpstreamError(HeadraceError):
    """The provider, or the way to it, failed before or while answering.

    `status` is the provider's HTTP status where there was one. `retry_after` is in seconds. `retryable` says
    whether the same request may succeed later; the retry policy decides whether we try.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after
        self.body = body


class FramingError(HeadraceError):
    """The upstream sent bytes that are not valid in their declared framing.

    `code` is `upstream_protocol` for malformed bytes and `upstream_limit` for a line or an event over its bound.
    """

    def __init__(self, message: str, *, code: ErrorCode = "upstream_protocol") -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
