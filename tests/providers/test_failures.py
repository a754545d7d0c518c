"""Answers that are no stream: the code, the provider's own words fit to be shown, and no key in any form."""

from __future__ import annotations

import base64
import html
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import ERROR_CODES, UpstreamError
from headrace.providers.error_facts import code_in_stream, find_error, read_facts
from headrace.providers.failures import RETRYABLE, read_failure, scrub
from headrace.providers.scrubbing import MAX_SHOWN, one_line

KEY = "sk-proj-CANARY_1234+/abcd=wxyz"


def _read(status: int, body: Any = None, headers: dict[str, str] | None = None) -> UpstreamError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    return read_failure(status, headers or {}, raw, secrets=(KEY,), now=1_700_000_000.0)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"error": {"message": "m"}}, "upstream_bad_request"),
        (400, {"error": {"message": "m", "code": "API_KEY_INVALID"}}, "upstream_auth"),
        (400, {"error": {"message": "m", "code": "Arrearage"}}, "upstream_quota"),
        (
            400,
            {
                "error": {
                    "code": 400,
                    "message": "m",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
                }
            },
            "upstream_auth",
        ),
        (
            400,
            {"error": {"message": "m", "status": "INVALID_ARGUMENT", "details": ["x", 5, {}]}},
            "upstream_bad_request",
        ),
        (400, {"__type": "ServiceQuotaExceededException", "message": "m"}, "upstream_quota"),
        (400, {"__type": "com.amazon.coral#ThrottlingException", "Message": "m"}, "upstream_bad_request"),
        (401, {"errors": [{"code": 10000, "message": "Authentication error"}], "success": False}, "upstream_auth"),
        (429, {"errors": [{"code": 4006, "message": "you have used up your daily free allocation"}]}, "upstream_quota"),
        (
            422,
            {"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "no"}]}},
            "upstream_bad_request",
        ),
        (404, {"id": "1", "message": "model 'x' not found"}, "upstream_not_found"),
        (400, {"code": "InvalidParameter", "message": "m", "request_id": "1"}, "upstream_bad_request"),
        (401, {"code": "InvalidApiKey", "message": "m", "request_id": "1"}, "upstream_auth"),
        (429, {"code": "Throttling.AllocationQuota", "message": "m"}, "upstream_quota"),
        (429, {"code": "Throttling.RateQuota", "message": "m"}, "upstream_rate_limited"),
        (401, None, "upstream_auth"),
        (402, {"error": "Insufficient Balance"}, "upstream_quota"),
        (403, {"error": {"message": "no"}}, "upstream_auth"),
        (403, {"code": 30011, "message": "Your paid balance is insufficient.", "data": None}, "upstream_quota"),
        (403, {"error": {"code": "AccountOverdueError", "message": "m"}}, "upstream_quota"),
        (403, {"code": "AllocationQuota.FreeTierOnly", "message": "m"}, "upstream_quota"),
        (404, b"404 page not found", "upstream_not_found"),
        (405, {"detail": "Method Not Allowed"}, "upstream_bad_request"),
        (408, None, "upstream_timeout"),
        (409, None, "upstream_conflict"),
        (413, {"error": {"type": "request_too_large", "message": "m"}}, "upstream_bad_request"),
        (422, {"detail": [{"loc": ["body", "temperature"], "msg": "too hot"}]}, "upstream_bad_request"),
        (429, {"error": {"type": "rate_limit_error"}}, "upstream_rate_limited"),
        (429, {"error": {"code": "insufficient_quota"}}, "upstream_quota"),
        (429, {"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试。"}}, "upstream_quota"),
        (429, {"error": {"type": "exceeded_current_quota_error", "message": "m"}}, "upstream_quota"),
        (429, {"error": {"type": "engine_overloaded_error", "message": "m"}}, "upstream_overloaded"),
        (
            429,
            {"error": {"status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota, check billing"}},
            "upstream_rate_limited",
        ),
        (498, None, "upstream_overloaded"),
        (500, {"error": {"type": "server_error"}}, "upstream_unavailable"),
        (502, b"<html><title>502 Bad Gateway</title>", "upstream_unavailable"),
        (503, {"error": {"message": "m"}}, "upstream_unavailable"),
        (503, {"error": {"message": "The model is overloaded."}}, "upstream_overloaded"),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, "upstream_overloaded"),
        (599, None, "upstream_unavailable"),
        (451, None, "upstream_bad_request"),
        (204, None, "upstream_protocol"),
        (302, None, "upstream_redirect_refused"),
    ],
)
def test_the_code_follows_status_and_words(status: int, body: Any, code: str) -> None:
    error = _read(status, body)
    assert error.code == code
    assert error.status == status
    assert error.retryable == (code in RETRYABLE)
    assert error.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "  It\nbroke\t\x1b[31m "}}, "It broke [31m"),
        ({"error": "plain"}, "plain"),
        ({"message": "top", "type": "Bad Request"}, "top"),
        ({"detail": "Unauthorized"}, "Unauthorized"),
        (
            {"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"}]},
            "top_k: Extra inputs are not permitted",
        ),
        ({"object": "error", "message": {"detail": [{"loc": ["body", "seed"], "msg": "no"}]}}, "seed: no"),
        ({"errors": [{"message": "first", "code": 1}, {"message": "second"}]}, "first"),
        ({"error": True, "message": "told beside it"}, "told beside it"),
        ({"timestamp": 1, "status": 404, "error": "Not Found", "path": "/"}, "Not Found"),
        ([{"error": {"message": "in a list"}}], "in a list"),
        ({"base_resp": {"status_code": 1004, "status_msg": "x"}, "msg": "y"}, "y"),
        ({"error": {"type": "overloaded_error"}}, "overloaded_error"),
        (b"just text\r\n", "just text"),
        (b'event:error\ndata:{"code":"InvalidParameter","message":"Range of max_tokens"}\n', "Range of max_tokens"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", "The provider answered 400 Bad Request."),
        ({}, "The provider answered 400 Bad Request."),
        (
            b"<!DOCTYPE html><html><head><title>Just a moment &amp; more</title>" + b"x" * 9000,
            "The provider answered with a web page, not an API's answer: Just a moment & more",
        ),
    ],
)
def test_the_providers_own_words_are_shown(body: Any, message: str) -> None:
    assert _read(400, body).message == message


def test_a_long_message_is_cut() -> None:
    assert len(_read(400, {"error": {"message": "x" * 10_000}}).message) == MAX_SHOWN


def test_a_redirect_names_its_target_without_credentials_or_query() -> None:
    error = _read(307, b"", {"LOCATION": f"https://u:p@other.example/v1?key={KEY}"})
    assert "https://other.example/v1." in error.message
    assert "p@" not in error.message
    assert "CANARY" not in error.message
    assert not error.retryable
    assert _read(301, b"", {"location": "http://[bad"}).code == "upstream_redirect_refused"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert _read(429, {"error": "slow down"}, headers).retry_after == seconds


FORMS = {
    "plain": KEY,
    "header": f"Bearer {KEY}",
    "quoted": quote(KEY, safe=""),
    "quoted lower": quote(KEY, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
    "json": json.dumps(KEY)[1:-1],
    "html": html.escape(KEY),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "basic": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "urlsafe": base64.urlsafe_b64encode(f"a{KEY}z".encode()).decode(),
    "beginning": KEY[:14],
    "masked": "sk-pro****************wxyz",
    "masked end": "****wxyz",
    "masked start": "sk-proj-...",
    "dotted": "sk-p…wxyz",
    "crossed": "sk-proj-xxxxxxxxwxyz",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_no_form_of_a_key_is_shown(form: str) -> None:
    shown = scrub(f"Incorrect key: {form}, sorry", (KEY,))
    assert "[key]" in shown
    for part in (KEY[:8], "CANARY", "wxyz", "Q0FOQVJZ", "NBTkFSW", "DQU5BUl"):
        assert part not in shown
    assert shown.startswith("Incorrect key: ")
    error = _read(401, {"error": {"message": f"Incorrect key: {form}"}})
    assert "CANARY" not in error.message + error.body.decode() + repr(error)


@given(st.text(min_size=1, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_secret_that_stands_alone_is_never_left(secret: str, before: str, after: str) -> None:
    secret = secret.strip()
    shown = scrub(f"{before} {secret} {after}", (secret,))
    if len(secret) >= 4 and secret not in "[key]":
        assert secret not in shown.replace("[key]", "")


def test_innocent_words_stay() -> None:
    text = "Wait... and see: 5 ** 2, so on... abc is no key, a skill is."
    assert scrub(text, (KEY, "sk", "", " ")) == text


@given(st.text(max_size=200), st.integers(2, 100))
def test_a_line_is_one_printable_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    line.encode()
    assert not any(ord(character) < 32 or character in "\u2028\u2029\x85\x7f" for character in line)


_ERROR_MEMBERS = (
    *("error", "errors", "message", "detail", "msg", "code", "type"),
    *("status", "param", "loc", "base_resp", "choices", "object"),
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*_ERROR_MEMBERS]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.integers(100, 999), st.binary(max_size=60) | _json.map(lambda value: json.dumps(value).encode()))
def test_any_answer_becomes_one_error(status: int, body: bytes) -> None:
    error = read_failure(status, {"retry-after": "x"}, body, secrets=(KEY,), now=0.0)
    assert error.code in ERROR_CODES
    assert error.message
    assert len(error.message) <= MAX_SHOWN


@given(_json)
def test_any_value_can_be_asked_whether_it_is_an_error(value: Any) -> None:
    facts = find_error(value)
    assert code_in_stream(facts if facts is not None else read_facts(value)) in ERROR_CODES


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"type": "invalid_request", "message": "m", "code": 400}}, "upstream_error"),
        ({"error": {"type": "server_error", "code": 500}}, "upstream_error"),
        ({"error": {"code": "rate_limit_exceeded"}}, "upstream_rate_limited"),
        ({"error": {"code": 429, "message": "m"}}, "upstream_rate_limited"),
        ({"error": {"code": "401"}}, "upstream_auth"),
        ({"error": {"type": "authentication_error"}}, "upstream_auth"),
        ({"error": {"type": "insufficient_quota"}}, "upstream_quota"),
        ({"type": "error", "error": {"type": "overloaded_error"}}, "upstream_overloaded"),
        ({"error": "rate limit reached"}, "upstream_rate_limited"),
        ({"code": "Throttling.RateQuota", "message": "m"}, "upstream_rate_limited"),
    ],
)
def test_an_error_inside_an_answer_has_its_code(body: Any, code: str) -> None:
    facts = find_error(body)
    assert facts is not None
    assert code_in_stream(facts) == code


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": [], "error": None},
        {"type": "ping"},
        {"choices": [], "message": "m", "code": 0},
        {"message": {"content": "x"}, "done": False},
        {"base_resp": {"status_code": 0, "status_msg": ""}},
        {"usage": {}},
        5,
        [],
    ],
)
def test_what_may_be_a_part_of_an_answer_is_no_error(body: Any) -> None:
    assert find_error(body) is None


def test_amazon_says_in_a_header_what_kind_of_error_it_is() -> None:
    named = {"x-amzn-ErrorType": "ServiceQuotaExceededException:http://internal.amazon.com/"}
    assert _read(400, {"message": "m"}, named).code == "upstream_quota"
    assert _read(400, {"message": "m"}, {"x-amzn-ErrorType": "ValidationException"}).code == "upstream_bad_request"
