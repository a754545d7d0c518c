"""Reads the error objects that providers write, in all their shapes, and names the kind of each.

Refuses to touch keys or to shorten messages: `failures` does both before anything is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What a provider said of an error. `kind` and `code` are its own words; `status` an HTTP status it names."""

    message: str = ""
    kind: str = ""
    code: str = ""
    param: str = ""
    status: int | None = None


_MESSAGE_KEYS = (
    "message",
    "Message",
    "msg",
    "error_msg",
    "error_message",
    "status_msg",
    "detail",
    "details",
    "error_description",
)
_KIND_KEYS = ("type", "__type", "error_type", "reason", "status")
_CODE_KEYS = ("code", "error_code", "status_code", "err_code")
_BESIDE = frozenset({"success", "request_id", "requestId", "timestamp", "path", "param", "message_id"})
_ALONE = frozenset({*_MESSAGE_KEYS, *_CODE_KEYS, "status", "__type", "error_type", *_BESIDE})
"""What an error holds that is nothing but an error: an answer's part holds something else."""
_GOOD_CODES = frozenset({"0", "200", "ok", "success"})
_MAX_DEPTH = 4
"""Errors are wrapped in errors by gateways, but not deeper than this."""


def find_error(body: Any) -> ErrorFacts | None:
    """The error that an answer *is*, or None for anything that may be a part of a good answer."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, Mapping):
        return None
    if body.get("error") or body.get("errors") or "error" in (body.get("object"), body.get("type")):
        return read_facts(body)
    if body.get("choices") is not None:
        return None
    result = body.get("base_resp")
    if isinstance(result, Mapping) and result.get("status_code"):
        return read_facts(result)
    if isinstance(body.get("detail"), str | list | Mapping) and body["detail"]:
        return read_facts(body)
    if isinstance(body.get("message"), str) and body["message"] and ("code" in body or "status" in body):
        return read_facts(body)
    return read_facts(body) if _is_bare(body) else None


def _is_bare(body: Mapping[str, Any]) -> bool:
    """Whether this is a message, with a code perhaps, and nothing else: an error in the words of no API."""
    if not body.keys() <= _ALONE or not any(isinstance(body.get(key), str) and body[key] for key in _MESSAGE_KEYS):
        return False
    return body.get("success") is not True and _first(body, _CODE_KEYS).lower() not in _GOOD_CODES


def read_facts(body: Any, depth: int = 0) -> ErrorFacts:
    """Whatever can be understood of a value that is known to be an error."""
    if isinstance(body, list):
        return _read_list(body, depth)
    if not isinstance(body, Mapping):
        return ErrorFacts(_text(body))
    inner = body.get("error") or body.get("errors")
    if isinstance(inner, Mapping | list) and inner and depth < _MAX_DEPTH:
        return read_facts(inner, depth + 1)
    return _read_object(body, depth)


def _read_object(body: Mapping[str, Any], depth: int) -> ErrorFacts:
    message = next((body[key] for key in _MESSAGE_KEYS if body.get(key)), None)
    if isinstance(message, Mapping | list) and depth < _MAX_DEPTH:
        nested = read_facts(message, depth + 1)
        message, param = nested.message, nested.param
    else:
        message, param = _text(message or body.get("error")), ""
    code = _first(body, _CODE_KEYS)
    details = body.get("details")
    reason = (
        next(filter(None, (_first(each, ("reason",)) for each in details)), "") if isinstance(details, list) else ""
    )
    return ErrorFacts(
        message=message or _first(body, _KIND_KEYS),
        kind=" ".join(filter(None, (_first(body, _KIND_KEYS) or _first(body.get("metadata"), _KIND_KEYS), reason))),
        code=code,
        param=_text(body.get("param")) or param,
        status=_status(body, code),
    )


def _read_list(items: list[Any], depth: int) -> ErrorFacts:
    """The first of several errors; validators name the field in `loc`, which is a part of what they say."""
    first = items[0] if items else None
    if isinstance(first, Mapping) and isinstance(first.get("loc"), list | tuple):
        where = ".".join(str(step) for step in first["loc"] if step != "body")
        return ErrorFacts(f"{where}: {_text(first.get('msg'))}", kind=_text(first.get("type")), param=where)
    return read_facts(first, depth + 1) if depth < _MAX_DEPTH else ErrorFacts(_text(first))


def _first(body: Any, keys: tuple[str, ...]) -> str:
    if not isinstance(body, Mapping):
        return ""
    return next((text for key in keys if (text := _text(body.get(key)))), "")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def _status(body: Mapping[str, Any], code: str) -> int | None:
    for value in (_text(body.get("status_code")), _text(body.get("status")), code):
        if re.fullmatch(r"[45]\d\d", value):
            return int(value)
    return None


_KINDS: tuple[tuple[ErrorCode, re.Pattern[str]], ...] = (
    (
        "upstream_quota",
        re.compile(
            r"insufficient.?(user.?)?(quota|balance|fund|credit)|billing|exceeded.current.quota|payment.?required"
            r"|arrear|overdue|quota.?exhausted|service.?quota|credits?.?(exhausted|depleted)|allocationquota",
            re.IGNORECASE,
        ),
    ),
    (
        "upstream_overloaded",
        re.compile(r"overload|capacity|(server|model|system).?busy|slow.?down", re.IGNORECASE),
    ),
    (
        "upstream_rate_limited",
        re.compile(
            r"rate.?(limit|exceed)|too.?many.?requests|throttl|resource.?exhausted|limit.?(requests|burst|tokens)"
            r"|(requests|tokens).?(limit|exceed|per)",
            re.IGNORECASE,
        ),
    ),
    (
        "upstream_auth",
        re.compile(
            r"authenticat|unauthori[sz]ed|api.?key|permission|forbidden|access.?denied|invalid.?token", re.IGNORECASE
        ),
    ),
)
_SENTENCES: tuple[tuple[ErrorCode, re.Pattern[str]], ...] = (
    (
        "upstream_quota",
        re.compile(
            r"insufficient (\w+ )?(quota|balance|fund|credit)|exceeded your current quota|billing|credit balance"
            r"|out of credits|not enough (credit|balance)|balance (is |was )?(insufficient|too low|not enough)"
            r"|payment required|in arrears|used up your [\w ]{0,20}allocation|余额不足|余额已用尽|欠费|额度已用|充值",
            re.IGNORECASE,
        ),
    ),
    ("upstream_overloaded", re.compile(r"overloaded|at capacity|server (is )?busy|engine is busy|过载", re.IGNORECASE)),
    ("upstream_rate_limited", re.compile(r"rate.?limit|too many requests|请求过于频繁|限流", re.IGNORECASE)),
)
_BY_STATUS: Mapping[int, ErrorCode] = {
    401: "upstream_auth",
    402: "upstream_quota",
    403: "upstream_auth",
    404: "upstream_not_found",
    408: "upstream_timeout",
    409: "upstream_conflict",
    429: "upstream_rate_limited",
    498: "upstream_overloaded",
    529: "upstream_overloaded",
}
_STATUS_IN_STREAM = frozenset({401, 402, 403, 429, 498, 529})
"""A stream that has begun was a good request: of the statuses that its error names, only these say more."""
_MAY_BE_QUOTA = frozenset({400, 402, 403, 429})
_MAY_BE_OVERLOAD = frozenset({429, 500, 502, 503, 504})


def code_of_status(status: int, facts: ErrorFacts) -> ErrorCode:
    """The code for an answer with an HTTP status of 400 or more."""
    said = _said(facts)
    if status in _MAY_BE_QUOTA and said == "upstream_quota":
        return said
    if status in _MAY_BE_OVERLOAD and said == "upstream_overloaded":
        return said
    if status == 400 and re.search(r"api.?key|authenticat", f"{facts.kind} {facts.code}", re.IGNORECASE):
        return "upstream_auth"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "upstream_unavailable" if status >= 500 else "upstream_bad_request"


def code_in_stream(facts: ErrorFacts) -> ErrorCode:
    """The code for an error that stands inside an answer whose HTTP status was good."""
    if (said := _said(facts)) is not None:
        return said
    if facts.status in _STATUS_IN_STREAM:
        return _BY_STATUS[facts.status]
    return "upstream_error"


def _said(facts: ErrorFacts) -> ErrorCode | None:
    """What the provider's own words say: its kind and code first, its sentence where those say nothing."""
    words = f"{facts.kind} {facts.code}"
    for code, pattern in _KINDS:
        if pattern.search(words):
            return code
    return next((code for code, pattern in _SENTENCES if pattern.search(facts.message)), None)
