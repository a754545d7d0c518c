"""Real LangChain chat models through `LLMService` on recorded answers of real providers: nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from headrace import Failure, Finish, LLMService, ReasoningDelta, RequestError, TextDelta, ToolCallDelta
from headrace.testing import Close, Hold, ScriptedUpstream, Send, chat_answer, chunk, response, sse, stream_head
from tests.corpus import WIRE, needs_corpus
from tests.live import KEY, MESSAGES
from tests.tools import needed

openai = needed("langchain_openai", "pip install langchain-openai")
deepseek = needed("langchain_deepseek", "pip install langchain-deepseek")
anthropic = needed("langchain_anthropic", "pip install langchain-anthropic")
ollama = needed("langchain_ollama", "pip install langchain-ollama")

LOST = {
    "anthropic--anthropic-test_messages-test_async_anthropic_message_stream_manager_with_events_with_no_content": (
        "input_tokens",  # ChatAnthropic reads them from the last event only, and older answers have them in the first
    ),
}
REFUSED = {
    # ChatAnthropic breaks on a block of this kind by itself, and with the plain `astream` too.
    "anthropic--pydantic-a--test_anthropic-test_anthropic_compaction_usage_with_cache_streaming",
}
MODELS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "openai": (
        "openai-chat",
        "text/event-stream",
        lambda url: openai.ChatOpenAI(model="m", base_url=f"{url}/v1", api_key=KEY, max_retries=0, stream_usage=True),
    ),
    "deepseek": (
        "openai-chat",
        "text/event-stream",
        lambda url: deepseek.ChatDeepSeek(model="m", api_base=f"{url}/v1", api_key=KEY, max_retries=0),
    ),
    "anthropic": (
        "anthropic",
        "text/event-stream",
        lambda url: anthropic.ChatAnthropic(model="claude-3-haiku", base_url=url, api_key=KEY, max_retries=0),
    ),
    "ollama": (
        "ollama",
        "application/x-ndjson",
        lambda url: ollama.ChatOllama(
            model="m", base_url=url, reasoning=True, client_kwargs={"headers": {"Authorization": f"Bearer {KEY}"}}
        ),
    ),
}


@dataclass
class Seen:
    content: str = ""
    reasoning: str = ""
    calls: dict[int, list[str]] = field(default_factory=dict)
    finish: Finish | None = None
    failure: Failure | None = None


def recordings() -> list[Any]:
    found = []
    for provider, (api, _, _) in MODELS.items():
        for path in sorted((WIRE / provider).glob("*.json")):
            about = {} if path.name.endswith(".expect.json") else json.loads(path.read_text("utf-8"))
            if about.get("api") == api and about["http_status"] == 200 and path.stem not in REFUSED:
                found.append(pytest.param(provider, path, id=f"{provider}/{path.stem}"))
    return found


async def ask(model: Any) -> Seen:
    seen = Seen()
    async for event in LLMService(model).stream_chat(MESSAGES, timeout=20):
        match event:
            case TextDelta(text):
                seen.content += text
            case ReasoningDelta(text):
                seen.reasoning += text
            case ToolCallDelta():
                call = seen.calls.setdefault(event.index, ["", "", ""])
                call[0] += event.id
                call[1] += event.name
                call[2] += event.arguments
            case Failure():
                seen.failure = event
            case Finish():
                seen.finish = event
    return seen


@needs_corpus
@pytest.mark.parametrize(("provider", "path"), recordings())
async def test_a_recorded_answer_comes_through(provider: str, path: Path) -> None:
    expected = json.loads(path.with_suffix(".expect.json").read_text("utf-8"))
    _, kind, made = MODELS[provider]
    script = [Send(response(path.with_suffix(".stream").read_bytes(), content_type=kind))]
    with ScriptedUpstream(script) as upstream:
        seen = await ask(made(upstream.url))
    if expected["error"] is not None:
        assert seen.failure is not None
        return
    assert seen.failure is None
    assert (seen.content, seen.reasoning) == (expected["content"], expected["reasoning"])
    _compare_calls(seen, expected["tool_calls"], ids=provider != "ollama")
    assert seen.finish is not None
    assert seen.finish.provider_reason == str(expected["finish_reason"] or "")
    if expected["usage"] is not None:
        _compare_usage(seen.finish.usage, expected["usage"], lost=LOST.get(path.stem, ()))


def _compare_calls(seen: Seen, expected: list[dict[str, Any]], *, ids: bool) -> None:
    """LangChain gives Ollama's calls ids of its own, and writes arguments anew."""
    made = [(call[0] if ids else None, call[1], json.loads(call[2] or "{}")) for call in seen.calls.values()]
    assert all(call[0] for call in seen.calls.values())
    assert made == [
        (call["id"] if ids else None, call["name"], json.loads(call["arguments"] or "{}")) for call in expected
    ]


def _compare_usage(usage: Any, expected: dict[str, Any], lost: tuple[str, ...]) -> None:
    assert usage is not None
    assert usage.source == "reported"
    for name in ("input_tokens", "output_tokens", "reasoning_tokens"):
        assert name in lost or getattr(usage, name) == (expected[name] or 0), name


async def test_a_name_is_made_into_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    needed("langchain", "pip install langchain")
    with ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        seen = await ask("openai:gpt-4o")
        assert json.loads(upstream.requests[0].body)["model"] == "gpt-4o"
        assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert (seen.content, seen.failure) == ("Hello", None)


@pytest.mark.parametrize("name", ["nobody:knows", "just-a-word", "fireworks:x"])
def test_a_name_that_nothing_can_be_made_of_is_refused(name: str) -> None:
    needed("langchain", "pip install langchain")
    with pytest.raises(RequestError, match="LangChain cannot make the model"):
        LLMService(name)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(RequestError, match="empty"):
        LLMService(" ")


@pytest.mark.parametrize("provider", MODELS)
async def test_errors_have_our_codes_and_show_no_key(provider: str) -> None:
    body = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": f"slow down, {KEY}"}}).encode()
    script = [Send(response(body, status="429 Too Many Requests", content_type="application/json")), Close()]
    with ScriptedUpstream(script) as upstream:
        seen = await ask(MODELS[provider][2](upstream.url))
    assert seen.failure is not None
    assert (seen.failure.code, seen.failure.status) == ("upstream_rate_limited", 429)
    assert KEY not in seen.failure.message


@pytest.mark.parametrize("provider", MODELS)
async def test_leaving_half_way_ends_the_call(provider: str) -> None:
    first = {
        "ollama": b'{"model":"m","message":{"role":"assistant","content":"Hel"},"done":false}\n',
        "anthropic": sse_named(
            {
                "type": "message_start",
                "message": {
                    "id": "x", "type": "message", "role": "assistant", "model": "m", "content": [],
                    "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
                },
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        ),
    }.get(provider, sse({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                         "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]}))  # fmt: skip
    _, kind, made = MODELS[provider]
    with ScriptedUpstream([Send(stream_head(kind) + chunk(first)), Hold()]) as upstream:
        arriving = aiter(LLMService(made(upstream.url)).stream_chat(MESSAGES))
        assert await anext(arriving) == TextDelta("Hel")
        await arriving.aclose()
        assert await upstream.disconnected()


def sse_named(*events: dict[str, Any]) -> bytes:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
