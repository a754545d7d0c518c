"""A chat's body: whatever the bytes, a `Chat` or a `RequestError` that names the field; never a secret in its words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.common.request_types import MAX_MESSAGES, Options
from headrace.common.requests import InlineModel, LocalModel, StoredModel, chat_request, model_ref, stream_settings
from headrace.errors import RequestError
from headrace.llm.schemas import Chat, ChatBody, chat_schemas, parse_chat

KEY = "sk-sesame"
INLINE = {"providerId": "openai", "endpoint": "https://api.openai.com/v1", "apiKey": KEY, "modelId": "gpt-3.5-turbo"}
LOCAL = {"providerId": "local"}
HELLO = [{"role": "user", "content": "你好"}]
GOOD: dict[str, Any] = {"messages": HELLO, "model": LOCAL}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def parse(**fields: Any) -> Chat:
    return parse_chat(json.dumps(GOOD | fields).encode())


def wrong(**fields: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse(**fields)
    return caught.value


def test_the_contracts_own_example() -> None:
    chat = parse(messages=HELLO, model=INLINE, temperature=0.7, maxTokens=8192, timeout=60)
    assert chat.model == InlineModel("openai", "https://api.openai.com/v1", "gpt-3.5-turbo", KEY)
    assert chat.request.messages == HELLO
    assert (chat.request.temperature, chat.request.max_tokens) == (0.7, 8192)
    assert chat.request.defaulted == frozenset()
    assert (chat.settings.timeout, chat.settings.max_duration) == (60, 3600)
    assert KEY not in repr(chat)


def test_what_is_left_out() -> None:
    chat = parse()
    assert (chat.request.temperature, chat.request.max_tokens) == (0.7, 8192)
    assert chat.request.defaulted == {"temperature", "max_tokens"}
    assert (chat.settings.timeout, chat.settings.max_duration, chat.settings.on_disconnect) == (60, 3600, "cancel")
    assert (chat.settings.include_usage, chat.settings.include_ids) == (False, False)
    assert chat.model == LocalModel()


def test_null_is_not_sent_and_zero_stays_zero() -> None:
    chat = parse(temperature=None, maxTokens=None)
    assert (chat.request.temperature, chat.request.max_tokens) == (None, None)
    assert chat.request.defaulted == frozenset()
    chat = parse(temperature=0)
    assert chat.request.temperature == 0
    assert chat.request.defaulted == {"max_tokens"}


FULL: dict[str, Any] = {
    "temperature": 1.5,
    "maxTokens": 10,
    "topP": 0.5,
    "topK": 3,
    "stop": ["a", "b"],
    "seed": -7,
    "timeout": 0.5,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"maxTokens": {}}}}],
    "toolChoice": "auto",
    "responseFormat": {"type": "json_object"},
    "reasoningEffort": "low",
    "extraBody": {"topK": 1, "top_k": 2},
    "maxDuration": 9,
    "metadata": {"maxTokens": "kept"},
    "streamOptions": {"includeUsage": True, "includeIds": True, "includeDigest": True, "onDisconnect": "continue"},
}


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_both_spellings_of_every_field_mean_the_same() -> None:
    assert set(FULL) | {"messages", "model"} == set(ChatBody.__struct_encode_fields__)
    snaked = {snake(name): value for name, value in FULL.items()}
    snaked["stream_options"] = {snake(name): value for name, value in FULL["streamOptions"].items()}
    model = {snake(name): value for name, value in INLINE.items()}
    assert parse(**snaked, model=model) == parse(**FULL, model=INLINE)
    chat = parse(**FULL)
    assert chat.request.extra_body == {"topK": 1, "top_k": 2}
    assert chat.request.tools == FULL["tools"]
    assert chat.settings.metadata == {"maxTokens": "kept"}
    assert (chat.settings.include_usage, chat.settings.include_ids, chat.settings.on_disconnect) == (
        True,
        True,
        "continue",
    )


def test_two_spellings_at_once_are_refused() -> None:
    assert wrong(maxTokens=5, max_tokens=6).field == "maxTokens"
    assert wrong(model=INLINE | {"model_id": "x"}).field == "model.modelId"


def test_unknown_fields_are_passed_over() -> None:
    assert parse(whatever=[1], user="me", stream=True) == parse()
    talk = [{"role": "user", "content": "x", "id": 7, "createdAt": "now"}]
    assert parse(messages=talk).request.messages == [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("field", "values", "right"),
    [
        ("temperature", [-0.1, 2.1, "0.7", True, [], {}], "from 0 to 2"),
        ("maxTokens", [0, -1, 1.5, "8", True, 10**30], "at least 1"),
        ("topP", [-1, 1.01, "x", False], "from 0 to 1"),
        ("topK", [-1, 0.5, "x"], "at least 0"),
        ("seed", [0.5, "x", 2**70, True], "64 bits"),
        ("timeout", [0, -1, 3600.01, "60", True], "more than 0 and at most 3600"),
        ("maxDuration", [0, 86_401, "x"], "more than 0"),
        ("stop", [5, "", {}, ["a"] * 65], "list of up to 64"),
        ("tools", [5, {}, "x", [5], [{"type": "function"}] * 513], "tools"),
        ("toolChoice", [5, [], True], '"auto"'),
        ("responseFormat", ["json", 5, []], "object"),
        ("reasoningEffort", [5, "", "x" * 33], "low, medium or high"),
        ("extraBody", ["x", 5, []], "object"),
        ("metadata", ["x", [], {"a": 1}, {"": "x"}, {"a" * 65: "x"}, {"a": "x" * 513}], "up to 16 strings"),
        ("metadata", [{str(n): "x" for n in range(17)}], "up to 16 strings"),
        ("streamOptions", ["x", 5, []], "object"),
        ("messages", [None, "hi", {}, [], 5], "1 to 4096 messages"),
        ("model", [None, "gpt-4", [], 5], "the four fields"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(field: str, values: list[Any], right: str) -> None:
    for value in values:
        error = wrong(**{field: value})
        assert error.field.startswith(field), value
        assert right in error.message or error.field != field, (value, error.message)
        assert (error.status, error.code) == (400, "bad_request")


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (5, ""),
        ({}, "role"),
        ({"role": "developer", "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": None}, "content"),
        ({"role": "user", "content": 5}, "content"),
        ({"role": "user", "content": []}, "content"),
        ({"role": "user", "content": ["x"]}, "content[0]"),
        ({"role": "user", "content": [{"text": "x"}]}, "content[0].type"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url"}]}, "content[1].image_url"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": PIXEL}]}, "content[0].image_url"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc"}}]},
            "content[0].image_url.url",
        ),
        ({"role": "assistant"}, "content"),
        ({"role": "assistant", "content": None, "tool_calls": []}, "content"),
        ({"role": "assistant", "tool_calls": [{"id": "x"}]}, "tool_calls[0].function"),
        (
            {"role": "assistant", "toolCalls": [CALL | {"function": {"name": "f", "arguments": {}}}]},
            "tool_calls[0].function.arguments",
        ),
        ({"role": "tool", "content": "x"}, "tool_call_id"),
        ({"role": "user", "content": "x", "tool_calls": [CALL]}, "tool_calls"),
    ],
)
def test_a_wrong_message_is_named_to_the_part(message: Any, field: str) -> None:
    error = wrong(messages=[*HELLO, message])
    assert error.field == f"messages[1].{field}".rstrip(".")


def test_messages_keep_what_providers_know() -> None:
    talk = [
        {"role": "system", "content": "Be brief.", "name": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "?"},
                {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "Hm."},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
        {"role": "assistant", "content": "It", "prefix": True},
    ]
    assert parse(messages=talk).request.messages == talk
    camel = [{"role": "tool", "content": "42", "toolCallId": "c1"}]
    assert parse(messages=camel).request.messages == [{"role": "tool", "content": "42", "tool_call_id": "c1"}]


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ({"providerId": "local"}, LocalModel()),
        ({"provider_id": "LOCAL", "modelId": "smollm2-reasoning"}, LocalModel("smollm2-reasoning")),
        ({"providerId": "local", "endpoint": "", "apiKey": None}, LocalModel()),
        ({"configId": "c1"}, StoredModel("c1")),
        ({"config_id": "c1", "endpoint": None, "modelId": ""}, StoredModel("c1")),
        (
            INLINE | {"apiKey": " k\n", "endpoint": " https://h/v1 "},
            InlineModel("openai", "https://h/v1", "gpt-3.5-turbo", "k"),
        ),
        ({"providerId": "Ollama", "modelId": "m"}, InlineModel("ollama", "", "m")),
    ],
)
def test_the_forms_of_a_model(model: dict[str, Any], meant: Any) -> None:
    assert parse(model=model).model == meant


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ({}, "providerId"),
        ({"providerId": ""}, "providerId"),
        ({"providerId": 5}, "providerId"),
        ({"providerId": "openai"}, "modelId"),
        ({"providerId": "openai", "modelId": "  "}, "modelId"),
        (INLINE | {"endpoint": "api.openai.com"}, "endpoint"),
        (INLINE | {"endpoint": "file:///etc/passwd"}, "endpoint"),
        (INLINE | {"endpoint": f"https://user:{KEY}@host/"}, "endpoint"),
        (INLINE | {"endpoint": "https://h:99999"}, "endpoint"),
        (INLINE | {"endpoint": "https://h/\r\nX-Evil: 1"}, "endpoint"),
        (INLINE | {"endpoint": "https://h/" + "x" * 3000}, "endpoint"),
        (INLINE | {"apiKey": f"{KEY}\r\nX-Evil: 1"}, "apiKey"),
        (INLINE | {"apiKey": f"{KEY}钥"}, "apiKey"),
        (INLINE | {"apiKey": [KEY]}, "apiKey"),
        (INLINE | {"apiKey": KEY * 3000}, "apiKey"),
        (INLINE | {"configId": "c1"}, "providerId"),
        ({"configId": "c1", "endpoint": f"https://evil.example/?{KEY}"}, "endpoint"),
        ({"configId": "c1", "apiKey": KEY}, "apiKey"),
        ({"providerId": "local", "endpoint": "http://localhost:1"}, "endpoint"),
    ],
)
def test_a_wrong_model_is_named_and_its_secrets_are_not(model: dict[str, Any], field: str) -> None:
    error = wrong(model=model)
    assert error.field == f"model.{field}"
    assert KEY not in error.message


@pytest.mark.parametrize(
    ("field", "value"), [("messages", [1]), ("tools", [["f"]]), ("tools", ["f"]), ("tools", [None])]
)
def test_an_item_of_a_list_is_told_what_it_must_be_itself(field: str, value: Any) -> None:
    error = wrong(**{field: value})
    assert error.field == f"{field}[0]"
    assert error.message.startswith(f"{field}[0] must be an object; got ")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "line 1 column 2"),
        (b"[1]", "must be a JSON object; got a list"),
        (b"null", "must be a JSON object; got null"),
        (b'"x"', "must be a JSON object"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"messages": "\xc3"}', "not UTF-8"),
        (b'{"temperature": NaN}', "NaN is no JSON number"),
        (b'{"temperature": -Infinity}', "-Infinity is no JSON number"),
        (b'{"temperature": 1e999}', "too large"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "thousands of digits"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"a": {"\\udc00x": 1}}', "half of a surrogate pair"),
        (b'{"model": 1, "model": 2}', 'gives "model" twice'),
        (b'{"messages": [{"role": "user", "role": "system"}]}', 'gives "role" twice'),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a": "\x01"}', "not valid JSON: invalid control character at line 1 column 8"),
        (b"{} {}", "not valid JSON"),
    ],
)
def test_what_is_no_json_object_is_said_so(body: bytes, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_chat(body)
    assert said in caught.value.message
    assert caught.value.status == 400


def test_a_byte_order_mark_and_joined_surrogates_are_fine() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(GOOD | {"messages": [{"role": "user", "content": "😀"}]}).encode()
    assert b"\\ud83d\\ude00" in body
    assert parse_chat(body).request.messages == [{"role": "user", "content": "😀"}]


@pytest.mark.parametrize("depth", [10, 60, 70, 300, 900, *range(940, 1000, 4), 2000])
def test_depth_is_bounded_at_every_depth(depth: int) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    body = json.dumps(GOOD).encode()[:-1] + b', "extraBody": ' + nested + b"}"
    if depth < 62:
        assert parse_chat(body).request.extra_body
    else:
        with pytest.raises(RequestError, match="nested"):
            parse_chat(body)


def test_the_number_of_values_is_bounded() -> None:
    error = wrong(extraBody={"a": [0] * 100_001})
    assert error.field == "extraBody"
    assert wrong(messages=HELLO * (MAX_MESSAGES + 1)).field == "messages"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [*ChatBody.__struct_encode_fields__, *ChatBody.__struct_fields__]


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_chat_or_an_error(body: bytes) -> None:
    try:
        parse_chat(body)
    except RequestError as error:
        assert error.message  # noqa: PT017 - either is right; only another exception is not


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
@example({"messages": [{"role": "tool", "content": None, "tool_call_id": ""}]})
def test_any_json_ends_in_a_chat_or_an_error(fields: dict[str, Any]) -> None:
    try:
        chat = parse_chat(json.dumps(GOOD | fields).encode())
    except RequestError as error:
        assert error.message.isprintable()  # noqa: PT017 - either is right; only another exception is not
        assert error.status == 400  # noqa: PT017
    else:
        msgspec.json.encode(chat.request.messages)


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(["messages", "0", "content", "role", "model", "endpoint", "tools", "metadata"]), max_size=4
    ),
    JSON,
)
def test_any_json_anywhere_in_a_good_body(path: list[str], value: Any) -> None:
    body: Any = json.loads(json.dumps(GOOD | FULL | {"model": INLINE}))
    here = body
    for step in path[:-1]:
        here = here[0] if isinstance(here, list) and here else here.get(step, here) if isinstance(here, dict) else here
    if isinstance(here, dict) and path:
        here[path[-1]] = value
    try:
        parse_chat(json.dumps(body).encode())
    except RequestError as error:
        assert KEY not in error.message  # noqa: PT017 - either is right; only another exception is not


MESSAGES = st.lists(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["system", "user", "assistant"]),
        st.text(st.characters(codec="utf-8"))
        | st.lists(
            st.builds(lambda text: {"type": "text", "text": text}, st.text(st.characters(codec="utf-8"))), min_size=1
        ),
    ),
    min_size=1,
    max_size=5,
)


@given(MESSAGES, st.none() | st.floats(0, 2), st.none() | st.integers(1, 2**31 - 1))
def test_good_requests_come_through_to_the_letter(messages: list[Any], temperature: Any, tokens: Any) -> None:
    chat = parse(messages=messages, temperature=temperature, maxTokens=tokens)
    assert chat.request.messages == messages
    assert (chat.request.temperature, chat.request.max_tokens) == (temperature, tokens)


def test_the_services_read_the_same_options() -> None:
    options = {"max_tokens": 5, "topP": 0.5, "timeout": 3, "stream_options": {"onDisconnect": "continue"}}
    assert chat_request(HELLO, options) == parse(**options).request
    assert stream_settings(options) == parse(**options).settings
    assert model_ref(INLINE) == parse(model=INLINE).model


def test_a_misspelt_option_of_a_program_is_refused() -> None:
    with pytest.raises(RequestError, match="did you mean 'temperature'"):
        chat_request(HELLO, {"temprature": 1})


@pytest.mark.parametrize("value", [float("nan"), b"x", object(), {1: 2}, "\ud800", {"\udfff": 1}, {1, 2}])
def test_what_json_cannot_carry_is_refused_in_programs_too(value: Any) -> None:
    with pytest.raises(RequestError) as caught:
        chat_request(HELLO, {"extra_body": {"a": value}})
    assert caught.value.field == "extraBody"


def test_the_documented_schema_is_the_one_that_checks() -> None:
    schemas = chat_schemas()
    body = schemas["ChatBody"]
    assert set(body["properties"]) == set(ChatBody.__struct_encode_fields__)
    assert set(body["required"]) == {"messages", "model"}
    assert body["properties"]["timeout"]["anyOf"][0] == {"type": "number", "exclusiveMinimum": 0, "maximum": 3600}
    for name, field in body["properties"].items():
        assert field.get("description") or name == "messages", name
    assert set(Options.__struct_encode_fields__) < set(body["properties"])
