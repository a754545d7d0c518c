"""OpenAI's API on a live server, byte for byte: chunks, whole answers, errors with their statuses, models, resuming."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, response, sse
from tests.gateway.wired import (
    BEARER,
    BROKEN,
    CALLS,
    COMPLETIONS,
    HALF,
    QUESTION,
    THOUGHT,
    TOOL,
    ask,
    call,
    chunks,
    delta,
    refusing,
    said,
    stored,
)
from tests.live import KEY, LiveServer, blocks

SILENT: list[Any] = [Hold()]


def test_a_stream_in_openais_shape(server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        name = stored(server, upstream)
        answer = ask(server, name, stream=True)
        found = chunks(answer)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
    assert {each["object"] for each in found} == {"chat.completion.chunk"}
    assert {each["model"] for each in found} == {name}
    assert {each["id"] for each in found} == {f"chatcmpl-{answer.headers['X-Stream-Id']}"}
    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert said(found, "content") == "Hello"
    assert said(found, "reasoning_content") == said(found, "reasoning") == "hm ok"
    assert [each["choices"][0]["finish_reason"] for each in found if each["choices"]] == [None] * 5 + ["stop"]
    assert all("usage" not in each for each in found)


def test_usage_comes_last_and_only_when_asked_for(server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        found = chunks(ask(server, stored(server, upstream), stream=True, stream_options={"include_usage": True}))
    assert all(each["usage"] is None for each in found[:-1])
    assert (found[-1]["choices"], found[-1]["usage"]) == (
        [],
        {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 3},
            "source": "reported",
        },
    )


def test_the_whole_answer(server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        name = stored(server, upstream)
        answer = ask(server, name)
        body = json.load(answer)
    assert (answer.status, body["object"], body["model"]) == (200, "chat.completion", name)
    choice = body["choices"][0]
    assert choice["message"] == {
        "role": "assistant", "content": "Hello", "refusal": None, "reasoning_content": "hm ok", "reasoning": "hm ok",
    }  # fmt: skip
    assert (choice["finish_reason"], body["usage"]["total_tokens"]) == ("stop", 12)


def test_tool_calls_streamed_and_whole(server: LiveServer) -> None:
    with ScriptedUpstream(CALLS) as upstream:
        name = stored(server, upstream)
        found = chunks(ask(server, name, stream=True, tools=[TOOL]))
        body = json.load(ask(server, name, tools=[TOOL], tool_choice="auto"))
        sent = json.loads(upstream.requests[0].body)
    pieces = [piece for each in found for piece in each["choices"][0]["delta"].get("tool_calls", ())]
    assert pieces[0] == {
        "index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""},
    }  # fmt: skip
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"city":"Oslo"}'
    assert all(piece.keys() == {"index", "function"} for piece in pieces[1:])
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"
    choice = body["choices"][0]
    function = {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert choice["message"]["tool_calls"] == [{"id": "call_1", "type": "function", "function": function}]
    assert (choice["message"]["content"], choice["finish_reason"]) == (None, "tool_calls")
    assert sent["tools"] == [TOOL]


def test_a_call_without_an_id_gets_one(server: LiveServer) -> None:
    two = [call(0, "weather", '{"city":"Oslo"}'), call(1, "weather", '{"city":"Rome"}')]
    script = [Send(response(sse(delta(tool_calls=two), delta("tool_calls"), "[DONE]")))]
    with ScriptedUpstream(script) as upstream:
        found = chunks(ask(server, stored(server, upstream), stream=True, tools=[TOOL]))
    ids = [piece.get("id") for each in found for piece in each["choices"][0]["delta"].get("tool_calls", ())]
    assert len(set(ids)) == 2
    assert all(ids)


def test_what_the_caller_sent_goes_upstream_and_nothing_else(server: LiveServer) -> None:
    fields: dict[str, Any] = {
        "stop": ["x"], "seed": 1, "top_p": 0.5, "max_completion_tokens": 9, "frequency_penalty": 0.25, "user": "u",
        "min_p": 0.1, "metadata": {"ticket": "7"}, "response_format": {"type": "json_object"}, "n": 1,
        "reasoning_effort": "low",
    }  # fmt: skip
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "content": "Yes.", "reasoning": "Why not."},
        *QUESTION,
    ]
    with ScriptedUpstream([Send(chat_answer("a"))]) as upstream:
        assert ask(server, stored(server, upstream), messages=messages, **fields).status == 200
        (request,) = upstream.requests
        received = upstream.received
    sent = json.loads(request.body)
    del fields["metadata"], fields["n"]
    fields["max_tokens"] = fields.pop("max_completion_tokens")
    assert sent == fields | {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "content": "No."},
            {"role": "assistant", "content": "Yes.", "reasoning_content": "Why not."},
            *QUESTION,
        ],
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert BEARER.encode() not in received


@pytest.mark.parametrize(
    ("script", "status", "code", "again"),
    [
        (refusing("401 Unauthorized", f"bad key {KEY}"), 502, "upstream_auth", False),
        (refusing("400 Bad Request", "context too long"), 400, "upstream_bad_request", False),
        (refusing("404 Not Found", "no such model"), 404, "upstream_not_found", False),
        (refusing("429 Too Many Requests", "slow down", "retry-after: 45\r\n"), 429, "upstream_rate_limited", True),
        ([Send(response(b"<html>"))], 502, "upstream_not_a_stream", False),
        (SILENT, 504, "upstream_first_byte_timeout", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_before_the_first_event_has_its_status(
    server: LiveServer, script: list[Any], status: int, code: str, again: bool, stream: bool
) -> None:
    with ScriptedUpstream(script) as upstream:
        answer = ask(server, stored(server, upstream), stream=stream, timeout=0.5)
        raw = answer.read().decode()
    error = json.loads(raw)["error"]
    assert (answer.status, error["code"], error["param"]) == (status, code, None)
    assert error["message"]
    assert error["type"]
    assert KEY not in raw
    assert answer.headers.get("X-Should-Retry") == (None if again else "false")
    if status == 429:
        assert answer.headers["Retry-After"] == "45"


def test_an_error_in_mid_stream_is_an_event(server: LiveServer) -> None:
    with ScriptedUpstream(BROKEN) as upstream:
        answer = ask(server, stored(server, upstream), stream=True, stream_options={"include_usage": True})
        found = chunks(answer)
    assert answer.status == 200
    (failure,) = [each["error"] for each in found if "error" in each]
    assert "out of luck" in failure["message"]
    assert said([each for each in found if "error" not in each], "content") == "Hel"
    assert not any(choice["finish_reason"] for each in found for choice in each.get("choices", ()))


def test_the_head_waits_for_the_first_event(server: LiveServer) -> None:
    with ScriptedUpstream(SILENT) as upstream:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=0.3)
        body = json.dumps({"model": stored(server, upstream), "messages": QUESTION, "stream": True})
        connection.request("POST", COMPLETIONS, body, {"Content-Type": "application/json"})
        assert upstream.wait_requests()
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
        assert upstream.wait_disconnect()


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_the_upstream_call(server: LiveServer, stream: bool) -> None:
    with ScriptedUpstream(HALF) as upstream:
        connection = HTTPConnection("127.0.0.1", server.port)
        body = json.dumps({"model": stored(server, upstream), "messages": QUESTION, "stream": stream})
        connection.request("POST", COMPLETIONS, body, {"Content-Type": "application/json"})
        if stream:
            answer = connection.getresponse()
            assert answer.readline()
            answer.close()
        else:
            assert upstream.wait_requests()
        connection.close()
        left = time.monotonic()
        assert upstream.wait_disconnect()
        assert time.monotonic() - left < 2


def test_a_stream_is_resumed_in_the_contracts_shape(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream:
        answer = ask(server, stored(server, upstream), stream=True, stream_options={"on_disconnect": "continue"})
        place = f"/api/projects/default/playground/streams/{answer.headers['X-Stream-Id']}/"
        answer.close()
        assert next(blocks(server.get(place))) == 'id: 1\ndata: {"type": "content", "content": "Hel"}'
        assert upstream.connections == 1
        assert server.request("DELETE", place).status == 204
        assert upstream.wait_disconnect()


def test_a_request_that_is_repeated_joins_the_first_one(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("Hi"))]) as upstream:
        body = {"model": stored(server, upstream), "messages": QUESTION, "stream": True}
        first = server.post(COMPLETIONS, body, headers={"Idempotency-Key": "once-1"})
        assert said(chunks(first), "content") == "Hi"
        again = server.post(COMPLETIONS, body, headers={"Idempotency-Key": "once-1"})
        assert said(chunks(again), "content") == "Hi"
        assert first.headers["X-Stream-Id"] == again.headers["X-Stream-Id"]
        assert (first.headers["Idempotency-Replayed"], again.headers["Idempotency-Replayed"]) == (None, "true")
        assert len(upstream.requests) == 1
        other = server.post(COMPLETIONS, body | {"seed": 1}, headers={"Idempotency-Key": "once-1"})
        assert (other.status, json.load(other)["error"]["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
        ({"model": 7}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": "many"}, "max_completion_tokens"),
        ({"top_p": 7}, "top_p"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"n": 2}, "n"),
        ({"functions": [{}]}, "functions"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_request_names_the_field_as_openai_does(server: LiveServer, change: dict[str, Any], param: str) -> None:
    answer = ask(server, **({"model": "local/smollm2"} | change))
    error = json.load(answer)["error"]
    assert (answer.status, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert param.rpartition(".")[2] in error["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_value_that_the_model_refuses_is_named_as_it_was_sent(server: LiveServer, path: str) -> None:
    with ScriptedUpstream(refusing("400 Bad Request", "max_tokens must be at most 4096")) as upstream:
        body = {"model": stored(server, upstream), "messages": QUESTION, "max_tokens": 9000}
        told = json.load(server.post(path, body))["error"]
    assert told["message"].startswith("max_tokens: 9000 was sent, at most 4096 is allowed")
    assert told["param"] == "max_tokens"


@pytest.mark.parametrize("name", ["nothing", "nobody/knows", "/x", "x/", "deepseek-ai/DeepSeek-V3"])
def test_a_model_that_is_unknown(server: LiveServer, name: str) -> None:
    answer = ask(server, name)
    error = json.load(answer)["error"]
    assert (answer.status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "provider/model" in error["message"]


def test_a_provider_that_wants_a_key_is_not_asked_without_one(server: LiveServer) -> None:
    answer = ask(server, "groq/llama")
    error = json.load(answer)["error"]
    assert (answer.status, error["code"]) == (400, "key_missing")


def test_a_name_is_a_configuration_first_and_split_at_the_first_slash(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("a"))]) as upstream:
        stored(server, upstream, name="split/x", providerId="split")
        assert ask(server, "split/x").status == 200
        assert ask(server, "split/deep/seek").status == 200
        models = [json.loads(request.body)["model"] for request in upstream.requests]
        assert models == ["m", "deep/seek"]
        assert {request.headers["authorization"] for request in upstream.requests} == {f"Bearer {KEY}"}


def test_models_are_listed_and_read(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("a"))]) as upstream:
        name = stored(server, upstream)
    listed = json.load(server.get("/v1/models"))
    ids = [each["id"] for each in listed["data"]]
    assert listed["object"] == "list"
    assert {name, "local/smollm2"} <= set(ids)
    assert len(set(ids)) == len(ids)
    assert json.load(server.get("/v1/models/local/smollm2"))["owned_by"] == "local"
    missing = server.get("/v1/models/none")
    assert (missing.status, json.load(missing)["error"]["code"]) == (404, "model_not_found")


def test_refusals_of_the_guard_and_of_the_server_have_openais_shape(server: LiveServer) -> None:
    body = {"model": "local/smollm2", "messages": QUESTION}
    refusals = [
        (server.post(COMPLETIONS, body, headers={"Origin": "https://evil.test"}), 403),
        (server.post(COMPLETIONS, body, headers={"Host": "evil.test"}), 403),
        (server.post(COMPLETIONS, body, headers={"Content-Type": "text/plain"}), 415),
        (server.post(COMPLETIONS, b"{"), 400),
        (server.get(COMPLETIONS), 405),
        (server.get("/v1/embeddings"), 404),
        (server.post(COMPLETIONS, body, headers={"X-Headrace-Project": "none"}), 404),
    ]
    for answer, status in refusals:
        body = json.load(answer)
        assert answer.status == status
        assert body["error"].keys() == {"message", "type", "param", "code"}


def test_the_same_under_wsgi(data_dir: Any) -> None:
    listing = b'{"data": [{"id": "a"}]}'
    with (
        LiveServer.gunicorn(data_dir, "--worker-class", "gthread", "--threads", "4") as wsgi,
        ScriptedUpstream(THOUGHT, refusing("400 Bad Request", "too long"), HALF, THOUGHT) as upstream,
        ScriptedUpstream([Send(response(listing, content_type="application/json"))]) as other,
    ):
        name = stored(wsgi, upstream)
        assert said(chunks(ask(wsgi, name, stream=True)), "content") == "Hello"
        assert ask(wsgi, name, stream=True).status == 400
        assert b"assistant" in ask(wsgi, name, stream=True).readline()
        assert json.load(ask(wsgi, name))["choices"][0]["message"]["content"] == "Hello"
        listed = wsgi.post("/api/providers/openai/models/", {"endpoint": f"{other.url}/v1"})
        assert [each["id"] for each in json.load(listed)["models"]] == ["a"]
