"""Other people's request bodies, read: what goes to whom, and that any body ends in a request or a sentence."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import RequestError
from headrace.faces.face import Face
from headrace.faces.table import FACES, MESSAGES, OLLAMA, UI_MESSAGES
from headrace.providers.base import ChatRequest
from tests.providers.questions import PIXEL, odd_json

TALKS: dict[str, dict[str, Any]] = {
    "ollama": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "anthropic": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "ui-messages": {"model": "m", "messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}]},
}
NAMES = {
    *("model", "messages", "role", "content", "parts", "type", "text", "tool_use", "tool_result", "id", "input"),
    *("name", "thinking", "signature", "image", "images", "source", "tool_calls", "function", "arguments", "tools"),
    *("user", "assistant", "tool", "system", "options", "format", "think", "tool_choice", "output_config", "file"),
    *("tool-weather", "state", "output-available", "toolCallId", "step-start", "max_tokens", "num_predict"),
}


def read(name: str, dialect: str = "openai-chat", **fields: Any) -> ChatRequest:
    return FACES[name].read(json.dumps(TALKS[name] | fields).encode()).question(dialect)


ODD = odd_json(NAMES)
PARTS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "image", "tool_use", "tool_result", "thinking", "file", "tool-weather"])},
        optional=dict.fromkeys(["text", "id", "name", "input", "content", "toolCallId", "state", "url", "source"], ODD),
    ),
    max_size=3,
)
SAID = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"])},
    optional={"content": PARTS | ODD, "parts": PARTS | ODD, "tool_calls": ODD, "images": ODD, "thinking": ODD},
)


@pytest.mark.parametrize("face", FACES.values(), ids=FACES)
@given(fields=st.dictionaries(st.sampled_from(sorted(NAMES)), ODD, max_size=4), said=st.lists(SAID, max_size=3))
def test_any_body_ends_in_a_request_or_a_sentence(face: Face, fields: dict[str, Any], said: list[Any]) -> None:
    for messages in ({}, {"messages": said}):
        with suppress(RequestError):
            face.read(json.dumps(TALKS[face.name] | fields | messages).encode()).question("openai-chat")


@pytest.mark.parametrize("name", FACES)
def test_nothing_is_added_that_was_not_asked_for(name: str) -> None:
    question = read(name)
    assert question.messages == [{"role": "user", "content": "Hi"}]
    assert (question.temperature, question.extra_body, question.defaulted) == (None, {}, frozenset())
    assert question.max_tokens == (9 if name == "anthropic" else None)


class TestOllama:
    def test_what_only_ollama_knows_goes_to_ollama(self) -> None:
        fields = {
            "options": {"num_ctx": 8, "top_k": 3, "stop": "x", "num_predict": -1},
            "keep_alive": 0,
            "think": "low",
        }
        theirs, others = read("ollama", "ollama", **fields), read("ollama", "anthropic", **fields)
        assert theirs.extra_body == {"options": {"num_ctx": 8}, "keep_alive": 0, "think": "low"}
        assert (others.extra_body, others.reasoning_effort, theirs.reasoning_effort) == ({}, "low", None)
        assert (others.top_k, others.stop, others.max_tokens) == (3, ["x"], None)

    def test_a_schema_is_a_format(self) -> None:
        schema = {"type": "object"}
        wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        assert read("ollama", format=schema).response_format == wanted

    def test_results_find_their_calls(self) -> None:
        calls = [{"function": {"name": name, "arguments": {}}} for name in ("a", "b", "a")]
        results = [{"role": "tool", "tool_name": name, "content": name} for name in ("b", "a", "a")]
        talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": calls}, *results]
        _, said, *answered = read("ollama", messages=talk).messages
        named = [call["id"] for call in said["tool_calls"]]
        assert [each["tool_call_id"] for each in answered] == [named[1], named[0], named[2]]

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"format": "yaml"}, "format"),
            ({"options": {"temperature": "hot"}}, "options.temperature"),
            ({"messages": []}, "messages"),
            ({"messages": [{"role": "user", "content": "x", "images": ["no"]}]}, "messages[0].images[0]"),
            ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
            ({"messages": [{"role": "user", "content": "x", "images": 5}]}, "messages[0].images"),
            (
                {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": "{}"}}]}]},
                "messages[0].tool_calls[0].function.arguments",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, fields: dict[str, Any], field: str) -> None:
        with pytest.raises(RequestError) as caught:
            read("ollama", **fields)
        assert caught.value.field == field


class TestMessages:
    def test_what_only_anthropic_knows_goes_to_anthropic(self) -> None:
        fields: dict[str, Any] = {
            "thinking": {"type": "enabled", "budget_tokens": 4000},
            "metadata": {"user_id": "u"},
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        }
        theirs, others = read("anthropic", "anthropic", **fields), read("anthropic", **fields)
        assert theirs.extra_body == fields
        assert (theirs.reasoning_effort, theirs.response_format) == (None, None)
        assert (others.extra_body, others.reasoning_effort, others.tool_choice) == ({}, "medium", "auto")
        assert others.response_format is not None
        assert others.response_format["json_schema"]["schema"] == {"type": "object"}

    def test_thoughts_go_back_to_whoever_signed_them(self) -> None:
        signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
        unsigned = {"type": "thinking", "thinking": " ok", "signature": ""}
        said = [signed, unsigned, {"type": "text", "text": "Yes."}]
        talk = [*TALKS["anthropic"]["messages"], {"role": "assistant", "content": said}]
        message = read("anthropic", messages=talk).messages[1]
        assert message == {
            "role": "assistant", "content": "Yes.", "reasoning_content": "hm ok", "reasoning_details": [signed],
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"max_tokens": None}, "max_tokens"),
            ({"temperature": 1.5}, "temperature"),
            ({"system": 5}, "system"),
            ({"messages": [{"role": "user", "content": []}]}, "messages"),
            ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
            (
                {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
                "messages[0].content[0].tool_use_id",
            ),
            ({"messages": [{"role": "user", "content": [{"type": "document"}]}]}, "messages[0].content[0]"),
            ({"tools": [{"name": "a"}]}, "tools[0].input_schema"),
            ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
            ({"output_config": {"format": {"type": "yaml"}}}, "output_config.format"),
        ],
    )
    def test_what_is_wrong_is_named(self, fields: dict[str, Any], field: str) -> None:
        with pytest.raises(RequestError) as caught:
            read("anthropic", **fields)
        assert caught.value.field == field


class TestUIMessages:
    def test_a_talk_of_steps_is_told_in_its_order(self) -> None:
        call = {"toolCallId": "c1", "state": "output-available", "input": {"city": "Oslo"}, "output": {"sky": "grey"}}
        parts = [
            {"type": "step-start"},
            {"type": "reasoning", "text": "hm"},
            {"type": "tool-weather"} | call,
            {"type": "dynamic-tool", "toolName": "clock", "toolCallId": "c2", "state": "input-available"},
            {"type": "step-start"},
            {"type": "text", "text": "Grey."},
            {"type": "source-url", "sourceId": "s", "url": "https://example.com"},
        ]
        picture = {"type": "file", "mediaType": "image/png", "url": f"data:image/png;base64,{PIXEL}"}
        asked = {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Look:"}, picture]}
        question = read(
            "ui-messages", messages=[asked, {"id": "2", "role": "assistant", "parts": parts}], system="Brief."
        )
        function = {"name": "weather", "arguments": '{"city":"Oslo"}'}
        assert question.messages == [
            {"role": "system", "content": "Brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": picture["url"]}},
            ]},
            {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [
                {"id": "c1", "function": function, "type": "function"},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": '{"sky":"grey"}'},
            {"role": "assistant", "content": "Grey."},
        ]  # fmt: skip

    def test_options_are_those_of_every_chat(self) -> None:
        question = FACES["ui-messages"].read(
            json.dumps(TALKS["ui-messages"] | {"streamOptions": {"onDisconnect": "continue"}, "topP": 0.5}).encode()
        )
        assert question.settings.on_disconnect == "continue"
        assert question.question("openai-chat").top_p == 0.5


def test_every_face_streams_unless_it_says_otherwise_as_its_own_api_does() -> None:
    streams = {face.name: face.read(json.dumps(TALKS[face.name]).encode()).stream for face in FACES.values()}
    assert streams == {OLLAMA.name: True, MESSAGES.name: False, UI_MESSAGES.name: True}
