"""The playground's endpoints on a live server: shapes, refusals, who leaves, streams that are joined and stopped."""

from __future__ import annotations

import gzip
import json
import time
from hashlib import sha256
from typing import Any

import pytest

from headrace.testing import Close, Hold, ScriptedUpstream, Send, chat_answer, chunk, response, sse, stream_head
from tests.live import CHAT, KEY, MESSAGES, STREAM, LiveServer, blocks, joined, model_at, payloads

STREAMS = "/api/projects/default/playground/streams/"
PROMPT = 1.0  # what must happen "within a second"


def delta(text: str) -> bytes:
    return chunk(sse({"choices": [{"index": 0, "delta": {"content": text}}]}))


def refusing(status: str, message: str) -> list[Any]:
    body = json.dumps({"error": {"message": message}}).encode()
    return [Send(response(body, status=status, content_type="application/json")), Close()]


SILENT: list[Any] = [Hold()]
HEAD_ONLY: list[Any] = [Send(stream_head()), Hold()]
HALF: list[Any] = [Send(stream_head() + delta("Hel") + delta("lo")), Hold()]


def test_headers_and_shape_to_the_letter(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("你好", "！"))]) as upstream:
        answer = server.stream(model_at(f"{upstream.url}/v1"))
        raw = answer.read()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Connection"] == "keep-alive"
    assert len(answer.headers["X-Stream-Id"]) >= 22
    assert raw.decode() == (
        'data: {"type": "content", "content": "你好"}\n\ndata: {"type": "content", "content": "！"}\n\ndata: [DONE]\n\n'
    )


def test_events_arrive_one_by_one(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream:
        arriving = blocks(server.stream(model_at(f"{upstream.url}/v1")))
        assert json.loads(next(arriving)[6:])["content"] == "Hel"
        assert upstream.connections == 1
        arriving.close()


def test_reasoning_stands_apart(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("<thi", "nk>plan</th", "ink>\n\nAnswer"))]) as upstream:
        events = payloads(list(blocks(server.stream(model_at(f"{upstream.url}/v1")))))
    assert [event["type"] for event in events] == ["reasoning", "reasoning", "reasoning", "content"]
    assert (joined(events, "reasoning"), joined(events, "content")) == ("plan", "Answer")


@pytest.mark.parametrize("script", [SILENT, HEAD_ONLY, HALF], ids=["before the head", "before an event", "midway"])
def test_a_client_that_leaves_ends_the_upstream_call(server: LiveServer, script: list[Any]) -> None:
    with ScriptedUpstream(script) as upstream:
        answer = server.stream(model_at(f"{upstream.url}/v1"))
        assert upstream.wait_requests()
        if script is HALF:
            assert answer.readline()
        answer.close()
        left = time.monotonic()
        assert upstream.wait_disconnect()
        assert time.monotonic() - left < PROMPT + 1


def test_the_whole_answer_leaves_too_when_its_client_does(server: LiveServer) -> None:
    from http.client import HTTPConnection

    with ScriptedUpstream(HALF) as upstream:
        connection = HTTPConnection("127.0.0.1", server.port)
        body = json.dumps({"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")})
        connection.request("POST", CHAT, body, {"Content-Type": "application/json"})
        assert upstream.wait_requests()
        connection.close()
        assert upstream.wait_disconnect()


def test_a_stream_told_to_continue_outlives_its_reader_and_is_resumed(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream:
        answer = server.stream(model_at(f"{upstream.url}/v1"), streamOptions={"onDisconnect": "continue"})
        stream_id = answer.headers["X-Stream-Id"]
        assert answer.readline()
        answer.close()
        resumed = server.get(f"{STREAMS}{stream_id}/", headers={"Last-Event-ID": "1"})
        assert resumed.status == 200
        assert next(blocks(resumed)) == 'id: 2\ndata: {"type": "content", "content": "lo"}'
        assert upstream.connections == 1
        assert server.request("DELETE", f"{STREAMS}{stream_id}/").status == 204
        assert upstream.wait_disconnect()
        assert server.request("DELETE", f"{STREAMS}{stream_id}/").status == 204


def test_every_cursor_of_a_finished_stream(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("<think>a</think>", "b", "c"))]) as upstream:
        answer = server.stream(model_at(f"{upstream.url}/v1"), streamOptions={"includeIds": True, "includeUsage": True})
        whole = list(blocks(answer))
        place = f"{STREAMS}{answer.headers['X-Stream-Id']}/"
        assert [block.split("\n")[0] for block in whole[:-1]] == [f"id: {n}" for n in range(1, len(whole))]
        for read in range(len(whole)):
            assert list(blocks(server.get(f"{place}?after={read}&includeUsage=true"))) == whole[read:]
        header = {"Last-Event-ID": str(len(whole) - 1)}
        assert list(blocks(server.get(f"{place}?after=0", headers=header))) == whole[-1:]
        for cursor in (str(len(whole)), "-1", "x", "1.5", "٣"):
            refused = server.get(place, headers={"Last-Event-ID": cursor.encode().decode("latin-1")})
            assert refused.status == 400, cursor
        assert len(upstream.requests) == 1


def test_unknown_and_foreign_streams_look_alike(server: LiveServer) -> None:
    for path in (f"{STREAMS}nothing-here/", "/api/projects/other/playground/streams/nothing-here/"):
        assert server.get(path).status == 404


def test_streams_are_listed_with_their_figures(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("a"))]) as upstream:
        answer = server.stream(model_at(f"{upstream.url}/v1"), metadata={"ticket": "7"})
        answer.read()
        listed = json.load(server.get(STREAMS))["streams"][0]
    assert listed["streamId"] == answer.headers["X-Stream-Id"]
    assert (listed["state"], listed["model"], listed["metadata"]) == ("finished", "m", {"ticket": "7"})
    assert "ticket" not in upstream.requests[0].body.decode()


def test_the_whole_answer(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("<think>p</think>", "Hel", "lo"))]) as upstream:
        answer = server.post(CHAT, {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")})
        body = json.load(answer)
    assert answer.status == 200
    assert (body["content"], body["reasoning"], body["toolCalls"], body["finishReason"]) == ("Hello", "p", [], "stop")


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (refusing("401 Unauthorized", f"bad key {KEY}"), 502, "upstream_auth"),
        (refusing("429 Too Many Requests", "slow down"), 429, "upstream_rate_limited"),
        ([Send(response(b"<html>")), Close()], 502, "upstream_not_a_stream"),
        (SILENT, 504, "upstream_first_byte_timeout"),
        (HALF, 504, "upstream_idle_timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failures_of_the_whole_answer(server: LiveServer, script: list[Any], status: int, code: str) -> None:
    with ScriptedUpstream(script) as upstream:
        answer = server.post(CHAT, {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1"), "timeout": 0.5})
        raw = answer.read().decode()
    body = json.loads(raw)
    assert (answer.status, body["code"]) == (status, code)
    assert body["content"] == ("Hello" if script is HALF else "")
    assert KEY not in raw
    assert ("Retry-After" in answer.headers) == (status == 429)


LINKED = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://pictures.test/a.png"}}]}
TOOL = {"type": "function", "function": {"name": "look"}}


def spoken(provider: str) -> dict[str, str]:
    """A model of this provider's dialect, which nobody is to be asked for."""
    return model_at("http://127.0.0.1:9", providerId=provider)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"temperature": "hot"}, "temperature"),
        ({"timeout": 0}, "timeout"),
        ({"model": {"providerId": "openai"}}, "model.modelId"),
        ({"model": {"configId": "nothing"}}, "model.configId"),
        ({"model": spoken("mistral"), "topK": 5}, "topK"),
        ({"model": spoken("anthropic"), "responseFormat": {"type": "rhyme"}}, "responseFormat"),
        ({"model": spoken("gemini"), "toolChoice": "maybe"}, "toolChoice"),
        ({"model": spoken("bedrock"), "messages": [LINKED]}, "messages[0].content[0].image_url"),
        ({"model": spoken("openai-completions"), "tools": [TOOL]}, "tools"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("path", [STREAM, CHAT])
def test_a_bad_request_names_the_field(server: LiveServer, change: dict[str, Any], field: str, path: str) -> None:
    answer = server.post(path, {"messages": MESSAGES, "model": {"providerId": "local"}} | change)
    body = json.load(answer)
    assert (answer.status, body["field"]) == (400, field)
    assert body["error"]


def test_an_address_that_is_not_allowed_is_refused_before_any_stream(server: LiveServer) -> None:
    answer = server.stream(model_at("http://192.168.1.7:8000/v1"))
    body = json.load(answer)
    assert (answer.status, body["code"]) == (400, "egress_refused")
    assert "HEADRACE_EGRESS_ALLOW" in body["error"]


def test_an_unknown_project_a_wrong_method_and_a_foreign_page(server: LiveServer) -> None:
    body = {"messages": MESSAGES, "model": {"providerId": "local"}}
    assert server.post("/api/projects/none/playground/chat/stream/", body).status == 404
    refused = server.get(STREAM)
    assert (refused.status, refused.headers["Allow"]) == (405, "POST")
    for headers in ({"Origin": "https://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert server.post(STREAM, body, headers=headers).status == 403
    assert server.post(STREAM, body, headers={"Host": "evil.test"}).status == 403
    assert server.post(STREAM, body, headers={"Content-Type": "text/plain"}).status == 415
    packed = server.post(STREAM, gzip.compress(json.dumps(body).encode()), headers={"Content-Encoding": "gzip"})
    assert packed.status == 415
    assert "without Content-Encoding" in json.load(packed)["error"]


def test_keep_alive_comments_come_before_the_upstream_answers(data_dir: Any) -> None:
    with (
        LiveServer.uvicorn(data_dir, HEADRACE_KEEPALIVE_SECONDS="0.05") as quick,
        ScriptedUpstream(SILENT) as upstream,
    ):
        arriving = blocks(quick.stream(model_at(f"{upstream.url}/v1")))
        assert [next(arriving) for _ in range(3)] == [": keep-alive"] * 3
        arriving.close()


def test_an_unknown_local_model_is_a_bad_request_that_names_the_two(server: LiveServer) -> None:
    answer = server.stream({"providerId": "local", "modelId": "gpt-9"})
    body = json.load(answer)
    assert (answer.status, body["field"]) == (400, "model.modelId")
    assert "smollm2-reasoning" in body["error"]


def test_a_digest_after_a_retry_and_on_every_resume(server: LiveServer) -> None:
    busy = [Send(response(b"{}", status="503 Service Unavailable", content_type="application/json"))]
    answers = [Send(chat_answer("<think>a</think>", "b", "ç"))]
    with ScriptedUpstream(busy, answers) as upstream:
        answer = server.stream(model_at(f"{upstream.url}/v1"), streamOptions={"includeDigest": True})
        whole = payloads(list(blocks(answer)))
        assert len(upstream.requests) == 2
        finish = whole[-1]
        assert finish["digest"] == {
            "events": len(whole),
            "contentSha256": sha256("bç".encode()).hexdigest(),
            "reasoningSha256": sha256(b"a").hexdigest(),
        }
        place = f"{STREAMS}{answer.headers['X-Stream-Id']}/"
        for read in range(len(whole)):
            assert payloads(list(blocks(server.get(f"{place}?after={read}&includeDigest=true"))))[-1] == finish
        hidden = payloads(list(blocks(server.get(place))))
        assert hidden == whole[:-1]
