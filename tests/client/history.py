"""What a stream really was, by its own replay, and what a reader got of it: a gapless history with one ending."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from headrace.testing import Send, Sleep, chunk, sse, stream_head
from tests.live import LiveServer, blocks

STREAMS = "/api/projects/default/playground/streams"


def truth(server: LiveServer, stream_id: str) -> list[dict[str, Any]]:
    """Every event of the stream, read on one unbroken connection; its numbers and its one end are checked."""
    found = list(blocks(server.get(f"{STREAMS}/{stream_id}/?includeUsage=true")))
    assert found.pop() == "data: [DONE]"
    events = []
    for number, block in enumerate((each for each in found if not each.startswith(":")), 1):
        mark, data = block.split("\n")
        assert mark == f"id: {number}"
        events.append(json.loads(data.removeprefix("data: ")))
    assert [event.get("type") for event in events].count("finish") == 1
    assert events[-1]["type"] == "finish"
    return events


def long_answer(pieces: int = 30, thoughts: int = 5, pause: float = 0.004) -> list[Any]:
    """A script: thoughts, then an answer, each piece by itself, some with what breaks careless readers."""
    odd = ("\u2028", "data: [DONE]\n\n", "\r\n\r\n", "🙂", "id: 9\n", "你好")
    deltas = [{"reasoning_content": f"thought {at} "} for at in range(thoughts)]
    deltas += [{"content": f"piece {at}{odd[at % len(odd)]} "} for at in range(pieces)]
    script: list[Any] = [Send(stream_head())]
    for delta in deltas:
        script += [Send(chunk(sse({"choices": [{"index": 0, "delta": delta}]}))), Sleep(pause)]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return [*script, Send(chunk(sse(end, "[DONE]")) + chunk(b""))]


def texts(events: Sequence[dict[str, Any]], kind: str) -> str:
    pieces = [event["content"] for event in events if event.get("type") == kind]
    return "".join(piece for piece in pieces if piece not in ("<think>", "</think>"))
