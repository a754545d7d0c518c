"""Real LangChain chat models through `LLMService`: reasoning, tool calls, usage, errors, cancellation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace import Failure, Finish, LLMService, ReasoningDelta, RequestError, TextDelta, ToolCallDelta
from headrace.testing import Close, Hold, ScriptedUpstream, Send, response, sse, stream_head
from headrace.testing import chunk as http_chunk
from tests.live import KEY, MESSAGES

openai = pytest.importorskip("langchain_openai", reason="pip install langchain-openai")
deepseek = pytest.importorskip("langchain_deepseek", reason="pip install langchain-deepseek")


def delta(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }  # fmt: skip


USAGE = {
    "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
    "usage": {
        "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12,
        "completion_tokens_details": {"reasoning_tokens": 3},
    },
}  # fmt: skip
THOUGHT = Send(
    response(
        sse(
            delta(role="assistant", reasoning_content="hm"), delta(reasoning_content=" ok"), delta(content="Hel"),
            delta(content="lo"), delta("stop"), USAGE, "[DONE]",
        )
    )
)  # fmt: skip
TOOL = {"name": "weather", "arguments": ""}
CALLS = Send(
    response(
        sse(
            delta(role="assistant", tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": TOOL}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": '{"city":'}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": '"Oslo"}'}}]),
            delta("tool_calls"), "[DONE]",
        )
    )
)  # fmt: skip


def chat_openai(upstream: ScriptedUpstream, **options: Any) -> Any:
    return openai.ChatOpenAI(model="m", base_url=f"{upstream.url}/v1", api_key=KEY, max_retries=0, **options)


def chat_deepseek(upstream: ScriptedUpstream) -> Any:
    return deepseek.ChatDeepSeek(model="m", api_base=f"{upstream.url}/v1", api_key=KEY, max_retries=0)


def text(events: list[Any], kind: type) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


async def test_deepseek_gives_reasoning_apart() -> None:
    with ScriptedUpstream([THOUGHT]) as upstream:
        events = [event async for event in LLMService(chat_deepseek(upstream)).stream_chat(MESSAGES)]
    assert (text(events, ReasoningDelta), text(events, TextDelta)) == ("hm ok", "Hello")
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert (finish.reason, finish.provider_reason) == ("stop", "stop")


async def test_openai_drops_reasoning_and_reports_usage() -> None:
    with ScriptedUpstream([THOUGHT]) as upstream:
        service = LLMService(chat_openai(upstream, stream_usage=True))
        events = [event async for event in service.stream_chat(MESSAGES, temperature=0)]
        sent = json.loads(upstream.requests[0].body)
    assert (text(events, ReasoningDelta), text(events, TextDelta)) == ("", "Hello")
    usage = events[-1].usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.source) == (5, 7, 3, "reported")
    assert sent["temperature"] == 0
    assert "max_tokens" not in sent, "our defaults are not the instance's"


def test_a_plain_for_works_as_well() -> None:
    with ScriptedUpstream([THOUGHT]) as upstream:
        events = list(LLMService(chat_deepseek(upstream)).stream_chat(MESSAGES))
    assert (text(events, ReasoningDelta), text(events, TextDelta)) == ("hm ok", "Hello")


async def test_tags_in_the_text_of_any_integration_stand_apart() -> None:
    tagged = sse(delta(content="<thi"), delta(content="nk>p</think>A"), delta("stop"), "[DONE]")
    with ScriptedUpstream([Send(response(tagged))]) as upstream:
        events = [event async for event in LLMService(chat_openai(upstream)).stream_chat(MESSAGES)]
    assert (text(events, ReasoningDelta), text(events, TextDelta)) == ("p", "A")


async def test_tool_calls_stream() -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    with ScriptedUpstream([CALLS]) as upstream:
        events = [event async for event in LLMService(chat_openai(upstream)).stream_chat(MESSAGES, tools=[tool])]
        assert json.loads(upstream.requests[0].body)["tools"][0]["function"]["name"] == "weather"
    calls = [event for event in events if isinstance(event, ToolCallDelta)]
    assert (calls[0].id, calls[0].name) == ("call_1", "weather")
    assert "".join(call.arguments for call in calls) == '{"city":"Oslo"}'
    assert events[-1].reason == "tool_calls"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("401 Unauthorized", "upstream_auth"),
        ("429 Too Many Requests", "upstream_rate_limited"),
        ("503 Unavailable", "upstream_unavailable"),
    ],
)
async def test_errors_get_our_codes_and_show_no_key(status: str, code: str) -> None:
    body = json.dumps({"error": {"message": f"no good: {KEY}", "type": "x"}}).encode()
    with ScriptedUpstream([Send(response(body, status=status, content_type="application/json")), Close()]) as upstream:
        events = [event async for event in LLMService(chat_openai(upstream)).stream_chat(MESSAGES)]
    failure = events[-2]
    assert isinstance(failure, Failure)
    assert failure.code == code
    assert KEY not in failure.message


async def test_silence_is_bounded_and_leaving_closes_the_call() -> None:
    script = [Send(stream_head() + http_chunk(sse(delta(role="assistant", content="Hel")))), Hold()]
    with ScriptedUpstream(script) as upstream:
        events = [event async for event in LLMService(chat_openai(upstream)).stream_chat(MESSAGES, timeout=0.3)]
        assert events[0] == TextDelta("Hel")
        assert events[-2].code == "upstream_idle_timeout"
        assert await upstream.disconnected()
    with ScriptedUpstream(script) as upstream:
        stream = LLMService(chat_openai(upstream)).stream_chat(MESSAGES)
        arriving = aiter(stream)
        assert await anext(arriving) == TextDelta("Hel")
        await arriving.aclose()
        assert await upstream.disconnected()


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(RequestError, match="LangChain"):
        LLMService(object()).stream_chat(MESSAGES)
