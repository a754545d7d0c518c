"""Errors in OpenAI's shape, with the statuses that its clients act upon.

A provider's 401 is our 502: a 401 here would say that the caller's own key is wrong, which it is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from headrace.common.http import json_response
from headrace.common.requests import WIRE_NAMES
from headrace.errors import ErrorCode
from headrace.stream.events import Failure

STATUSES: dict[ErrorCode, int] = {
    "upstream_bad_request": 400,
    "egress_refused": 400,
    "upstream_not_found": 404,
    "upstream_rate_limited": 429,
    "upstream_quota": 429,
    "internal": 500,
    "upstream_overloaded": 503,
    "upstream_unavailable": 503,
    "server_shutdown": 503,
    "upstream_connect_timeout": 504,
    "upstream_first_byte_timeout": 504,
    "upstream_idle_timeout": 504,
    "upstream_total_timeout": 504,
    "upstream_timeout": 504,
}
"""Of an answer that failed before its first event; every other code is a 502."""
TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}

_SPELLED = {wire: name for name, wire in WIRE_NAMES.items()}

View = Callable[..., Any]
Shape = Callable[[str, int, str, str], dict[str, Any]]
"""An API's body of an error: of its message, its status, our code, and the field that is wrong."""


def error_body(message: str, status: int, code: str, field: str = "") -> dict[str, Any]:
    """The body of an error. `code` is ours, from the lists of the documentation."""
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    if code == "upstream_quota":
        kind = "insufficient_quota"
    return {"error": {"message": message, "type": kind, "param": field or None, "code": code}}


def failure_body(failure: Failure) -> dict[str, Any]:
    """A failure as the event of a stream that had begun."""
    message, field = told_of(failure)
    return error_body(message, status_of(failure), failure.code, field)


def told_of(failure: Failure) -> tuple[str, str]:
    """What a failure says, and the field that it begins with, if it does, as these APIs spell it: `max_tokens: …`."""
    option, _, rest = failure.message.partition(": ")
    field = _SPELLED.get(option, "")
    return (f"{field}: {rest}", field) if field else (failure.message, "")


def status_of(failure: Failure) -> int:
    """The status of an answer that failed before its first event."""
    return STATUSES.get(failure.code, 502)


def failure_headers(failure: Failure, stream_id: str) -> dict[str, str]:
    """OpenAI's clients, and Anthropic's, ask again after 408, 409, 429 and 5xx unless `x-should-retry` forbids it: we
    have asked again already, and what is not retryable would only fail once more."""
    headers = {"X-Stream-Id": stream_id}
    if not failure.retryable:
        headers["X-Should-Retry"] = "false"
    if failure.retry_after is not None or failure.code == "upstream_rate_limited":
        headers["Retry-After"] = str(max(1, round(failure.retry_after or 1)))
    return headers


def failure_response(failure: Failure, stream_id: str) -> HttpResponse:
    """A failure before the first event, as a whole answer."""
    return json_response(failure_body(failure), status_of(failure), failure_headers(failure, stream_id))


def openai_shaped(view: View) -> View:
    """`view` with every error in OpenAI's shape, whoever answered it."""

    @wraps(view)
    async def shaped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return reshaped(await view(request, *args, **kwargs))

    return shaped


def reshaped(response: HttpResponseBase, shape: Shape = error_body) -> HttpResponseBase:
    """An error in the contract's shape as one in another's, `code` and `field` still beside it; all else as it is."""
    if response.status_code < 400 or not isinstance(response, HttpResponse):
        return response
    if not response.headers.get("Content-Type", "").startswith("application/json"):
        return response
    told = json.loads(response.content)
    if isinstance(told.get("error"), str):
        body = shape(told["error"], response.status_code, told.get("code", "error"), told.get("field", ""))
        response.content = json.dumps(told | body, ensure_ascii=False).encode()
        if "Content-Length" in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
    return response
