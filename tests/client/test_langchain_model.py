"""`ChatHeadrace` as LangChain uses a chat model, against a server: whole, streamed, with tools, broken, left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from headrace import RequestError, UpstreamError
from headrace.testing import ScriptedUpstream, Send, response, sse
from tests.gateway.wired import BROKEN, CALLS, HALF, SUN, THOUGHT, TOOL, call, delta
from tests.live import KEY, LiveServer, model_at
from tests.tools import needed

messages = needed("langchain_core.messages", "pip install langchain-core")

from headrace.client.langchain import ChatHeadrace  # noqa: E402 - LangChain must be there


def chat(server: LiveServer, upstream: ScriptedUpstream, **fields: Any) -> ChatHeadrace:
    return ChatHeadrace(api=f"{server.url}/api", model=model_at(f"{upstream.url}/v1"), **fields)


def test_answers_whole_with_thoughts_and_usage(server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        model = chat(server, upstream, options={"temperature": 0.2, "max_tokens": 9})
        answer = model.invoke([("system", "Be brief."), ("human", "Hi")], stop=["END"])
        sent = json.loads(upstream.requests[0].body)
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert (sent["temperature"], sent["max_tokens"], sent["stop"]) == (0.2, 9, ["END"])
    assert [(block["type"], block.get("text") or block.get("reasoning")) for block in answer.content_blocks] == [
        ("reasoning", "hm ok"),
        ("text", "Hello"),
    ]
    assert answer.usage_metadata["output_token_details"] == {"reasoning": 3}
    assert (answer.response_metadata["finish_reason"], bool(answer.response_metadata["stream_id"])) == ("stop", True)
    assert KEY not in repr(model._identifying_params)


async def test_streams_in_coroutines(server: LiveServer) -> None:
    with ScriptedUpstream(THOUGHT) as upstream:
        found = [chunk async for chunk in chat(server, upstream).astream("Hi")]
        whole = await chat(server, upstream).ainvoke("Hi")
    assert [chunk.content for chunk in found if chunk.content] == ["Hel", "lo"]
    assert whole.content == "Hello"


def test_calls_tools_and_takes_their_results(server: LiveServer) -> None:
    with ScriptedUpstream(CALLS, SUN) as upstream:
        model = chat(server, upstream).bind_tools([TOOL], tool_choice="any")
        said = model.invoke("Hi")
        result = messages.ToolMessage("Sun", tool_call_id="call_1")
        answer = model.invoke([messages.HumanMessage("Hi"), said, result])
        first, second = (json.loads(request.body) for request in upstream.requests)
    assert [(call["name"], call["args"], call["id"]) for call in said.tool_calls] == [
        ("weather", {"city": "Oslo"}, "call_1")
    ]
    assert (first["tools"], first["tool_choice"]) == ([TOOL], "required")
    assert [each["role"] for each in second["messages"]] == ["user", "assistant", "tool"]
    assert answer.content == "Sun"


def test_answers_in_a_structure(server: LiveServer) -> None:
    class Weather(BaseModel):
        """The weather in a city."""

        city: str

    named = [call(0, "Weather", '{"city":"Oslo"}', id="call_1", type="function")]
    answer = [Send(response(sse(delta(tool_calls=named), delta("tool_calls"), "[DONE]")))]
    with ScriptedUpstream(answer) as upstream:
        found = chat(server, upstream).with_structured_output(Weather).invoke("Hi")
    assert found == Weather(city="Oslo")


def test_a_broken_answer_raises_after_what_had_come(server: LiveServer) -> None:
    with ScriptedUpstream(BROKEN) as upstream:
        arriving = chat(server, upstream).stream("Hi")
        assert next(arriving).content == "Hel"
        with pytest.raises(UpstreamError, match="out of luck"):
            list(arriving)


def test_a_wrong_request_is_refused(server: LiveServer) -> None:
    model = ChatHeadrace(api=f"{server.url}/api", options={"temperature": 9})
    with pytest.raises(RequestError, match="temperature"):
        model.invoke("Hi")


def test_left_half_way_the_upstream_call_ends(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream:
        arriving = chat(server, upstream).stream("Hi")
        assert next(arriving).content == "Hel"
        arriving.close()
        assert upstream.wait_disconnect()


async def test_a_task_that_is_cancelled_ends_the_upstream_call(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream:
        arriving = chat(server, upstream).astream("Hi")
        assert (await anext(arriving)).content == "Hel"
        await arriving.aclose()
        assert await upstream.disconnected()
