"""Anthropic Messages: recorded answers at every cut, odd and broken ones, and the requests that ask for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import FramingError, RequestError
from headrace.providers.anthropic import ADAPTER, AnthropicParser
from headrace.providers.anthropic_thinking import version_of
from headrace.providers.base import Provider
from headrace.providers.decoder import StreamDecoder
from headrace.stream.events import Event, Finish, Usage
from headrace.stream.framing import Frame
from tests.corpus import needs_corpus
from tests.providers.outcomes import Outcome, bytewise, decode, merged, summed
from tests.providers.questions import (
    ANSWER_FORMAT,
    ANSWER_SCHEMA,
    EVERYTHING,
    LINK,
    PIXEL,
    PLAIN,
    TALK,
    WEATHER,
    WEATHER_SCHEMA,
    asked,
    body_of,
    built,
    feed_all,
    odd_json,
)
from tests.providers.recorded import Recording, check_cuts, check_refusal, check_stream, recordings

ANTHROPIC = Provider("anthropic", ADAPTER, "https://api.anthropic.com/v1")
VERTEX = Provider("vertex-anthropic", ADAPTER, quirks=frozenset({"vertex"}))
HOST = "https://api.anthropic.com/v1"
OLD = "claude-sonnet-4-5-20250929"

RECORDINGS = recordings("anthropic")
STREAMS = [recording for recording in RECORDINGS if recording.status == 200]
REFUSALS = [recording for recording in RECORDINGS if recording.status != 200]

START = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}
STOP = {"type": "message_stop"}
NAMES = {
    *("type", "index", "delta", "content_block", "message", "usage", "content", "stop_reason", "error", "text", "id"),
    *("thinking", "partial_json", "input", "name", "input_tokens", "output_tokens", "output_tokens_details"),
    *("content_block_start", "content_block_delta", "content_block_stop", "message_start", "message_delta"),
    *("message_stop", "tool_use", "text_delta", "thinking_delta", "input_json_delta"),
}


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in events
    )


def text(said: str, index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": said}}


def ended(reason: str, **usage: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def call(index: int, name: str, given: dict[str, Any] | None = None, kind: str = "tool_use") -> dict[str, Any]:
    block = {"type": kind, "id": f"id_{name}", "name": name, "input": given or {}}
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index: int, arguments: str) -> dict[str, Any]:
    delta = {"type": "input_json_delta", "partial_json": arguments}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def closed(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def outcome(body: bytes) -> Outcome:
    """The outcome, which is the same whole and byte by byte."""
    whole = decode(ANTHROPIC, [body])
    assert merged(decode(ANTHROPIC, bytewise(body))) == merged(whole)
    return summed(whole)


@needs_corpus
@pytest.mark.parametrize("recording", STREAMS, ids=lambda recording: recording.name)
def test_a_recorded_stream_gives_exactly_what_is_expected(recording: Recording) -> None:
    check_stream(ANTHROPIC, recording)


@needs_corpus
@pytest.mark.parametrize("recording", STREAMS, ids=lambda recording: recording.name)
def test_no_cut_changes_a_recorded_stream(recording: Recording) -> None:
    assert check_cuts(ANTHROPIC, recording)


@needs_corpus
@pytest.mark.parametrize("recording", REFUSALS, ids=lambda recording: recording.name)
def test_a_recorded_refusal_is_told_in_the_providers_words(recording: Recording) -> None:
    assert check_refusal(recording).code == {400: "upstream_bad_request", 404: "upstream_not_found"}[recording.status]


@needs_corpus
def test_the_corpus_is_read_at_all() -> None:
    assert len(STREAMS) >= 22
    assert any(recording.expected["server_tool_calls"] for recording in STREAMS)


def test_calls_are_numbered_without_the_servers_own() -> None:
    got = outcome(
        sse(
            START,
            call(0, "search", kind="server_tool_use"),
            piece(0, '{"q":1}'),
            closed(0),
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "web_search_tool_result", "content": []},
            },
            closed(1),
            call(2, "one"),
            call(3, "two"),
            piece(3, '{"b":'),
            piece(2, "{}"),
            piece(3, "2}"),
            closed(2),
            closed(3),
            call(4, "mcp", kind="mcp_tool_use"),
            piece(4, "{}"),
            ended("tool_use", output_tokens=7),
            STOP,
        )
    )
    assert got.calls == [["id_one", "one", "{}"], ["id_two", "two", '{"b":2}']]
    assert got.finish == Finish("tool_calls", "tool_use", Usage(9, 7))


@pytest.mark.parametrize("end", [[closed(0)], []], ids=["closed", "left open"])
def test_arguments_that_came_at_once_are_told_once(end: list[dict[str, Any]]) -> None:
    tail = [*end, ended("tool_use"), STOP]
    assert outcome(sse(call(0, "one", {"a": 1}), *tail)).calls == [["id_one", "one", '{"a":1}']]
    assert outcome(sse(call(0, "one"), *tail)).calls == [["id_one", "one", "{}"]]
    assert outcome(sse(call(0, "one", {"a": 1}), piece(0, '{"a":1}'), *tail)).calls == [["id_one", "one", '{"a":1}']]


def test_text_and_thoughts_in_the_beginning_of_a_block_count() -> None:
    thought = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    got = outcome(
        sse(
            {"type": "content_block_start", "index": 0, "content_block": thought},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "."}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "secret"}},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "redacted_thinking", "data": "secret"},
            },
            {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": "A"}},
            text("nswer", 2),
            ended("end_turn"),
            STOP,
        )
    )
    assert (got.reasoning, got.content) == ("Hm.", "Answer")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "stop"),
        ("never heard of it", "stop"),
    ],
)
def test_every_word_for_the_end_is_kept_and_mapped(word: str, reason: str) -> None:
    assert outcome(sse(START, text("Hi"), ended(word), STOP)).finish == Finish(reason, word, Usage(9, 1))  # type: ignore[arg-type]


def test_an_end_needs_evidence() -> None:
    assert outcome(sse(START, text("Hi"), ended("end_turn"))).finish == Finish("stop", "end_turn", Usage(9, 1))
    assert outcome(sse(START, text("Hi"), STOP)).failure is None
    assert outcome(sse(text("Hi"), ended("end_turn")) + b"data: [DONE]\n\n").failure is None
    cut = outcome(sse(START, text("Hi")))
    assert cut.failure is not None
    assert cut.failure.code == "upstream_truncated"
    assert cut.finish == Finish("error", "", Usage(9, 1))


def test_usage_is_cumulative_and_known_from_the_start() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "cache_read_input_tokens": 4}}}
    end = ended("end_turn", input_tokens=12, output_tokens=5, cache_read_input_tokens=0)
    end["usage"]["output_tokens_details"] = {"thinking_tokens": 3}
    finish = outcome(sse(start, ended("end_turn", output_tokens=2), end, STOP)).finish
    assert finish is not None
    assert finish.usage == Usage(12, 5, 3, 0)
    decoder = StreamDecoder(ANTHROPIC)
    decoder.feed(sse(start, text("Hi")))
    assert decoder.cancel()[-1] == Finish("cancelled", "", Usage(9, 0, 0, 4))


def test_a_host_that_leaves_the_prompt_out_at_the_end_changes_nothing() -> None:
    finish = outcome(sse(START, text("Hi"), ended("end_turn", input_tokens=0, output_tokens=3), STOP)).finish
    assert finish is not None
    assert finish.usage == Usage(9, 3)


@pytest.mark.parametrize(
    ("kind", "code", "retryable"),
    [
        ("overloaded_error", "upstream_overloaded", True),
        ("rate_limit_error", "upstream_rate_limited", True),
        ("api_error", "upstream_unavailable", True),
        ("timeout_error", "upstream_timeout", True),
        ("authentication_error", "upstream_auth", False),
        ("permission_error", "upstream_auth", False),
        ("billing_error", "upstream_quota", False),
        ("invalid_request_error", "upstream_bad_request", False),
        ("not_found_error", "upstream_not_found", False),
        ("new_error", "upstream_error", False),
    ],
)
def test_errors_in_mid_stream_have_their_codes(kind: str, code: str, retryable: bool) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "It went wrong."}}
    got = outcome(sse(START, text("Hi"), error))
    assert got.content == "Hi"
    assert got.failure is not None
    assert (got.failure.code, got.failure.retryable, got.failure.message) == (code, retryable, "It went wrong.")


@pytest.mark.parametrize(
    "body",
    [
        b"event: error\ndata: It went wrong.\n\n",
        b'event: error\ndata: {"message":"It went wrong."}\n\n',
        b'data: {"error":{"message":"It went wrong."}}\n\n',
        b'{"type":"error","error":{"type":"new_error","message":"It went wrong."}}',
    ],
)
def test_errors_in_other_clothes_are_read_too(body: bytes) -> None:
    failure = outcome(body).failure
    assert failure is not None
    assert (failure.code, failure.message) == ("upstream_error", "It went wrong.")


def test_what_is_new_or_empty_is_passed_over() -> None:
    new = {"type": "context_hint", "index": 0, "delta": {"type": "new_delta", "text": "no"}, "detail": "no"}
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "citations_delta", "citation": {"text": "no"}},
    }
    got = outcome(sse(START, {"type": "ping"}, new, delta) + b"data:\n\n" + sse(text("Hi"), ended("end_turn"), STOP))
    assert got.content == "Hi"


def test_odd_values_are_read_for_what_they_mean() -> None:
    body = (
        b'data: {"type":"content_block_start","index":"0","content_block":{"type":"tool_use","id":7,"name":"f"}}\n\n'
        b'data: {"type":"content_block_delta","index":0.0,"delta":{"type":"input_json_delta","partial_json":"{}"}}\n\n'
        b'data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a\\ud83d"}}\n\n'
        b'data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"\\ude00\x01"}}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":"5"}}\n\n'
    )
    got = outcome(body)
    assert got.calls == [["7", "f", "{}"]]
    assert got.content == "a\U0001f600\x01"
    assert got.finish == Finish("tool_calls", "tool_use", Usage(0, 5))


def test_a_whole_answer_is_read_like_a_streamed_one() -> None:
    whole = {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "s"},
            {"type": "text", "text": "Hi"},
            {"type": "server_tool_use", "id": "s", "name": "search", "input": {}},
            {"type": "tool_use", "id": "c", "name": "f", "input": {"a": [1]}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    got = outcome(json.dumps(whole).encode())
    assert (got.reasoning, got.content, got.calls) == ("Hm", "Hi", [["c", "f", '{"a":[1]}']])
    assert got.finish == Finish("tool_calls", "tool_use", Usage(3, 4))
    with pytest.raises(FramingError):
        ADAPTER.whole(b'{"type":"something else"}')


@given(st.lists(odd_json(NAMES), max_size=4), st.sampled_from(["", "error", "message_start"]))
def test_any_json_raises_nothing_but_framing_errors(values: list[Any], name: str) -> None:
    feed_all(AnthropicParser(), [Frame(json.dumps(value).encode(), name) for value in values])
    for value in values:
        try:
            events: list[Event] = list(ADAPTER.whole(json.dumps(value).encode()))
        except FramingError:
            continue
        assert events


# Requests


def test_a_request_with_everything() -> None:
    request = built(ANTHROPIC, EVERYTHING, HOST, OLD, key="sk-ant-1")
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.headers["x-api-key"] == "sk-ant-1"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    assert body_of(request) == {
        "model": OLD,
        "max_tokens": 2000,
        "stream": True,
        "system": "Be brief.\n\nBe kind.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]},
            {"role": "assistant", "content": "A river."},
            {"role": "user", "content": "And the weather in Köln and Bonn?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Köln"}},
                    {"type": "tool_use", "id": "call_2", "name": "weather", "input": {"city": "Bonn"}},
                    {"type": "tool_use", "id": "call_3", "name": "clock", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "Sunny."},
                    {"type": "tool_result", "tool_use_id": "call_2", "content": '{"sky": "grey"}'},
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_3",
                        "content": [{"type": "text", "text": "Noon."}, picture],
                    },
                    {"type": "text", "text": "So?"},
                ],
            },
        ],
        "temperature": 0.25,
        "top_p": 0.5,
        "top_k": 40,
        "stop_sequences": ["END", "###"],
        "tools": [
            {
                "name": "weather",
                "description": "Tells the weather.",
                "input_schema": WEATHER_SCHEMA,
                "strict": True,
            },
            {"name": "clock", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "auto"},
        "output_config": {"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}},
    }


def test_a_plain_request_and_one_for_a_whole_answer() -> None:
    plain = {"model": OLD, "max_tokens": 8192, "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.7}
    assert body_of(built(ANTHROPIC, PLAIN, HOST, OLD)) == {**plain, "stream": True}
    assert body_of(built(ANTHROPIC, asked(PLAIN, stream=False), HOST, OLD)) == {**plain, "stream": False}


def test_vertex_has_the_model_in_its_url_and_a_token() -> None:
    root = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5"
    pasted = f"{root}/publishers/anthropic/models/other:rawPredict"
    model = "claude-sonnet-4-5@20250929"
    for base, provider in ((root, VERTEX), (pasted, VERTEX), (root, ANTHROPIC)):
        request = built(provider, PLAIN, base, model, key="ya29.token")
        assert request.url == f"{root}/publishers/anthropic/models/{model}:streamRawPredict"
        assert request.headers["authorization"] == "Bearer ya29.token"
        assert body_of(request) == {
            "anthropic_version": "vertex-2023-10-16",
            "max_tokens": 8192,
            "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0.7,
            "stream": True,
        }
    whole = built(VERTEX, asked(PLAIN, stream=False), root, model)
    assert whole.url.endswith(f"/{model}:rawPredict")
    assert "stream" not in body_of(whole)
    with pytest.raises(RequestError) as refused:
        built(VERTEX, PLAIN, "https://us-east5-aiplatform.googleapis.com", model)
    assert refused.value.field == "model.endpoint"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1/messages"),
        ("https://gateway.example/a/v1beta/", "https://gateway.example/a/v1beta/messages"),
    ],
)
def test_urls_as_people_write_them(base: str, url: str) -> None:
    assert built(ANTHROPIC, PLAIN, base, OLD).url == url


def test_linked_images_cached_texts_and_documents() -> None:
    cached = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
    pdf = {"type": "image_url", "image_url": {"url": "data:application/pdf;base64,QQ=="}}
    plain = {"type": "image_url", "image_url": {"url": "data:image/svg+xml;charset=utf-8,%3Csvg/%3E"}}
    messages = [{"role": "system", "content": [cached]}, {"role": "user", "content": [LINK, cached, pdf, plain]}]
    body = body_of(built(ANTHROPIC, asked(PLAIN, messages=messages), HOST, OLD))
    assert body["system"] == [cached]
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": LINK["image_url"]["url"]}},  # type: ignore[index]
        cached,
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/svg+xml", "data": "PHN2Zy8+"}},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
    ],
)
def test_tool_choices(choice: Any, sent: dict[str, Any]) -> None:
    request = asked(PLAIN, tools=[WEATHER], tool_choice=choice)
    assert body_of(built(ANTHROPIC, request, HOST, OLD))["tool_choice"] == sent


def test_the_servers_own_tools_pass_as_they_are() -> None:
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    assert body_of(built(ANTHROPIC, asked(PLAIN, tools=[tool]), HOST, OLD))["tools"] == [tool]


ADAPTIVE = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "config"),
    [
        (OLD, None, None, None),
        (OLD, "none", None, None),
        (OLD, "minimal", {"type": "enabled", "budget_tokens": 1024}, None),
        (OLD, "medium", {"type": "enabled", "budget_tokens": 4096}, None),
        (OLD, "high", {"type": "enabled", "budget_tokens": 6553}, None),
        ("kimi-k2-thinking", "low", {"type": "enabled", "budget_tokens": 1638}, None),
        ("claude-opus-4-6", "minimal", ADAPTIVE, {"effort": "low"}),
        ("claude-opus-4-6", "xhigh", ADAPTIVE, {"effort": "max"}),
        ("claude-opus-4-7", "xhigh", ADAPTIVE, {"effort": "xhigh"}),
        ("claude-opus-4-7", None, None, None),
        ("claude-sonnet-5", None, ADAPTIVE, None),
        ("claude-sonnet-5", "none", {"type": "disabled"}, None),
        ("claude-sonnet-5", "low", ADAPTIVE, {"effort": "low"}),
    ],
)
def test_efforts_in_each_generations_words(model: str, effort: str | None, thinking: Any, config: Any) -> None:
    body = body_of(built(ANTHROPIC, asked(PLAIN, reasoning_effort=effort), HOST, model))
    assert body.get("thinking") == thinking
    assert body.get("output_config") == config
    thinks = thinking is not None and thinking["type"] != "disabled"
    assert ("temperature" in body) == (not thinks and not model.startswith(("claude-opus-4-7", "claude-sonnet-5")))


def test_an_effort_and_a_schema_share_a_field() -> None:
    request = asked(PLAIN, reasoning_effort="high", response_format=ANSWER_FORMAT)
    config = body_of(built(ANTHROPIC, request, HOST, "claude-opus-4-6"))["output_config"]
    assert config == {"effort": "high", "format": {"type": "json_schema", "schema": ANSWER_SCHEMA}}


def test_a_temperature_of_the_callers_is_always_sent() -> None:
    request = asked(PLAIN, temperature=0.0, reasoning_effort="high", top_p=0.9)
    for model in (OLD, "claude-opus-4-7"):
        assert body_of(built(ANTHROPIC, request, HOST, model))["temperature"] == 0
    assert "temperature" not in body_of(built(ANTHROPIC, asked(PLAIN, top_p=0.9), HOST, OLD))
    learned = asked(PLAIN, learned=frozenset({"no_default_temperature"}))
    assert "temperature" not in body_of(built(ANTHROPIC, learned, HOST, OLD))


def test_signed_thoughts_go_back_and_others_do_not() -> None:
    details = [
        {"type": "reasoning.text", "text": "Hm", "signature": "sig"},
        {"type": "reasoning.text", "text": "unsigned"},
        {"type": "reasoning.encrypted", "data": "xyz"},
    ]
    signed = {**TALK[5], "reasoning_details": details, "reasoning_content": "Hm"}
    talk = [TALK[4], signed, *TALK[6:9]]
    body = body_of(built(ANTHROPIC, asked(PLAIN, messages=talk, reasoning_effort="low"), HOST, OLD))
    assert body["messages"][1]["content"][:2] == [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xyz"},
    ]
    assert body["thinking"]["type"] == "enabled"
    unsigned = asked(PLAIN, messages=[TALK[4], TALK[5], *TALK[6:9]], reasoning_effort="low")
    assert "thinking" not in body_of(built(ANTHROPIC, unsigned, HOST, OLD)), "a budget would be refused there"
    assert body_of(built(ANTHROPIC, unsigned, HOST, "claude-opus-4-6"))["thinking"] == ADAPTIVE


def test_a_limit_is_sent_even_where_none_is_wanted() -> None:
    assert body_of(built(ANTHROPIC, asked(PLAIN, max_tokens=None), HOST, OLD))["max_tokens"] == 4096


def test_extra_body_goes_over_everything_object_by_object() -> None:
    request = asked(PLAIN, reasoning_effort="high", extra_body={"output_config": {"x": 1}, "stream": False, "y": [2]})
    body = body_of(built(ANTHROPIC, request, HOST, "claude-opus-4-6"))
    assert body["output_config"] == {"effort": "high", "x": 1}
    assert (body["stream"], body["y"]) == (False, [2])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seed": 7}, "seed"),
        ({"response_format": {"type": "json_object"}}, "responseFormat"),
        ({"response_format": {"type": "json_schema"}}, "responseFormat"),
        ({"tool_choice": "sometimes"}, "toolChoice"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"reasoning_effort": "high", "max_tokens": 1024}, "maxTokens"),
        ({"reasoning_effort": "somewhat"}, "reasoningEffort"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "system", "content": [LINK]}]}, "messages[0].content[0].image_url"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[1]"}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]},
            "messages[0].tool_calls[0].function.name",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as refused:
        built(ANTHROPIC, asked(PLAIN, **changes), HOST, OLD)
    assert refused.value.field == field
    assert refused.value.message.endswith(".")


def test_a_key_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        built(ANTHROPIC, PLAIN, HOST, OLD, key="sk-ant-ключ")
    assert refused.value.field == "model.apiKey"


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("claude-3-7-sonnet-20250219", (3, 7)),
        ("claude-sonnet-4-20250514", (4, 0)),
        ("claude-opus-4-1@20250805", (4, 1)),
        ("us.anthropic.claude-opus-4-6-v1:0", (4, 6)),
        ("anthropic/claude-sonnet-4.5", (4, 5)),
        ("claude-fable-5-1", (5, 1)),
        ("claude-instant-v1", None),
        ("deepseek-chat", None),
    ],
)
def test_versions_in_all_the_names(model: str, version: tuple[int, int] | None) -> None:
    assert version_of(model) == version
