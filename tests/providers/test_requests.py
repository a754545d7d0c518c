"""Golden requests: what each dialect sends for the same question, and what it refuses to send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.errors import RequestError
from headrace.providers.base import ChatRequest, Endpoint, Provider
from headrace.providers.presets import PRESETS, base_for

QUESTION = [{"role": "user", "content": "你好"}]


def _sent(provider: Provider, request: ChatRequest, model: str = "m", key: str = "sk-1") -> tuple[str, Any, Any]:
    base = base_for(provider, "" if provider.base_url else "https://host.example")
    built = provider.adapter.build(request, Endpoint(base, model, key), provider)
    assert "sk-1" not in repr(built)
    assert "sk-1" not in built.url
    return built.url, json.loads(built.body), dict(built.headers)


def test_the_plain_question() -> None:
    url, body, headers = _sent(PRESETS["openai"], ChatRequest(QUESTION, temperature=0, max_tokens=8192), "gpt-4o")
    assert url == "https://api.openai.com/v1/chat/completions"
    assert body == {
        "model": "gpt-4o",
        "messages": QUESTION,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "max_tokens": 8192,
    }
    assert headers == {
        "content-type": "application/json",
        "accept": "text/event-stream, application/x-ndjson, application/json",
        "authorization": "Bearer sk-1",
    }


def test_every_option_under_its_own_name() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    request = ChatRequest(
        QUESTION,
        top_p=0.5,
        top_k=3,
        stop=["x"],
        seed=0,
        tools=tools,
        tool_choice="auto",
        response_format={"type": "json_object"},
        reasoning_effort="low",
        extra_body={"enable_thinking": False, "top_p": 0.9},
        stream=False,
    )
    _, body, headers = _sent(PRESETS["vllm"], request, key="")
    assert body == {
        "model": "m",
        "messages": QUESTION,
        "stream": False,
        "top_p": 0.9,
        "top_k": 3,
        "stop": ["x"],
        "seed": 0,
        "tools": tools,
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "enable_thinking": False,
    }
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        *[(name, True) for name in ("o1-mini", "o3", "o4-mini", "gpt-5-nano", "openai/gpt-5")],
        *[(name, False) for name in ("gpt-4o", "gpt-3.5-turbo", "omni", "gpt-oss-20b")],
    ],
)
def test_openais_reasoning_models_get_what_they_take(model: str, reasons: bool) -> None:
    request = ChatRequest(QUESTION, temperature=0.7, max_tokens=9, defaulted=frozenset({"temperature"}))
    _, body, _ = _sent(PRESETS["openai"], request, model)
    assert ("max_completion_tokens" in body) == reasons
    assert ("max_tokens" in body) != reasons
    assert ("temperature" in body) != reasons
    _, given, _ = _sent(PRESETS["openai"], ChatRequest(QUESTION, temperature=0.7), model)
    assert given["temperature"] == 0.7
    _, elsewhere, _ = _sent(PRESETS["openai-compatible"], request, model)
    assert elsewhere["max_tokens"] == 9


def test_quirks_of_the_row_and_of_the_model() -> None:
    _, body, _ = _sent(PRESETS["mistral"], ChatRequest(QUESTION))
    assert "stream_options" not in body
    learned = frozenset({"no_stream_options", "max_completion_tokens"})
    _, body, _ = _sent(PRESETS["deepseek"], ChatRequest(QUESTION, max_tokens=5, learned=learned))
    assert body == {"model": "m", "messages": QUESTION, "stream": True, "max_completion_tokens": 5}


def test_azure_wants_its_own_header_and_path() -> None:
    url, _, headers = _sent(PRESETS["azure"], ChatRequest(QUESTION))
    assert url == "https://host.example/openai/v1/chat/completions"
    assert headers["api-key"] == "sk-1"
    assert "authorization" not in headers


def test_half_a_character_in_a_question_is_no_crash() -> None:
    _, body, _ = _sent(PRESETS["openai"], ChatRequest([{"role": "user", "content": "a\ud800b\ud83d\ude00"}]))
    assert body["messages"][0]["content"] == "a\ufffdb😀"


@pytest.mark.parametrize("key", ["sk-1\r\nx: y", "sk–1", "sk\x00"])
def test_a_key_that_no_header_carries(key: str) -> None:
    with pytest.raises(RequestError) as caught:
        _sent(PRESETS["openai"], ChatRequest(QUESTION), key=key)
    assert caught.value.field == "model.apiKey"
    assert key not in caught.value.message


def test_ollamas_form() -> None:
    request = ChatRequest(
        [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What"},
                    {"type": "text", "text": "is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;charset=x;base64,AAEC\nAwQ="}},
                    {"type": "image_url", "image_url": "data:,%00%ff"},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ],
        temperature=0,
        max_tokens=10,
        top_k=1,
        stop=["."],
        tools=[{"type": "function", "function": {"name": "f"}}],
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        reasoning_effort="high",
        extra_body={"keep_alive": "5m", "options": {"num_ctx": 4096, "temperature": 1}},
    )
    url, body, headers = _sent(PRESETS["ollama"], request, "qwen3", key="")
    assert url == "http://localhost:11434/api/chat"
    assert "authorization" not in headers
    assert body == {
        "model": "qwen3",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What\nis it?", "images": ["AAECAwQ=", "AP8="]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "hm",
                "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}],
            },
            {"role": "tool", "content": "42", "tool_name": "f", "tool_call_id": "c1"},
        ],
        "stream": True,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "format": {"type": "object"},
        "think": True,
        "options": {"num_predict": 10, "temperature": 1, "top_k": 1, "stop": ["."], "num_ctx": 4096},
        "keep_alive": "5m",
    }


@pytest.mark.parametrize(
    ("effort", "model", "think"),
    [
        (None, "qwen3", None),
        ("none", "qwen3", False),
        ("low", "qwen3", True),
        ("low", "gpt-oss:20b", "low"),
        ("minimal", "gpt-oss", "low"),
        ("minimal", "qwen3", True),
    ],
)
def test_ollamas_thinking_is_on_or_off_but_for_one_model(effort: str | None, model: str, think: object) -> None:
    _, body, _ = _sent(PRESETS["ollama"], ChatRequest(QUESTION, reasoning_effort=effort), model)
    assert body.get("think") == think
    assert "options" not in body


def _user(part: object) -> ChatRequest:
    return ChatRequest([{"role": "user", "content": part}])


def _called(arguments: object) -> ChatRequest:
    return ChatRequest([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}])


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (
            _user(
                [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]
            ),
            "messages[0].content[1].image_url",
        ),
        (_user([{"type": "input_audio", "input_audio": {}}]), "messages[0].content[0]"),
        (_user(5), "messages[0].content"),
        (_called("{"), "messages[0].tool_calls[0].function.arguments"),
        (_called("[1]"), "messages[0].tool_calls[0].function.arguments"),
        (ChatRequest([{"role": "assistant", "tool_calls": [5]}]), "messages[0].tool_calls[0].function.name"),
        (ChatRequest(QUESTION, tool_choice="required"), "toolChoice"),
        (ChatRequest(QUESTION, response_format={"type": "grammar"}), "responseFormat"),
    ],
)
def test_what_ollama_cannot_be_asked_is_named(request_: ChatRequest, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        _sent(PRESETS["ollama"], request_)
    assert caught.value.field == field
    assert caught.value.message


def test_ollama_leaves_tools_out_where_none_may_be_called() -> None:
    _, body, _ = _sent(PRESETS["ollama"], ChatRequest(QUESTION, tools=[{"type": "function"}], tool_choice="none"))
    assert "tools" not in body
