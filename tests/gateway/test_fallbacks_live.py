"""Configurations that stand in for each other, on a live server: through both faces, and in the log."""

from __future__ import annotations

import json
from typing import Any

from headrace.testing import Refuse, ScriptedUpstream, Send, chat_answer
from tests.gateway.wired import BROKEN, MODELS, THOUGHT, ask, chunks, refusing, said, stored
from tests.live import KEY, MESSAGES, LiveServer, blocks, payloads

LIMITED = refusing("429 Too Many Requests", "slow down", "retry-after: 3600\r\n")


def config_id(server: LiveServer, name: str) -> str:
    listed = json.load(server.get(MODELS))["models"]
    return str(next(each["configId"] for each in listed if each["name"] == name))


def configured(server: LiveServer, upstream: ScriptedUpstream, **fields: Any) -> str:
    return config_id(server, stored(server, upstream, **fields))


def test_another_answers_and_the_end_and_the_log_say_why(server: LiveServer) -> None:
    with (
        ScriptedUpstream(LIMITED) as busy,
        ScriptedUpstream([Refuse()]) as gone,
        ScriptedUpstream(THOUGHT) as good,
    ):
        second = configured(server, gone, modelId="gone")
        third = configured(server, good, modelId="good")
        first = configured(server, busy, fallbacks=[second, third], modelId="busy")
        answer = server.stream({"configId": first}, streamOptions={"includeUsage": True}, timeout=5)
        events = payloads(list(blocks(answer)))
        assert good.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert json.loads(good.requests[0].body)["model"] == "good"
    finish = events[-1]
    assert [event["type"] for event in events].count("content") == 2
    assert finish["answeredBy"] == {"configId": third, "provider": "openai", "model": "good"}
    assert finish["fallbacks"] == [
        {"configId": first, "provider": "openai", "model": "busy", "code": "upstream_rate_limited"},
        {"configId": second, "provider": "openai", "model": "gone", "code": "upstream_unreachable"},
    ]
    (line,) = [each for each in server.log.split("\n") if answer.headers["X-Stream-Id"] in each and "fallbacks" in each]
    assert f"{first}: upstream_rate_limited" in line
    assert "model=good" in line


def test_openais_face_falls_back_too(server: LiveServer) -> None:
    with ScriptedUpstream(LIMITED) as busy, ScriptedUpstream([Send(chat_answer("Hi"))]) as good:
        spare = configured(server, good)
        name = stored(server, busy, fallbacks=[spare])
        answer = ask(server, name, stream=True)
        assert (answer.status, said(chunks(answer), "content")) == (200, "Hi")
        assert json.load(ask(server, name))["choices"][0]["message"]["content"] == "Hi"


def test_after_the_first_event_no_other_is_asked(server: LiveServer) -> None:
    with ScriptedUpstream(BROKEN) as broken, ScriptedUpstream(THOUGHT) as good:
        first = configured(server, broken, fallbacks=[configured(server, good)])
        events = payloads(list(blocks(server.stream({"configId": first}))))
        assert good.requests == []
    assert events[0]["content"] == "Hel"
    assert "out of luck" in events[1]["error"]


def test_another_dialect_is_not_given_what_was_meant_for_the_first(server: LiveServer) -> None:
    lines = [Send(chat_answer("Hi", protocol="ollama-ndjson"))]
    with ScriptedUpstream(LIMITED) as busy, ScriptedUpstream(lines) as good:
        spare = configured(server, good, providerId="ollama", endpoint=good.url)
        first = configured(server, busy, fallbacks=[spare])
        body = {"model": {"configId": first}, "messages": MESSAGES, "extraBody": {"min_p": 0.1}}
        answer = server.post("/api/projects/default/playground/chat/", body)
        assert json.load(answer)["content"] == "Hi"
        assert b"min_p" in busy.requests[0].body
        assert b"min_p" not in good.requests[0].body


def test_fallbacks_are_checked_when_they_are_stored(server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        spare, first = configured(server, upstream), configured(server, upstream)
        place = f"{MODELS}{first}/"
        for wrong in (["nothing"], [first], [spare, spare], [spare] * 9, "spare"):
            answer = server.request("PATCH", place, {"fallbacks": wrong})
            assert (answer.status, json.load(answer)["field"].partition("[")[0]) == (400, "fallbacks"), wrong
        assert json.load(server.request("PATCH", place, {"fallbacks": [spare]}))["fallbacks"] == [spare]
        assert server.request("DELETE", f"{MODELS}{spare}/").status == 204
        answer = server.stream({"configId": first}, streamOptions={"includeUsage": True})
        assert "answeredBy" not in payloads(list(blocks(answer)))[-1]
        assert server.request("PATCH", place, {"name": "still as it was"}).status == 200
