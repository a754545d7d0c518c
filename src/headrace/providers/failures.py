"""Turns what an upstream answered instead of a stream into one `UpstreamError` with a code of the closed list.

Pure. Refuses to show a key, a control character, a web page or more than a few lines of what the provider wrote.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

from headrace.errors import ErrorCode, FramingError, UpstreamError
from headrace.providers.error_facts import ErrorFacts, code_in_stream, code_of_status, read_facts
from headrace.providers.scrubbing import one_line, scrub
from headrace.stream.events import Failure
from headrace.stream.payload import decode_json
from headrace.stream.retry import parse_retry_after

__all__ = ["RETRYABLE", "failure", "failure_in_stream", "failure_of_error", "read_failure", "scrub"]

MAX_BODY_READ = 64 * 1024
"""Bytes of an error body that are read: every API's error fits ten times over, a web page need not."""

RETRYABLE: frozenset[ErrorCode] = frozenset(
    {
        "upstream_unreachable",
        "upstream_connect_timeout",
        "upstream_first_byte_timeout",
        "upstream_idle_timeout",
        "upstream_dns",
        "upstream_conflict",
        "upstream_timeout",
        "upstream_rate_limited",
        "upstream_overloaded",
        "upstream_unavailable",
        "upstream_truncated",
        "upstream_reset",
        "upstream_empty",
        "producer_lost",
        "server_shutdown",
    }
)
"""Codes after which the same request may succeed later. Whether we try it ourselves, the retry policy decides."""

_BROKEN_OFF = frozenset({"upstream_idle_timeout", "upstream_truncated", "upstream_reset"})


def failure(code: ErrorCode, message: str, *, status: int | None = None) -> Failure:
    """A `Failure` whose `retryable` follows from its code."""
    return Failure(code, message, status, code in RETRYABLE)


def failure_of_error(error: UpstreamError, message: str = "") -> Failure:
    """What was raised, as it is shown; `message` stands in for its own.

    A transport marks as retryable what is tried again by itself. An answer that fell silent or broke off is not, and
    may come whole for whoever asks anew.
    """
    retryable = error.retryable or error.code in _BROKEN_OFF
    return Failure(error.code, message or error.message, error.status, retryable, error.retry_after)


def failure_in_stream(facts: ErrorFacts) -> Failure:
    """The `Failure` for an error that a provider wrote into an answer whose HTTP status was good.

    Its message is the provider's, whole and unscrubbed: `StreamDecoder` makes it fit to be shown.
    """
    code = code_in_stream(facts)
    retryable = code in RETRYABLE or (facts.status or 0) >= 500
    return Failure(code, facts.message or "The provider ended its answer with an error.", facts.status, retryable)


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...], now: float
) -> UpstreamError:
    """The error for an answer that is no stream: any status but 200, with as much of its body as was read.

    `now` is the time in seconds since the epoch, for a Retry-After that is a date. The `body` kept in the error is
    bounded and scrubbed too.
    """
    named = {name.lower(): value for name, value in headers.items()}
    text = scrub(body[:MAX_BODY_READ].decode("utf-8", "replace"), secrets)
    if 300 <= status < 400:
        return _redirect(status, named.get("location", ""), secrets)
    if status < 300:
        message = f"The provider answered {status} {_phrase(status)}, which carries no answer.".replace(" ,", ",")
        return UpstreamError("upstream_protocol", message, status=status)
    facts = _facts(text)
    if not facts.kind and "x-amzn-errortype" in named:  # Amazon's bodies hold a message only
        facts = replace(facts, kind=named["x-amzn-errortype"].partition(":")[0])
    code = code_of_status(status, facts)
    return UpstreamError(
        code,
        one_line(facts.message) or f"The provider answered {status} {_phrase(status)}".rstrip() + ".",
        status=status,
        retryable=code in RETRYABLE,
        retry_after=_retry_after(named, now),
        body=text.encode("utf-8", "replace"),
    )


def _redirect(status: int, location: str, secrets: tuple[str, ...]) -> UpstreamError:
    try:
        target = urlsplit(location)
        shown = f"{target.scheme}://{target.hostname}{target.path}" if target.hostname else target.path
    except ValueError:
        shown = ""
    where = f" to {one_line(scrub(shown, secrets), 200)}" if shown else ""
    message = f"The provider answered {status}, a redirect{where}. Redirects are not followed: set the right endpoint."
    return UpstreamError("upstream_redirect_refused", message, status=status)


def _facts(text: str) -> ErrorFacts:
    stripped = text.strip().removeprefix("\ufeff").lstrip()
    if stripped.startswith("<"):
        return ErrorFacts(_page_title(stripped))
    if stripped.startswith(("event:", "data:")):
        stripped = next((line[5:] for line in stripped.split("\n") if line.startswith("data:")), stripped)
    try:
        return read_facts(decode_json(stripped.encode("utf-8", "replace")))
    except FramingError:
        return ErrorFacts(stripped)


def _page_title(page: str) -> str:
    found = re.search(r"<(title|h1)[^>]{0,200}>([^<]{1,200})</", page, re.IGNORECASE)
    title = html.unescape(found[2]).strip() if found else ""
    return f"The provider answered with a web page, not an API's answer{f': {title}' if title else '.'}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after(named: Mapping[str, str], now: float) -> float | None:
    precise = named.get("retry-after-ms", "")
    if re.fullmatch(r"\d{1,9}", precise):
        return int(precise) / 1000
    value = named.get("retry-after")
    return None if value is None else parse_retry_after(value, now)
