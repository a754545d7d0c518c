"""Amazon Bedrock: recorded answers at every cut, odd and broken ones, the requests for them, and their signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import FramingError, RequestError
from headrace.providers import bedrock, bedrock_invoke
from headrace.providers.base import Endpoint, HTTPRequest, Provider
from headrace.providers.bedrock_signing import read_credentials, region_of, secrets_of, sign
from headrace.stream.events import Finish, Usage
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
from tests.providers.recorded import Recording, check_cuts, check_stream, recordings
from tests.stream.test_aws_eventstream import encoded

CONVERSE = Provider("bedrock", bedrock.ADAPTER)
INVOKE = Provider("bedrock-invoke", bedrock_invoke.ADAPTER)
HOST = "https://bedrock-runtime.eu-central-1.amazonaws.com"
CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
OTHER = "meta.llama4-maverick-17b-instruct-v1:0"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

RECORDINGS = [(CONVERSE, recording) for recording in recordings("bedrock-converse")]
RECORDINGS += [(INVOKE, recording) for recording in recordings("bedrock-invoke")]

NAMES = {
    *("contentBlockIndex", "delta", "start", "toolUse", "toolUseId", "name", "input", "text", "reasoningContent"),
    *("stopReason", "usage", "inputTokens", "message", "output", "content", "bytes", "type", "choices", "outputText"),
    *("messageStart", "contentBlockDelta", "metadata", "outputs", "generation"),
}
EVENTS = ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]


def message(name: str, payload: Any) -> bytes:
    kind = "exception" if name.endswith("Exception") else "event"
    headers = {f":{kind}-type": (7, name), ":content-type": (7, "application/json"), ":message-type": (7, kind)}
    return encoded(headers, json.dumps(payload).encode())  # type: ignore[arg-type]


def delta(index: int = 0, **fields: Any) -> bytes:
    return message("contentBlockDelta", {"contentBlockIndex": index, "delta": fields})


def begun(index: int, name: str) -> bytes:
    start = {"toolUse": {"toolUseId": f"id_{name}", "name": name}}
    return message("contentBlockStart", {"contentBlockIndex": index, "start": start})


def closed(index: int) -> bytes:
    return message("contentBlockStop", {"contentBlockIndex": index})


def ended(reason: str = "end_turn", **usage: int) -> bytes:
    return message("messageStop", {"stopReason": reason}) + message("metadata", {"usage": usage})


def packed(*pieces: Any) -> bytes:
    return b"".join(
        message("chunk", {"bytes": base64.b64encode(json.dumps(piece).encode()).decode(), "p": "abc"})
        for piece in pieces
    )


def outcome(body: bytes, provider: Provider = CONVERSE) -> Outcome:
    """The outcome, which is the same whole and byte by byte."""
    whole = decode(provider, [body])
    assert merged(decode(provider, bytewise(body))) == merged(whole)
    return summed(whole)


@needs_corpus
@pytest.mark.parametrize(("provider", "recording"), RECORDINGS, ids=lambda value: value.name)
def test_a_recorded_stream_gives_exactly_what_is_expected(provider: Provider, recording: Recording) -> None:
    check_stream(provider, recording)


@needs_corpus
@pytest.mark.parametrize(("provider", "recording"), RECORDINGS, ids=lambda value: value.name)
def test_no_cut_changes_a_recorded_stream(provider: Provider, recording: Recording) -> None:
    assert check_cuts(provider, recording)


@needs_corpus
def test_the_corpus_is_read_at_all() -> None:
    assert len(RECORDINGS) >= 18


# Converse


def test_thoughts_texts_and_calls() -> None:
    got = outcome(
        message("messageStart", {"role": "assistant", "p": "abc"})
        + delta(0, reasoningContent={"text": "Hm"})
        + delta(0, reasoningContent={"signature": "secret"})
        + delta(0, reasoningContent={"redactedContent": "secret"})
        + closed(0)
        + delta(1, text="Hi")
        + delta(1, text="")
        + delta(1, citation={"title": "no"})
        + begun(2, "one")
        + begun(3, "two")
        + delta(3, toolUse={"input": '{"b":'})
        + delta(2, toolUse={"input": "{}"})
        + delta(3, toolUse={"input": "2}"})
        + closed(2)
        + begun(4, "three")
        + delta(4, toolUse={"input": ""})
        + message("contentBlockStart", {"contentBlockIndex": 5, "start": {"toolResult": {"toolUseId": "x"}}})
        + delta(5, toolResult=[{"text": "no"}])
        + message("newEvent", {"delta": {"text": "no"}})
        + ended("tool_use", inputTokens=5, outputTokens=6, totalTokens=11, cacheReadInputTokens=3)
    )
    assert (got.reasoning, got.content) == ("Hm", "Hi")
    assert got.calls == [["id_one", "one", "{}"], ["id_two", "two", '{"b":2}'], ["id_three", "three", "{}"]]
    assert got.finish == Finish("tool_calls", "tool_use", Usage(5, 6, 0, 3))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("never heard of it", "stop"),
    ],
)
def test_every_word_for_the_end_is_kept_and_mapped(word: str, reason: str) -> None:
    assert outcome(delta(text="Hi") + ended(word)).finish == Finish(reason, word, Usage())  # type: ignore[arg-type]
    assert outcome(delta(text="Hi") + message("messageStop", {"stopReason": word})).finish == Finish(reason, word)  # type: ignore[arg-type]


def test_a_model_that_broke_off_has_failed() -> None:
    got = outcome(delta(text="Hi") + ended("malformed_tool_use", inputTokens=1))
    assert got.failure is not None
    assert got.failure.code == "upstream_error"
    assert got.finish == Finish("error", "malformed_tool_use", Usage(1))


def test_an_end_needs_evidence_and_a_torn_message_is_none() -> None:
    body = delta(text="Hi") + message("messageStop", {"stopReason": "end_turn"})
    for torn in (delta(text="Hi"), body[:-1]):
        got = outcome(torn)
        assert got.content == "Hi"
        assert got.failure is not None
        assert got.failure.code == "upstream_truncated"
    assert outcome(body + ended()[:-1]).finish == Finish("stop", "end_turn")


def test_a_flipped_bit_ends_the_answer_with_what_was_shown() -> None:
    first, second = delta(text="Hi"), delta(text=" there")
    broken = bytearray(first + second + ended())
    broken[len(first) + 40] ^= 1
    got = outcome(bytes(broken))
    assert got.content == "Hi"
    assert got.failure is not None
    assert got.failure.code == "upstream_protocol"


@pytest.mark.parametrize(
    ("name", "code", "retryable"),
    [
        ("throttlingException", "upstream_rate_limited", True),
        ("serviceUnavailableException", "upstream_unavailable", True),
        ("internalServerException", "upstream_unavailable", True),
        ("modelStreamErrorException", "upstream_unavailable", True),
        ("modelTimeoutException", "upstream_timeout", True),
        ("validationException", "upstream_bad_request", False),
        ("accessDeniedException", "upstream_auth", False),
        ("newException", "upstream_error", False),
    ],
)
@pytest.mark.parametrize("provider", [CONVERSE, INVOKE], ids=lambda provider: provider.name)
def test_exceptions_in_mid_stream_have_their_codes(provider: Provider, name: str, code: str, retryable: bool) -> None:
    shown = delta(text="Hi") if provider is CONVERSE else packed({"contentBlockDelta": {"delta": {"text": "Hi"}}})
    got = outcome(shown + message(name, {"message": "It went wrong."}), provider)
    assert got.content == "Hi"
    assert got.failure is not None
    assert (got.failure.code, got.failure.retryable, got.failure.message) == (code, retryable, "It went wrong.")
    silent = outcome(shown + message(name, {}), provider).failure
    assert silent is not None
    assert name in silent.message


def test_an_error_message_is_an_error() -> None:
    headers = {":message-type": (7, "error"), ":error-code": (7, "InternalFailure"), ":error-message": (7, "Sorry.")}
    failure = outcome(delta(text="Hi") + encoded(headers, b"")).failure  # type: ignore[arg-type]
    assert failure is not None
    assert (failure.code, failure.message) == ("upstream_error", "Sorry.")


def test_odd_values_are_read_for_what_they_mean() -> None:
    def raw(payload: bytes) -> bytes:
        return encoded({":event-type": (7, "contentBlockDelta"), ":message-type": (7, "event")}, payload)

    got = outcome(
        raw(b'{"delta":{"text":"a\\ud83d"},"contentBlockIndex":"0"}')
        + raw(b'{"delta":{"text":"\\ude00\x01"}}')
        + begun(1, "f")
        + raw(b'{"delta":{"toolUse":{"input":{"a":1}}},"contentBlockIndex":1.0}')
        + raw(b"")
        + ended("tool_use")
    )
    assert got.content == "a\U0001f600\x01"
    assert got.calls == [["id_f", "f", '{"a":1}']]


def test_a_whole_answer_is_read_like_a_streamed_one() -> None:
    blocks = [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}},
        {"text": "Hi"},
        {"toolUse": {"toolUseId": "1", "name": "f", "input": {"a": 1}}},
        {"toolUse": {"toolUseId": "2", "name": "g", "input": {}}},
        {"citationsContent": {}},
    ]
    answer = {"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": "tool_use"}
    got = outcome(json.dumps(answer | {"usage": {"inputTokens": 1, "outputTokens": 2}}).encode())
    assert (got.reasoning, got.content) == ("Hm", "Hi")
    assert got.calls == [["1", "f", '{"a":1}'], ["2", "g", "{}"]]
    assert got.finish == Finish("tool_calls", "tool_use", Usage(1, 2))
    with pytest.raises(FramingError):
        bedrock.ADAPTER.whole(b'{"output":{}}')


@given(st.lists(st.tuples(st.sampled_from([*EVENTS, "exception:x", "error:"]), odd_json(NAMES)), max_size=4))
def test_any_json_raises_nothing_but_framing_errors(values: list[tuple[str, Any]]) -> None:
    feed_all(bedrock.ConverseParser(), [Frame(json.dumps(value).encode(), name) for name, value in values])
    packages = [{"bytes": base64.b64encode(json.dumps(value).encode()).decode()} for _, value in values]
    feed_all(bedrock_invoke.InvokeParser(), [Frame(json.dumps(package).encode(), "chunk") for package in packages])
    feed_all(bedrock_invoke.InvokeParser(), [Frame(json.dumps(value).encode(), name) for name, value in values])
    for _, value in values:
        for adapter in (bedrock.ADAPTER, bedrock_invoke.ADAPTER):
            try:
                adapter.whole(json.dumps(value).encode())
            except FramingError:
                continue


# Invoke


@pytest.mark.parametrize(
    ("pieces", "content", "finish"),
    [
        (
            [{"outputText": "Hi", "index": 0}, {"outputText": "!", "completionReason": "LENGTH"}],
            "Hi!",
            Finish("length", "LENGTH"),
        ),
        (
            [{"generation": "Hi", "stop_reason": None}, {"generation": "", "stop_reason": "stop"}],
            "Hi",
            Finish("stop", "stop"),
        ),
        (
            [{"outputs": [{"text": "Hi", "stop_reason": None}]}, {"outputs": [{"text": "", "stop_reason": "length"}]}],
            "Hi",
            Finish("length", "length"),
        ),
        (
            [
                {"event_type": "text-generation", "text": "Hi", "is_finished": False},
                {"event_type": "stream-end", "text": "Hi", "is_finished": True, "finish_reason": "COMPLETE"},
            ],
            "Hi",
            Finish("stop", "COMPLETE"),
        ),
        (
            [
                {"choices": [{"index": 0, "delta": {"content": "Hi"}}]},
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            ],
            "Hi",
            Finish("stop", "stop"),
        ),
    ],
    ids=["titan", "llama", "mistral", "cohere", "openai"],
)
def test_the_forms_of_other_models_are_read(pieces: list[Any], content: str, finish: Finish) -> None:
    got = outcome(packed(*pieces), INVOKE)
    assert (got.content, got.finish) == (content, finish)


def test_amazons_own_figures_are_the_usage_of_models_that_report_none() -> None:
    metrics = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 4}}
    finish = outcome(packed({"outputText": "Hi", "completionReason": "FINISH"} | metrics), INVOKE).finish
    assert finish == Finish("stop", "FINISH", Usage(3, 4))


@pytest.mark.parametrize("payload", [{"bytes": "***"}, {"bytes": 7}, [], {"bytes": base64.b64encode(b"no").decode()}])
def test_pieces_that_cannot_be_unpacked_are_a_protocol_fault(payload: Any) -> None:
    failure = outcome(message("chunk", payload), INVOKE).failure
    assert failure is not None
    assert failure.code == "upstream_protocol"


# Requests


def test_a_request_with_everything() -> None:
    request = built(CONVERSE, EVERYTHING, HOST, CLAUDE, key="bedrock-api-key-1")
    assert request.url == f"{HOST}/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"
    assert request.headers["authorization"] == "Bearer bedrock-api-key-1"
    picture = {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    body = body_of(request)
    schema = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"].pop("schema")
    assert json.loads(schema) == ANSWER_SCHEMA
    assert body == {
        "system": [{"text": "Be brief."}, {"text": "Be kind."}],
        "messages": [
            {"role": "user", "content": [{"text": "What is this?"}, picture]},
            {"role": "assistant", "content": [{"text": "A river."}]},
            {"role": "user", "content": [{"text": "And the weather in Köln and Bonn?"}]},
            {
                "role": "assistant",
                "content": [
                    {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Köln"}}},
                    {"toolUse": {"toolUseId": "call_2", "name": "weather", "input": {"city": "Bonn"}}},
                    {"toolUse": {"toolUseId": "call_3", "name": "clock", "input": {}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "call_1", "content": [{"text": "Sunny."}]}},
                    {"toolResult": {"toolUseId": "call_2", "content": [{"text": '{"sky": "grey"}'}]}},
                    {"toolResult": {"toolUseId": "call_3", "content": [{"text": "Noon."}, picture]}},
                    {"text": "So?"},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 2000, "temperature": 0.25, "topP": 0.5, "stopSequences": ["END", "###"]},
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "weather",
                        "description": "Tells the weather.",
                        "inputSchema": {"json": WEATHER_SCHEMA},
                        "strict": True,
                    }
                },
                {"toolSpec": {"name": "clock", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
            ],
            "toolChoice": {"auto": {}},
        },
        "additionalModelRequestFields": {"top_k": 40},
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"name": "answer", "description": "Sunny or not."}},
            }
        },
    }


@pytest.mark.parametrize("model", [CLAUDE, "anthropic.claude-opus-4-6-v1", NOVA, OTHER])
@pytest.mark.parametrize("effort", [None, "low", "high"])
@pytest.mark.parametrize("choice", ["auto", "required", {"function": {"name": "clock"}}])
def test_amazons_own_library_finds_nothing_wrong_with_a_request(model: str, effort: str | None, choice: Any) -> None:
    validate = pytest.importorskip("botocore.validate")
    loader = pytest.importorskip("botocore.loaders").Loader()
    service = pytest.importorskip("botocore.model").ServiceModel(
        loader.load_service_model("bedrock-runtime", "service-2")
    )
    details = [{"type": "reasoning.text", "text": "Hm", "signature": "s"}]
    cached = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
    talk = [*TALK[:5], {**TALK[5], "reasoning_details": details}, *TALK[6:], {"role": "user", "content": [cached]}]
    request = asked(EVERYTHING, messages=talk, reasoning_effort=effort, tool_choice=choice)
    sent = {"modelId": model, **body_of(built(CONVERSE, request, HOST, model))}
    shape = service.operation_model("ConverseStream").input_shape
    assert sent.keys() <= shape.members.keys()
    report = validate.ParamValidator().validate(sent, shape)
    assert not report.has_errors(), report.generate_report()


def test_a_plain_request_and_one_for_a_whole_answer() -> None:
    plain = {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 8192, "temperature": 0.7},
    }
    assert body_of(built(CONVERSE, PLAIN, HOST, OTHER)) == plain
    whole = built(CONVERSE, asked(PLAIN, stream=False), f"{HOST}/model/other/converse", OTHER)
    assert whole.url == f"{HOST}/model/meta.llama4-maverick-17b-instruct-v1%3A0/converse"
    assert body_of(whole) == plain


@pytest.mark.parametrize(
    ("model", "effort", "fields", "config", "inference"),
    [
        (CLAUDE, "high", {"thinking": {"type": "enabled", "budget_tokens": 6553}}, None, {"maxTokens": 8192}),
        (CLAUDE, None, None, None, {"maxTokens": 8192, "temperature": 0.7}),
        (
            "anthropic.claude-opus-4-6-v1",
            "low",
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            {"effort": "low"},
            {"maxTokens": 8192},
        ),
        (NOVA, "none", {"reasoningConfig": {"type": "disabled"}}, None, {"maxTokens": 8192, "temperature": 0.7}),
        (
            NOVA,
            "minimal",
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            None,
            {"maxTokens": 8192, "temperature": 0.7},
        ),
        (NOVA, "high", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}, None, None),
        (OTHER, "medium", {"reasoning_effort": "medium"}, None, {"maxTokens": 8192, "temperature": 0.7}),
    ],
)
def test_efforts_in_each_familys_words(
    model: str, effort: str | None, fields: Any, config: Any, inference: Any
) -> None:
    body = body_of(built(CONVERSE, asked(PLAIN, reasoning_effort=effort), HOST, model))
    assert body.get("additionalModelRequestFields") == fields
    assert body.get("outputConfig") == config
    assert body.get("inferenceConfig") == inference


def test_what_the_caller_gave_is_sent_whatever_the_model_thinks_of_it() -> None:
    request = asked(PLAIN, reasoning_effort="high", temperature=0.1, max_tokens=2000)
    for model in (CLAUDE, NOVA, "anthropic.claude-opus-4-8-v1"):
        sent = body_of(built(CONVERSE, request, HOST, model))["inferenceConfig"]
        assert sent == {"temperature": 0.1, "maxTokens": 2000}
    assert "temperature" not in body_of(built(CONVERSE, asked(PLAIN, top_p=0.5), HOST, CLAUDE))["inferenceConfig"]
    thinking = asked(PLAIN, reasoning_effort="high", max_tokens=None)
    assert body_of(built(CONVERSE, thinking, HOST, CLAUDE))["inferenceConfig"] == {"maxTokens": 4096}
    assert body_of(built(CONVERSE, asked(PLAIN, top_k=3), HOST, NOVA))["additionalModelRequestFields"] == {
        "inferenceConfig": {"topK": 3}
    }


def test_tool_choices() -> None:
    def sent(**changes: Any) -> Any:
        return body_of(built(CONVERSE, asked(PLAIN, tools=[WEATHER], **changes), HOST, CLAUDE)).get("toolConfig", {})

    assert sent(tool_choice="required")["toolChoice"] == {"any": {}}
    assert sent(tool_choice={"function": {"name": "weather"}})["toolChoice"] == {"tool": {"name": "weather"}}
    assert "toolChoice" not in sent()
    assert sent(tool_choice="none") == {}
    own = asked(PLAIN, tools=[{"systemTool": {"name": "nova_grounding"}}])
    assert body_of(built(CONVERSE, own, HOST, NOVA))["toolConfig"]["tools"] == [
        {"systemTool": {"name": "nova_grounding"}}
    ]


def test_cached_texts_and_thoughts() -> None:
    cached = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
    details = [{"text": "Hm", "signature": "s"}, {"type": "redacted_thinking", "data": "eA=="}]
    talk = [{"role": "user", "content": [cached]}, {"role": "assistant", "content": "a", "reasoning_details": details}]
    body = body_of(built(CONVERSE, asked(PLAIN, messages=talk), HOST, CLAUDE))
    assert [turn["content"] for turn in body["messages"]] == [
        [{"text": "Long."}, {"cachePoint": {"type": "default"}}],
        [
            {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}},
            {"reasoningContent": {"redactedContent": "eA=="}},
            {"text": "a"},
        ],
    ]


def test_claude_is_invoked_as_anthropics_api_would_have_it() -> None:
    request = built(INVOKE, asked(PLAIN, response_format=ANSWER_FORMAT), f"{HOST}/", CLAUDE, key="token")
    assert request.url == f"{HOST}/model/{quote(CLAUDE)}/invoke-with-response-stream"
    assert request.headers["authorization"] == "Bearer token"
    assert body_of(request) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.7,
        "output_config": {"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}},
    }
    assert built(INVOKE, asked(PLAIN, stream=False), HOST, CLAUDE).url.endswith("/invoke")


@pytest.mark.parametrize(
    ("provider", "model", "changes", "field"),
    [
        (CONVERSE, CLAUDE, {"seed": 1}, "seed"),
        (INVOKE, CLAUDE, {"seed": 1}, "seed"),
        (INVOKE, NOVA, {}, "model.modelId"),
        (CONVERSE, CLAUDE, {"response_format": {"type": "json_object"}}, "responseFormat"),
        (CONVERSE, CLAUDE, {"messages": TALK, "tool_choice": "none"}, "toolChoice"),
        (CONVERSE, NOVA, {"messages": [{"role": "user", "content": [LINK]}]}, "messages[0].content[0].image_url"),
        (INVOKE, CLAUDE, {"messages": [{"role": "user", "content": [LINK]}]}, "messages[0].content[0].image_url"),
        (
            CONVERSE,
            NOVA,
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/tiff;base64,QQ=="}]}
                ]
            },
            "messages[0].content[0].image_url",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(provider: Provider, model: str, changes: Any, field: str) -> None:
    with pytest.raises(RequestError) as refused:
        built(provider, asked(PLAIN, **changes), HOST, model)
    assert refused.value.field == field


# Signatures

NOW = datetime(2025, 11, 23, 23, 58, 30, tzinfo=UTC).timestamp()


def unsigned(key: str) -> tuple[HTTPRequest, Endpoint]:
    endpoint = Endpoint(HOST, CLAUDE, key)
    return CONVERSE.adapter.build(PLAIN, endpoint, CONVERSE), endpoint


def expected_authorization(request: HTTPRequest, secret: str, region: str) -> str:
    """Signature Version 4, written from the specification apart from botocore."""
    stamp, url = request.headers["x-amz-date"], urlsplit(request.url)
    signed = {name: request.headers[name] for name in ("content-type", "x-amz-date")} | {"host": url.netloc}
    if "x-amz-security-token" in request.headers:
        signed["x-amz-security-token"] = request.headers["x-amz-security-token"]
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            "POST",
            quote(url.path, safe="/~"),
            url.query,
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    scope = f"{stamp[:8]}/{region}/bedrock/aws4_request"
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"Credential=AKIAIOSFODNN7EXAMPLE/{scope}, SignedHeaders={names}, Signature={signature}"


@pytest.mark.parametrize("session", ["", "a+session/token=="])
def test_a_signature_is_what_the_specification_makes_of_it(session: str) -> None:
    pytest.importorskip("botocore")
    request, endpoint = unsigned(f"{ACCESS_KEY}:{session}" if session else ACCESS_KEY)
    assert "authorization" not in request.headers
    signed = sign(request, endpoint, NOW)
    assert (signed.url, signed.body) == (request.url, request.body)
    assert signed.headers["x-amz-date"] == "20251123T235830Z"
    assert signed.headers.get("x-amz-security-token", "") == session
    secret = ACCESS_KEY.partition(":")[2]
    expected = expected_authorization(signed, secret, "eu-central-1")
    assert signed.headers["authorization"] == f"AWS4-HMAC-SHA256 {expected}"
    assert secret not in str(signed.headers)


def test_a_signature_depends_on_the_time_it_is_given_and_on_nothing_else() -> None:
    pytest.importorskip("botocore")
    request, endpoint = unsigned(ACCESS_KEY)
    assert sign(request, endpoint, NOW) == sign(request, endpoint, NOW + 0.5)
    again = sign(sign(request, endpoint, NOW), endpoint, NOW + 60)
    assert again == sign(request, endpoint, NOW + 60) != sign(request, endpoint, NOW)


def test_a_key_of_bedrocks_own_is_sent_as_it_is() -> None:
    request, endpoint = unsigned("ABSKQmVkcm9jay1leGFtcGxl:not-an-access-key")
    assert request.headers["authorization"] == "Bearer ABSKQmVkcm9jay1leGFtcGxl:not-an-access-key"
    assert sign(request, endpoint, NOW) is request


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (HOST, "eu-central-1"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/x", "us-gov-west-1"),
        ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://vpce-1-2.bedrock-runtime.us-east-1.vpce.amazonaws.com", "us-east-1"),
    ],
)
def test_the_region_is_the_hosts(url: str, region: str) -> None:
    assert region_of(url) == region


def test_a_host_without_a_region_cannot_be_signed_for() -> None:
    request, _ = unsigned(ACCESS_KEY)
    other = HTTPRequest("https://gateway.example/model/x/converse", request.headers, request.body)
    with pytest.raises(RequestError) as refused:
        sign(other, Endpoint("https://gateway.example", CLAUDE, ACCESS_KEY), NOW)
    assert refused.value.field == "model.endpoint"


def test_credentials_show_nothing_and_name_all_their_secrets() -> None:
    credentials = read_credentials(f"{ACCESS_KEY}:session:with:colons")
    assert credentials is not None
    assert credentials.session == "session:with:colons"
    assert repr(credentials) == "Credentials()"
    access, secret = ACCESS_KEY.split(":")
    assert secrets_of(ACCESS_KEY) == (ACCESS_KEY, access, secret)
    assert secrets_of("sk-1") == ("sk-1",)
    assert read_credentials("akia:secret") is None
