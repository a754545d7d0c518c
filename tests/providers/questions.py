"""One question that uses everything, for the golden request of each dialect; and JSON in all the wrong places."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from headrace.errors import FramingError
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Parser, Provider
from headrace.stream.framing import Frame

PIXEL = base64.b64encode(b"\x89PNG pixel").decode()
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
LINK = {"type": "image_url", "image_url": {"url": "https://pictures.example/river.webp?size=1"}}
WEATHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells the weather.", "parameters": WEATHER_SCHEMA, "strict": True},
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
ANSWER_SCHEMA = {"type": "object", "properties": {"sunny": {"type": "boolean"}}, "additionalProperties": False}
ANSWER_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "description": "Sunny or not.", "schema": ANSWER_SCHEMA},
}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
    {"role": "user", "content": [{"type": "text", "text": "What is this?"}, PICTURE]},
    {"role": "assistant", "content": "A river."},
    {"role": "user", "content": "And the weather in Köln and Bonn?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Köln"}'}},
            {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bonn"}'}},
            {"id": "call_3", "type": "function", "function": {"name": "clock", "arguments": ""}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
    {"role": "tool", "tool_call_id": "call_2", "content": '{"sky": "grey"}'},
    {"role": "tool", "tool_call_id": "call_3", "content": [{"type": "text", "text": "Noon."}, PICTURE]},
    {"role": "user", "content": "So?"},
]
EVERYTHING = ChatRequest(
    messages=TALK,
    temperature=0.25,
    max_tokens=2000,
    top_p=0.5,
    top_k=40,
    stop=["END", "###"],
    tools=[WEATHER, CLOCK],
    tool_choice="auto",
    response_format=ANSWER_FORMAT,
)
PLAIN = ChatRequest(
    messages=[{"role": "user", "content": "Hi"}],
    temperature=0.7,
    max_tokens=8192,
    defaulted=frozenset({"temperature", "max_tokens"}),
)


def asked(request: ChatRequest, **changes: Any) -> ChatRequest:
    """The request with some options changed, which count as the caller's own."""
    return replace(request, **changes, defaulted=request.defaulted - changes.keys())


def built(provider: Provider, request: ChatRequest, base_url: str, model: str, key: str = "sk-test") -> HTTPRequest:
    return provider.adapter.build(request, Endpoint(base_url, model, key), provider)


def body_of(request: HTTPRequest) -> dict[str, Any]:
    body = json.loads(request.body)
    assert isinstance(body, dict)
    return body


def odd_json(names: Iterable[str]) -> st.SearchStrategy[Any]:
    """Any JSON that uses a dialect's names in all the wrong places."""
    known = st.sampled_from(sorted(names))
    leaves = (
        st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False) | known | st.text(max_size=3)
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known | st.text(max_size=2), inner, max_size=5),
        max_leaves=12,
    )


def feed_all(parser: Parser, frames: Iterable[Frame]) -> None:
    """Feeds frames as the decoder does: the first fault ends it, and nothing but FramingError is one."""
    try:
        for frame in frames:
            list(parser.feed(frame))
    except FramingError:
        return
    list(parser.close())
