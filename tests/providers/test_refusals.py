"""Refused options: our defaults give way, a caller's value never does and its refusal is told clearly."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import UpstreamError
from headrace.providers.base import ChatRequest
from headrace.providers.refusals import Adjustments, explain, named_limit, read_refusal

BOTH = frozenset({"temperature", "max_tokens"})
DEFAULT = ChatRequest([], temperature=0.7, max_tokens=8192, defaulted=BOTH)
GIVEN = ChatRequest([], temperature=0.7, max_tokens=8192)


def adjust(error: UpstreamError, request: ChatRequest) -> ChatRequest | None:
    """The request to try instead, or None where the refusal is none of our defaults'."""
    adjustments = read_refusal(error, request)
    return None if adjustments is None else adjustments.apply(request)


def _error(message: str, param: str | None = None, status: int = 400) -> UpstreamError:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}}
    return UpstreamError("upstream_bad_request", message, status=status, body=json.dumps(body).encode())


LIMITS = [
    (
        "max_tokens is too large: 8192. This model supports at most 4096 completion tokens, whereas you provided 8192.",
        4096,
    ),
    ("Invalid max_tokens value, the valid range of max_tokens is [1, 4096]", 4096),
    ("<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 2048]", 2048),
    ("`max_tokens` must be less than or equal to `1024`, the maximum value for `max_tokens`", 1024),
    ("max_tokens for `llama-3.1-8b-instant` must be less than or equal to 8000", 8000),
    ("max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for the model", 4096),
    (
        "The parameter max_tokens is not valid: expected a value <= 4096, but got 8192 instead. Request id: 0217724f4",
        4096,
    ),
    ("a maxOutputTokens value of 8192 but the supported range is from 1 (inclusive) to 4097 (exclusive)", 4096),
    ("field MaxTokens invalid, should be in [1, 4096]", 4096),
    ("max_tokens 参数非法。取值范围 [1,4095]", 4095),
    ("max_tokens 不能大于 4096", 4096),
    ("max_tokens must be less than 4096", 4095),
    ("max_tokens must be >= 1 and <= 4,096", 4096),
    ("max_tokens must be between 1 and 4096", 4096),
    ("max_tokens exceeds the limit of 4096", 4096),
    ("max_tokens in [0, 4097)", 4096),
    ("max tokens too high, model has 4096", 4096),
    ("The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value", 4096),
]


@pytest.mark.parametrize(("message", "limit"), LIMITS)
def test_a_default_limit_is_lowered_to_the_one_that_is_named(message: str, limit: int) -> None:
    assert named_limit(message, 8192) == limit
    adjusted = adjust(_error(message, "max_tokens"), DEFAULT)
    assert adjusted is not None
    assert adjusted.max_tokens == limit
    assert adjusted.temperature == 0.7
    told = explain(_error(message), GIVEN)
    assert told.message.startswith(f"maxTokens: 8192 was sent, at most {limit} is allowed.")
    assert adjust(_error(message), GIVEN) is None


@pytest.mark.parametrize(
    "message",
    [
        "The max_tokens parameter is illegal.",
        "max_tokens: Extra inputs are not permitted",
        "This model's maximum context length is 8192 tokens. However, you requested 8256 tokens (64 in the messages, "
        "8192 in the completion). Please reduce the length of the messages or completion.",
        "'max_tokens' is too large: 8192. This model's maximum context length is 2048 tokens and your request has 13 "
        "input tokens (8192 > 2048 - 13).",
        "`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 8 `inputs` tokens and 8192 `max_new_tokens`",
    ],
)
def test_a_default_limit_without_a_usable_bound_is_dropped(message: str) -> None:
    adjusted = adjust(_error(message, "messages" if "messages" in message else None), DEFAULT)
    assert adjusted is not None
    assert adjusted.max_tokens is None
    assert adjust(_error(message), GIVEN) is None


@pytest.mark.parametrize(
    ("message", "allowed"),
    [
        (
            "Unsupported value: 'temperature' does not support 0.7. Only the default (1) value is supported.",
            "only 1",
        ),
        ("invalid temperature: only 0.6 is allowed for this model", "only 0.6"),
        ("temperature must be in [0, 0.5]", "0 to 0.5"),
        ("Unsupported parameter: 'temperature' is not supported with this model.", "does not accept"),
    ],
)
def test_a_default_temperature_is_dropped_and_a_given_one_told(message: str, allowed: str) -> None:
    adjusted = adjust(_error(message, "temperature"), DEFAULT)
    assert adjusted is not None
    assert adjusted.temperature is None
    assert adjusted.max_tokens == 8192
    assert adjust(_error(message), GIVEN) is None
    told = explain(_error(message), GIVEN).message
    assert told.startswith("temperature: 0.7 was sent, ")
    assert allowed in told.split("The provider says")[0]
    assert message in told


RENAME = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."


def test_the_limit_is_sent_by_the_name_that_the_model_wants_with_the_callers_value() -> None:
    for request in (DEFAULT, GIVEN):
        adjusted = adjust(_error(RENAME, "max_tokens"), request)
        assert adjusted == replace(request, learned=frozenset({"max_completion_tokens"}))
    renamed = replace(GIVEN, learned=frozenset({"max_completion_tokens"}))
    assert adjust(_error(RENAME, "max_tokens"), renamed) is None


def test_stream_options_are_always_ours() -> None:
    error = _error("Validation error at #/stream_options: Extra inputs are not permitted", status=422)
    assert adjust(error, GIVEN) == replace(GIVEN, learned=frozenset({"no_stream_options"}))
    assert adjust(error, replace(GIVEN, stream=False)) is None


@pytest.mark.parametrize(
    "error",
    [
        _error("The model `x` does not exist"),
        _error("Unsupported parameter: 'top_p'. You also sent temperature.", "top_p"),
        UpstreamError("upstream_auth", "temperature", status=401, body=b'{"error":"temperature"}'),
        UpstreamError("upstream_unavailable", "max_tokens", status=500, body=b"max_tokens"),
    ],
)
def test_other_errors_are_left_alone(error: UpstreamError) -> None:
    assert read_refusal(error, DEFAULT) is None
    assert explain(error, DEFAULT) is error


def test_any_given_option_is_named_in_the_wires_spelling() -> None:
    request = ChatRequest([], reasoning_effort="high", top_k=3, tools=[{"type": "function"}], defaulted=BOTH)
    assert explain(_error("reasoning_effort is not supported"), request).message.startswith("reasoningEffort: high was")
    assert explain(_error("x", "top_k"), request).message.startswith("topK: 3 was sent, which this model does not")
    assert explain(_error("`tools` is not supported"), request).message.startswith("tools: it was sent")
    told = explain(_error("x", "top_k"), request)
    assert (told.code, told.status, told.body) == ("upstream_bad_request", 400, _error("x", "top_k").body)


@given(
    st.lists(
        st.sampled_from([message for message, _ in LIMITS] + [RENAME, "temperature", "stream_options"]), max_size=8
    )
)
def test_adjusting_comes_to_an_end_and_what_is_remembered_does_the_same(messages: list[str]) -> None:
    request, remembered, rounds = DEFAULT, Adjustments(), 0
    for message in messages * 8:
        adjustments = read_refusal(_error(message), request)
        if adjustments is not None:
            rounds += 1
            request, remembered = adjustments.apply(request), remembered | adjustments
    assert rounds <= 5
    assert remembered.apply(DEFAULT) == request
    assert remembered.apply(request) is request
    given_ = remembered.apply(GIVEN)
    assert (given_.temperature, given_.max_tokens) == (0.7, 8192)


def test_a_lowered_limit_that_is_refused_again_is_dropped() -> None:
    lowered = adjust(_error("max_tokens: at most 4096"), DEFAULT)
    assert lowered is not None
    dropped = adjust(_error("max_tokens: at most 1024"), lowered)
    assert dropped is not None
    assert dropped.max_tokens is None


def test_a_lower_limit_of_ours_stays() -> None:
    assert Adjustments(max_tokens=4096).apply(replace(DEFAULT, max_tokens=100)).max_tokens == 100


def test_a_summary_of_thoughts_that_is_refused_is_asked_for_no_more() -> None:
    told = "Your organization must be verified to generate reasoning summaries."
    adjusted = adjust(_error(told, "reasoning.summary"), DEFAULT)
    assert adjusted is not None
    assert "no_reasoning_summary" in adjusted.learned
    assert adjust(_error(told, "reasoning.summary"), adjusted) is None
