"""Gemini's `streamGenerateContent`: recorded answers at every cut, odd and broken ones, and the requests for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import FramingError, RequestError
from headrace.providers.base import Provider
from headrace.providers.decoder import StreamDecoder
from headrace.providers.gemini import ADAPTER, GeminiFraming, GeminiParser
from headrace.providers.gemini_arguments import MAX_INDEX, MAX_TEXT, ArgumentsBuilder
from headrace.stream.events import Event, Finish, TextDelta, Usage
from headrace.stream.framing import Frame
from tests.corpus import needs_corpus
from tests.providers.outcomes import Outcome, bytewise, decode, merged, summed
from tests.providers.questions import (
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

GEMINI = Provider("gemini", ADAPTER, "https://generativelanguage.googleapis.com/v1beta")
VERTEX = Provider("vertex-gemini", ADAPTER, quirks=frozenset({"vertex"}))
HOST = "https://generativelanguage.googleapis.com/v1beta"
MODEL = "gemini-2.0-flash"

RECORDINGS = recordings("gemini-sse")
STREAMS = [recording for recording in RECORDINGS if recording.status == 200]
REFUSALS = [recording for recording in RECORDINGS if recording.status != 200]

NAMES = {
    *("candidates", "content", "parts", "text", "thought", "functionCall", "name", "args", "id", "partialArgs"),
    *("jsonPath", "$.a", "$.a[1].b", "stringValue", "numberValue", "nullValue", "willContinue", "finishReason", "STOP"),
    *("usageMetadata", "promptTokenCount", "promptFeedback", "blockReason", "error", "message", "index"),
}


def chunk(*parts: dict[str, Any], finish: Any = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], **more}


def calling(**call: Any) -> dict[str, Any]:
    return {"functionCall": call}


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(each).encode() for each in chunks)


def array(*chunks: Any) -> bytes:
    return json.dumps(chunks, indent=1).encode()


def outcome(*chunks: Any) -> Outcome:
    """The outcome, which is the same as events and as an array, whole and byte by byte."""
    whole = decode(GEMINI, [sse(*chunks)])
    assert merged(decode(GEMINI, bytewise(sse(*chunks)))) == merged(whole)
    assert merged(decode(GEMINI, [array(*chunks)])) == merged(whole)
    return summed(whole)


@needs_corpus
@pytest.mark.parametrize("recording", STREAMS, ids=lambda recording: recording.name)
def test_a_recorded_stream_gives_exactly_what_is_expected(recording: Recording) -> None:
    check_stream(GEMINI, recording)


@needs_corpus
@pytest.mark.parametrize("recording", STREAMS, ids=lambda recording: recording.name)
def test_no_cut_changes_a_recorded_stream(recording: Recording) -> None:
    assert check_cuts(GEMINI, recording)


@needs_corpus
@pytest.mark.parametrize("recording", REFUSALS, ids=lambda recording: recording.name)
def test_a_recorded_refusal_is_told_in_the_providers_words(recording: Recording) -> None:
    assert check_refusal(recording).code in ("upstream_bad_request", "upstream_not_found", "upstream_auth")


@needs_corpus
def test_the_corpus_is_read_at_all() -> None:
    assert len(STREAMS) >= 33
    assert len(REFUSALS) >= 4


def test_an_array_is_told_bit_by_bit() -> None:
    """Where the framing is left to itself, each object of the array is an event as soon as it is whole."""
    framing, parser = GeminiFraming(), GeminiParser()
    body = array(chunk({"text": "Hi"}), chunk({"text": "!"}, finish="STOP"))
    events: list[Event] = []
    arrived = []
    for at in range(len(body)):
        new = [event for frame in framing.feed(body[at : at + 1]) for event in parser.feed(frame)]
        arrived += [at] * len(new)
        events += new
    assert framing.close() == []
    assert [*events, *parser.close()] == [TextDelta("Hi"), TextDelta("!"), Finish("stop", "STOP")]
    assert arrived[0] < len(body) // 2 < arrived[1]


def test_a_finish_reason_in_every_piece_is_not_yet_the_end() -> None:
    got = outcome(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, finish="STOP"), chunk(finish="MAX_TOKENS"))
    assert got.content == "ab"
    assert got.finish == Finish("length", "MAX_TOKENS")


def test_an_end_needs_evidence() -> None:
    got = outcome(chunk({"text": "a"}, usageMetadata={"promptTokenCount": 2}))
    assert got.failure is not None
    assert got.failure.code == "upstream_truncated"
    assert got.finish == Finish("error", "", Usage(2))
    assert got.content == "a"


def test_a_cut_array_keeps_what_had_come() -> None:
    body = array(chunk({"text": "a"}), chunk({"text": "b"}))
    got = summed(decode(GEMINI, [body[:-20]]))
    assert got.content == "a"
    assert got.failure is not None
    assert got.failure.code == "upstream_truncated"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("OTHER", "stop"),
        ("FINISH_REASON_UNSPECIFIED", "stop"),
        (1, "stop"),
        (2, "length"),
        (3, "content_filter"),
    ],
)
def test_every_word_for_the_end_is_kept_and_mapped(word: str | int, reason: str) -> None:
    assert outcome(chunk({"text": "a"}, finish=word)).finish == Finish(reason, str(word))  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
def test_a_model_that_broke_off_has_failed(word: str) -> None:
    got = summed(decode(GEMINI, [sse(chunk({"text": "a"}), chunk(finish=word))]))
    assert got.content == "a"
    assert got.failure is not None
    assert got.failure.code == "upstream_error"
    assert got.finish == Finish("error", word)


def test_a_refused_question_is_a_content_filter() -> None:
    feedback = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    assert outcome(feedback).finish == Finish("content_filter", "prompt_blocked:SAFETY", Usage(4))


def test_thoughts_calls_and_what_is_not_ours() -> None:
    got = outcome(
        chunk({"text": "Hm", "thought": True, "thoughtSignature": "secret"}, {"text": "a"}),
        chunk(
            {"executableCode": {"code": "no"}},
            {"codeExecutionResult": {"output": "no"}},
            {"inlineData": {"data": "no"}},
        ),
        chunk({"text": "b", "thoughtSignature": "secret"}, calling(name="f", args={"x": 1, "y": [True]}, id="1")),
        chunk(calling(name="f", args={"x": 1}), calling(name="g")),
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}, "finishReason": "SAFETY"}]},
        chunk({"text": ""}, finish="STOP"),
    )
    assert (got.reasoning, got.content) == ("Hm", "ab")
    assert got.calls == [["1", "f", '{"x":1,"y":[true]}'], ["", "f", '{"x":1}'], ["", "g", "{}"]]
    assert got.finish == Finish("tool_calls", "STOP")


def test_arguments_in_pieces_are_put_together() -> None:
    def more(path: str, **value: Any) -> dict[str, Any]:
        return chunk(calling(partialArgs=[{"jsonPath": path, **value}], willContinue=True))

    got = outcome(
        chunk(calling(name="f", id="1", willContinue=True)),
        more("$.city", stringValue="Kö", willContinue=True),
        more("$.city", stringValue="ln", willContinue=True),
        more("$.city", stringValue=""),
        more("$.at[0].lat", numberValue=50.9),
        more("$.at[0]['lo n']", numberValue=7),
        more("$.at[1]", nullValue="NULL_VALUE"),
        more("$.exact", boolValue=False),
        chunk(calling()),
        chunk(calling(name="g", willContinue=True)),
        more("$.left", stringValue="open", willContinue=True),
        chunk(finish="STOP"),
    )
    assert got.calls == [
        ["1", "f", '{"city":"Köln","at":[{"lat":50.9,"lo n":7},null],"exact":false}'],
        ["", "g", '{"left":"open"}'],
    ]


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.text("ab'\\ .[", min_size=1, max_size=3), inner, min_size=1, max_size=3)


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4))
trees = st.recursive(scalars, lambda inner: st.lists(inner, min_size=1, max_size=3) | objects(inner), max_leaves=10)


def leaves(value: Any, path: str = "$") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        quoted = {name: name.replace("\\", "\\\\").replace("'", "\\'") for name in value}
        return [leaf for name, item in value.items() for leaf in leaves(item, f"{path}['{quoted[name]}']")]
    if isinstance(value, list):
        return [leaf for at, item in enumerate(value) for leaf in leaves(item, f"{path}[{at}]")]
    return [(path, value)]


@given(objects(trees), st.integers(1, 3))
def test_values_at_their_paths_make_the_same_object(arguments: dict[str, Any], size: int) -> None:
    builder = ArgumentsBuilder()
    for path, value in leaves(arguments):
        pieces = [value[at : at + size] for at in range(0, len(value), size)] if isinstance(value, str) else []
        for piece in pieces[:-1]:
            builder.feed(path, piece, continues=True)
        builder.feed(path, pieces[-1] if pieces else value)
    assert builder.close() == arguments


def test_what_is_left_open_ends_where_the_next_begins() -> None:
    def begun(name: str) -> dict[str, Any]:
        pieces = [{"jsonPath": "$.a", "stringValue": name, "willContinue": True}]
        return chunk(calling(name=name, partialArgs=pieces, willContinue=True))

    got = outcome(begun("f"), begun("g"), chunk(calling(name="h", args={"x": 1})), chunk(finish="STOP"))
    assert got.calls == [["", "f", '{"a":"f"}'], ["", "g", '{"a":"g"}'], ["", "h", '{"x":1}']]
    builder = ArgumentsBuilder()
    builder.feed("$.a", "x", continues=True)
    builder.feed("$.b", "y", continues=True)
    assert builder.close() == {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    "path", ["", "$", "$.", "$[0]", "$.a[", "$.a[-1]", "$.a..b", f"$.a[{MAX_INDEX + 1}]", "$" + ".a" * 65]
)
def test_paths_that_are_none_are_refused(path: str) -> None:
    with pytest.raises(FramingError):
        ArgumentsBuilder().feed(path, 1)


def test_arguments_that_contradict_each_other_or_never_end_are_refused() -> None:
    builder = ArgumentsBuilder()
    builder.feed("$.a", 1)
    with pytest.raises(FramingError):
        builder.feed("$.a.b", 1)
    with pytest.raises(FramingError):
        builder.feed("$.a[0]", 1)
    with pytest.raises(FramingError) as fault:
        builder.feed("$.b", "x" * (MAX_TEXT + 1), continues=True)
    assert fault.value.code == "upstream_limit"


def test_usage_is_cumulative() -> None:
    first = {"promptTokenCount": 9, "cachedContentTokenCount": 4, "totalTokenCount": 9}
    last = {"candidatesTokenCount": 5, "thoughtsTokenCount": 3}
    got = outcome(
        chunk({"text": "a"}, usageMetadata={"trafficType": "ON_DEMAND"}),
        chunk({"text": "b"}, usageMetadata=first | {"candidatesTokenCount": 2}),
        chunk(finish="STOP", usageMetadata=last),
    )
    assert got.finish == Finish("stop", "STOP", Usage(9, 5, 3, 4))
    assert outcome(chunk({"text": "a"}, finish="STOP", usageMetadata={"x": 1})).finish == Finish("stop", "STOP")
    decoder = StreamDecoder(GEMINI)
    decoder.feed(sse(chunk({"text": "a"}, usageMetadata=first)))
    assert decoder.cancel()[-1] == Finish("cancelled", "", Usage(9, 0, 0, 4))


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        ({"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}, "upstream_overloaded", True),
        ({"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Slowly."}, "upstream_rate_limited", True),
        ({"code": 500, "status": "INTERNAL", "message": "An internal error."}, "upstream_error", True),
        ({"code": 403, "status": "PERMISSION_DENIED", "message": "No."}, "upstream_auth", False),
    ],
)
def test_errors_in_mid_stream_have_their_codes(error: dict[str, Any], code: str, retryable: bool) -> None:
    for body in (json.dumps({"error": error}).encode(), array({"error": error}), sse({"error": error})):
        failure = summed(decode(GEMINI, [body])).failure
        assert failure is not None
        assert (failure.code, failure.retryable, failure.message) == (code, retryable, error["message"])
    broken = outcome(chunk({"text": "a"}), {"error": error})
    assert broken.content == "a"
    assert broken.failure is not None
    assert broken.failure.code == code


def test_odd_values_are_read_for_what_they_mean() -> None:
    body = (
        b'data: {"candidates":[{"index":"0","content":{"parts":[{"text":"a\\ud83d"},7,{"text":null}]}}]}\n\n'
        b'data: {"candidates":[{"content":{"parts":[{"text":"\\ude00\x01","thought":"no"}]},"finishReason":"STOP"}],'
        b'"usageMetadata":{"promptTokenCount":"4","candidatesTokenCount":2.0}}\n\ndata: [DONE]\n\n'
    )
    for pieces in ([body], bytewise(body)):
        got = summed(decode(GEMINI, pieces))
        assert got.content == "a\U0001f600\x01"
        assert got.finish == Finish("stop", "STOP", Usage(4, 2))


def test_a_whole_answer_is_read_like_a_streamed_one() -> None:
    got = summed(decode(GEMINI, [json.dumps(chunk({"text": "Hi"}, calling(name="f"), finish="STOP")).encode()]))
    assert (got.content, got.calls, got.finish) == ("Hi", [["", "f", "{}"]], Finish("tool_calls", "STOP"))
    with pytest.raises(FramingError):
        ADAPTER.whole(b'{"kind":"something else"}')
    nothing = summed(decode(GEMINI, [b"[]"]))
    assert nothing.failure is not None


@given(st.lists(odd_json(NAMES), max_size=4))
def test_any_json_raises_nothing_but_framing_errors(values: list[Any]) -> None:
    feed_all(GeminiParser(), [Frame(json.dumps(value).encode()) for value in values])
    try:
        ADAPTER.whole(json.dumps(values).encode())
    except FramingError:
        return


# Requests


def test_a_request_with_everything() -> None:
    request = built(GEMINI, asked(EVERYTHING, seed=7), HOST, MODEL, key="AIza-1")
    assert request.url == f"{HOST}/models/gemini-2.0-flash:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-api-key"] == "AIza-1"
    assert "authorization" not in request.headers
    picture = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    assert body_of(request) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "What is this?"}, picture]},
            {"role": "model", "parts": [{"text": "A river."}]},
            {"role": "user", "parts": [{"text": "And the weather in Köln and Bonn?"}]},
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Köln"}}},
                    {"functionCall": {"id": "call_2", "name": "weather", "args": {"city": "Bonn"}}},
                    {"functionCall": {"id": "call_3", "name": "clock", "args": {}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "call_1", "name": "weather", "response": {"result": "Sunny."}}},
                    {"functionResponse": {"id": "call_2", "name": "weather", "response": {"sky": "grey"}}},
                    {"functionResponse": {"id": "call_3", "name": "clock", "response": {"result": "Noon."}}},
                    picture,
                    {"text": "So?"},
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "weather", "description": "Tells the weather.", "parametersJsonSchema": WEATHER_SCHEMA},
                    {"name": "clock"},
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "temperature": 0.25,
            "maxOutputTokens": 2000,
            "topP": 0.5,
            "topK": 40,
            "stopSequences": ["END", "###"],
            "seed": 7,
            "responseMimeType": "application/json",
            "responseJsonSchema": ANSWER_SCHEMA,
        },
    }


def test_a_plain_request_and_one_for_a_whole_answer() -> None:
    plain = {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"temperature": 0.7, "maxOutputTokens": 8192},
    }
    assert body_of(built(GEMINI, PLAIN, HOST, MODEL)) == plain
    whole = built(GEMINI, asked(PLAIN, stream=False), HOST, MODEL)
    assert whole.url == f"{HOST}/models/{MODEL}:generateContent"
    assert body_of(whole) == plain


PROJECT = "https://aiplatform.googleapis.com/v1/projects/p/locations/global"


@pytest.mark.parametrize(
    ("provider", "base", "model", "url"),
    [
        (GEMINI, "https://generativelanguage.googleapis.com", "models/m", f"{HOST}/models/m"),
        (GEMINI, f"{HOST}/openai", "m", f"{HOST}/models/m"),
        (GEMINI, f"{HOST}/models/other:generateContent", "m", f"{HOST}/models/m"),
        (GEMINI, HOST, "tunedModels/t", f"{HOST}/tunedModels/t"),
        (GEMINI, HOST, "a b?", f"{HOST}/models/a%20b%3F"),
        (GEMINI, PROJECT, "m", f"{PROJECT}/publishers/google/models/m"),
        (VERTEX, f"{PROJECT}/publishers/google/models/x:predict", "m", f"{PROJECT}/publishers/google/models/m"),
        (
            VERTEX,
            "https://aiplatform.googleapis.com",
            "m",
            "https://aiplatform.googleapis.com/v1/publishers/google/models/m",
        ),
    ],
)
def test_urls_as_people_write_them(provider: Provider, base: str, model: str, url: str) -> None:
    request = built(provider, PLAIN, base, model, key="secret-key")
    assert request.url == f"{url}:streamGenerateContent?alt=sse"
    assert "secret-key" not in request.url


@pytest.mark.parametrize(
    ("provider", "key", "header"),
    [
        (GEMINI, "AIza-1", ("x-goog-api-key", "AIza-1")),
        (GEMINI, "ya29.token", ("authorization", "Bearer ya29.token")),
        (VERTEX, "ya29.token", ("authorization", "Bearer ya29.token")),
        (VERTEX, "eyJhbGciOi", ("authorization", "Bearer eyJhbGciOi")),
        (VERTEX, "AQ.express", ("x-goog-api-key", "AQ.express")),
    ],
)
def test_keys_and_tokens_have_their_headers(provider: Provider, key: str, header: tuple[str, str]) -> None:
    headers = built(provider, PLAIN, PROJECT if provider is VERTEX else HOST, MODEL, key=key).headers
    assert header in headers.items()
    assert len({"x-goog-api-key", "authorization"} & headers.keys()) == 1


def test_vertex_gets_no_ids_of_calls() -> None:
    parts = [part for turn in body_of(built(VERTEX, EVERYTHING, PROJECT, MODEL))["contents"] for part in turn["parts"]]
    called = [part["functionCall"] for part in parts if "functionCall" in part]
    answered = [part["functionResponse"] for part in parts if "functionResponse" in part]
    assert len(called) == len(answered) == 3
    assert not any("id" in each for each in called + answered)


@pytest.mark.parametrize(
    ("model", "signed"), [("gemini-3-pro-preview", True), ("gemini-flash-latest", True), (MODEL, False)]
)
def test_calls_that_google_did_not_sign_for_us_say_so(model: str, signed: bool) -> None:
    turns = body_of(built(GEMINI, EVERYTHING, HOST, model))["contents"]
    signatures = [[part.get("thoughtSignature") for part in turn["parts"]] for turn in turns]
    mark = "skip_thought_signature_validator" if signed else None
    assert signatures[3] == [mark, None, None]
    assert not any(any(each) for at, each in enumerate(signatures) if at != 3)


def test_linked_images() -> None:
    body = body_of(built(GEMINI, asked(PLAIN, messages=[{"role": "user", "content": [LINK]}]), HOST, MODEL))
    uri = LINK["image_url"]["url"]  # type: ignore[index]
    assert body["contents"][0]["parts"] == [{"fileData": {"mimeType": "image/webp", "fileUri": uri}}]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "weather"}}, {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_tool_choices(choice: Any, sent: dict[str, Any]) -> None:
    body = body_of(built(GEMINI, asked(PLAIN, tools=[WEATHER], tool_choice=choice), HOST, MODEL))
    assert body["toolConfig"] == {"functionCallingConfig": sent}


def test_googles_own_tools_stand_beside_functions() -> None:
    body = body_of(built(GEMINI, asked(PLAIN, tools=[{"googleSearch": {}}, WEATHER]), HOST, MODEL))
    assert [next(iter(tool)) for tool in body["tools"]] == ["functionDeclarations", "googleSearch"]


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        (MODEL, None, None),
        ("gemma-3-27b-it", None, None),
        ("gemini-2.5-flash", None, {"includeThoughts": True}),
        ("gemini-2.5-flash-image", None, None),
        ("gemini-flash-latest", None, {"includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "minimal", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-pro", "medium", {"includeThoughts": True, "thinkingBudget": 8192}),
        ("gemini-2.5-pro", "high", {"includeThoughts": True, "thinkingBudget": 24576}),
        ("gemini-3-pro-preview", "low", {"includeThoughts": True, "thinkingLevel": "low"}),
        ("gemini-3.1-flash", "xhigh", {"includeThoughts": True, "thinkingLevel": "high"}),
        ("gemini-3.1-flash", "none", {"thinkingLevel": "minimal"}),
    ],
)
def test_efforts_in_each_generations_words(model: str, effort: str | None, config: Any) -> None:
    body = body_of(built(GEMINI, asked(PLAIN, reasoning_effort=effort), HOST, model))
    assert body["generationConfig"].get("thinkingConfig") == config


def test_json_without_a_schema_and_options_that_are_not_sent() -> None:
    request = asked(PLAIN, response_format={"type": "json_object"}, temperature=None, max_tokens=None)
    assert body_of(built(GEMINI, request, HOST, MODEL))["generationConfig"] == {"responseMimeType": "application/json"}
    learned = asked(PLAIN, learned=frozenset({"no_default_temperature"}))
    assert body_of(built(GEMINI, learned, HOST, MODEL))["generationConfig"] == {"maxOutputTokens": 8192}


def test_extra_body_goes_over_everything_object_by_object() -> None:
    extra = {"generationConfig": {"topK": 1}, "safetySettings": [{"category": "x"}]}
    body = body_of(built(GEMINI, asked(PLAIN, extra_body=extra), HOST, MODEL))
    assert body["generationConfig"] == {"temperature": 0.7, "maxOutputTokens": 8192, "topK": 1}
    assert body["safetySettings"] == [{"category": "x"}]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"messages": [{"role": "tool", "tool_call_id": "unknown", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "https://a.example/x"}]}]},
            "messages[0].content[0].image_url",
        ),
        ({"reasoning_effort": "somewhat"}, "reasoningEffort"),
        ({"tool_choice": {"type": "tool"}}, "toolChoice"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as refused:
        built(GEMINI, asked(PLAIN, **changes), HOST, MODEL)
    assert refused.value.field == field


def test_a_tool_is_named_by_its_message_too() -> None:
    talk = [TALK[4], {"role": "tool", "tool_call_id": "x", "name": "clock", "content": "Noon."}]
    parts = body_of(built(GEMINI, asked(PLAIN, messages=talk), HOST, MODEL))["contents"][0]["parts"]
    assert parts[1]["functionResponse"]["name"] == "clock"
