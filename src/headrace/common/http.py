"""JSON in and out of a Django view: bodies within a bound, answers and errors in the contract's shape.

Every error that Headrace answers is `{"error", "code", "field"}`, whichever part found it. Nothing here decides who may
ask.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from headrace.common.conf import get_settings
from headrace.common.monitoring.counting import count_refused
from headrace.common.validation import shown
from headrace.errors import RequestError

CODES: Mapping[int, str] = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}
"""The word for a status that has no better one."""

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def json_response(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """`data` as JSON, never cached: it is the state of this moment."""
    response = HttpResponse(msgspec.json.encode(data), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def error_response(
    message: str, status: int, *, code: str = "", field: str = "", headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The contract's error. Without a `code` it is the status's own word."""
    body = {"error": message, "code": code or CODES.get(status, "error"), "field": field}
    return json_response(body, status, headers)


def refused(error: RequestError) -> HttpResponse:
    """A wrong request as its answer."""
    code = CODES.get(error.status, error.code) if error.code == "bad_request" else error.code
    wait = max(1, round(error.retry_after or 1))
    headers = None
    if error.status in (429, 503):
        headers = {"Retry-After": str(wait)}
        count_refused(code)
    return error_response(error.message, error.status, code=code, field=error.field, headers=headers)


def wrong_method(request: HttpRequest, methods: str) -> HttpResponse:
    """The 405 of an address that takes only `methods`."""
    message = f"{request.method} is not answered here; use {methods}."
    return error_response(message, 405, headers={"Allow": methods})


def read_body(request: HttpRequest) -> bytes:
    """The body, at most `max_body_bytes` of it: beyond that RequestError 413."""
    limit = get_settings().max_body_bytes
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity"):
        message = f"the body is compressed ({coding[:40]}); send it as it is, without Content-Encoding"
        raise RequestError(message, field="Content-Encoding", code="unsupported_media_type", status=415)
    if _declared(request) > limit:
        raise too_large(limit)
    try:
        body = request.body
    except RequestDataTooBig:
        raise RequestError(
            "the body is larger than this server's DATA_UPLOAD_MAX_MEMORY_SIZE", code="body_too_large", status=413
        ) from None
    except UnreadablePostError:
        raise RequestError("the body broke off before its end") from None
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> RequestError:
    return RequestError(
        f"the body is larger than {limit} bytes (HEADRACE_MAX_BODY_BYTES)", code="body_too_large", status=413
    )


def parse_json(body: bytes) -> Any:
    """The value of a JSON text. RequestError says what is wrong: syntax, encoding, nesting, a name given twice."""
    if not body.strip():
        raise RequestError("the body is empty; send a JSON object")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(f"the body is not UTF-8: byte {error.start} begins no character") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        what = f"{error.msg[:1].lower()}{error.msg[1:]}".removesuffix(" at")
        raise RequestError(f"the body is not valid JSON: {what} at {where}") from None
    except UnicodeEncodeError:
        raise RequestError("the body is not usable: it holds half of a surrogate pair, which is no character") from None
    except RecursionError:
        raise RequestError("the body is not usable: its JSON is nested too deep") from None
    except ValueError:  # the interpreter's bound on digits
        raise RequestError("the body is not usable: it holds a number with thousands of digits") from None
    return value


def parse_kept(body: bytes) -> Any:
    """The same for what a database is to keep or to look for: PostgreSQL has no text with U+0000."""
    value = parse_json(body)
    if _NUL.search(body):
        raise RequestError("the body is not usable: it holds the character U+0000")
    return value


def _declared(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names occur once each: with a repeated one, two readers see two different requests."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise RequestError(f"the body gives {shown(twice)} twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise RequestError(f"the body is not valid JSON: {word} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise RequestError(f"the body holds a number that is too large: {text[:40]}")
    return number
