"""What went over the wire for a stream: kept where it was asked for, with times, without keys, within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.testing import Close, ScriptedUpstream, Send, Sleep, chat_answer, chunk, response, sse, stream_head
from tests.live import KEY, LiveServer, model_at, payloads

STREAMS = "/api/projects/default/playground/streams/"
ASKED = {"streamOptions": {"includeWire": True, "includeUsage": True, "includeIds": True}}


def wire_of(server: LiveServer, upstream: ScriptedUpstream, **fields: Any) -> tuple[dict[str, Any], str, bytes]:
    """What the server tells of the wire of one chat, with the stream's id and what its reader got."""
    answer = server.stream(model_at(f"{upstream.url}/v1"), **(ASKED | fields))
    events = answer.read()
    stream_id = answer.headers["X-Stream-Id"]
    told = server.get(f"{STREAMS}{stream_id}/wire/")
    assert told.status == 200
    return json.loads(told.read()), stream_id, events


def test_the_request_and_the_frames_as_they_were(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("first ", "second"))]) as upstream:
        told, stream_id, events = wire_of(server, upstream)
        (asked,) = upstream.requests
    (attempt,) = told["attempts"]
    assert told["streamId"] == stream_id
    assert told["cut"] is False
    assert json.loads(attempt["request"]["body"]) == json.loads(asked.body)
    assert attempt["request"]["url"] == f"{upstream.url}/v1/chat/completions"
    assert attempt["request"]["headers"]["authorization"] == "[hidden]"
    assert attempt["response"]["status"] == 200
    frames = [frame["text"] for frame in attempt["frames"]]
    assert all(text.startswith("data: ") and text.endswith("\n\n") for text in frames)
    assert [text for text in frames if "second" in text] == [frames[1]]
    total = events.decode().count("\nid: ") + 1
    assert told["events"][0]["first"] == 1
    assert told["events"][-1]["last"] == total
    times = [frame["atMs"] for frame in attempt["frames"]] + [each["atMs"] for each in told["events"]]
    assert attempt["atMs"] <= attempt["response"]["atMs"] <= min(times)


def test_times_are_those_of_the_last_byte_of_a_frame(server: LiveServer) -> None:
    body = sse({"choices": [{"index": 0, "delta": {"content": "slow"}}]}, "[DONE]")
    script = [Send(stream_head() + chunk(body[:20])), Sleep(0.3), Send(chunk(body[20:]) + b"0\r\n\r\n")]
    with ScriptedUpstream(script) as upstream:
        told, _, _ = wire_of(server, upstream)
    (attempt,) = told["attempts"]
    assert attempt["frames"][0]["atMs"] - attempt["response"]["atMs"] >= 250


@pytest.mark.parametrize("cut", range(3, len(KEY), 7))
def test_a_key_that_comes_back_in_two_reads_is_not_told(server: LiveServer, cut: int) -> None:
    body = sse({"choices": [{"index": 0, "delta": {"content": f"your key is {KEY}!"}}]}, "[DONE]")
    at = body.index(KEY.encode()) + cut
    script = [Send(stream_head() + chunk(body[:at])), Sleep(0.05), Send(chunk(body[at:]) + b"0\r\n\r\n")]
    with ScriptedUpstream(script) as upstream:
        told, _, _ = wire_of(server, upstream)
    assert KEY not in json.dumps(told)
    assert "your key is ***" in told["attempts"][0]["frames"][0]["text"]


def test_every_attempt_is_told(server: LiveServer) -> None:
    busy = response(b'{"error": {"message": "busy"}}', status="503 Busy", content_type="application/json")
    with ScriptedUpstream([Send(busy), Close()], [Send(chat_answer("now"))]) as upstream:
        told, _, events = wire_of(server, upstream)
    first, second = told["attempts"]
    assert first["response"]["status"] == 503
    assert first["frames"][0]["text"] == '{"error": {"message": "busy"}}'
    assert first["error"]["code"] == "upstream_unavailable"
    assert second["error"] is None
    assert payloads(events.decode().split("\n\n"))[0]["content"] == "now"


def test_a_long_answer_is_kept_up_to_the_bound_and_says_so(server: LiveServer) -> None:
    texts = ["x" * 10_000] * 250
    with ScriptedUpstream([Send(chat_answer(*texts))]) as upstream:
        told, _, events = wire_of(server, upstream)
    assert told["cut"] is True
    assert sum(len(frame["text"]) for frame in told["attempts"][0]["frames"]) <= 2 * 1024 * 1024
    assert events.count(b"x" * 10_000) == 250  # the stream itself is whole


def test_nothing_is_kept_unasked_and_nothing_told_of_what_is_unknown(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("hi"))]) as upstream:
        answer = server.stream(model_at(f"{upstream.url}/v1"))
        answer.read()
    for stream_id, code in ((answer.headers["X-Stream-Id"], "wire_not_kept"), ("A" * 24, "stream_not_found")):
        told = server.get(f"{STREAMS}{stream_id}/wire/")
        assert told.status == 404
        assert json.loads(told.read())["code"] == code
    assert server.post(f"{STREAMS}x/wire/", {}).status == 405
