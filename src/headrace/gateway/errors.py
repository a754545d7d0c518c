"""Errors in OpenAI's shape, with the statuses that its clients act upon.

A provider's 401 is our 502: a 401 here would say that the caller's own key is wrong, which it is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from headrace.common.http import json_response
from headrace.errors import ErrorCode
from headrace.stream.events import Failure

PREFIX = "/v1/"
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

View = Callable[..., Any]


def error_body(message: str, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    """The body of an error. `code` is ours, from the lists of the documentation."""
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    if code == "upstream_quota":
        kind = "insufficient_quota"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def failure_body(failure: Failure) -> dict[str, Any]:
    """A failure as the event of a stream that had begun."""
    return error_body(failure.message, STATUSES.get(failure.code, 502), failure.code)


def failure_response(failure: Failure, stream_id: str) -> HttpResponse:
    """A failure before the first event, as a whole answer.

    OpenAI's clients ask again after 408, 409, 429 and 5xx unless `x-should-retry` forbids it: we have asked again
    already, and what is not retryable would only fail once more.
    """
    status = STATUSES.get(failure.code, 502)
    headers = {"X-Stream-Id": stream_id}
    if not failure.retryable:
        headers["X-Should-Retry"] = "false"
    if failure.retry_after is not None or failure.code == "upstream_rate_limited":
        headers["Retry-After"] = str(max(1, round(failure.retry_after or 1)))
    return json_response(failure_body(failure), status, headers)


def openai_shaped(view: View) -> View:
    """`view` with every error in OpenAI's shape, whoever answered it."""

    @wraps(view)
    async def shaped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return reshaped(await view(request, *args, **kwargs))

    return shaped


@sync_and_async_middleware
def openai_errors(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Does the same below `/v1/` for what is refused before any view: the guard's answers, an address that is none."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            response = await get_response(request)
            return reshaped(response) if request.path_info.startswith(PREFIX) else response

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        return reshaped(response) if request.path_info.startswith(PREFIX) else response

    return synchronous


def reshaped(response: HttpResponseBase) -> HttpResponseBase:
    """An error in the contract's shape as one in OpenAI's, `code` and `field` still beside it; all else as it is."""
    if response.status_code < 400 or not isinstance(response, HttpResponse):
        return response
    if not response.headers.get("Content-Type", "").startswith("application/json"):
        return response
    told = json.loads(response.content)
    if isinstance(told.get("error"), str):
        code, param = told.get("code", "error"), told.get("field") or None
        body = told | error_body(told["error"], response.status_code, code, param)
        response.content = json.dumps(body, ensure_ascii=False).encode()
        if "Content-Length" in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
    return response
