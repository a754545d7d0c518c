"""What an answer cost: by the provider's own list, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.backends.http import HTTPClient
from headrace.common.cost import cost_of
from headrace.common.streams.chat import EventStream
from headrace.common.streams.live import StreamOptions
from headrace.common.streams.runtime import Streams
from headrace.common.streams.sources import HTTPSource
from headrace.providers.base import ChatRequest, Endpoint
from headrace.providers.presets import base_for, resolve
from headrace.stream.events import Finish, Usage
from headrace.testing import ScriptedUpstream
from tests.gateway.wired import HALF, QUESTION, THOUGHT
from tests.tools import needed

prices = needed("genai_prices", 'pip install "headrace[prices]"')
USED = Usage(1000, 500, 100, 200)


def source(
    provider: str = "openai", model: str = "gpt-4o", at: str = "", ask: str = "", client: Any = None, **asked: Any
) -> HTTPSource:
    """A source whose address is `at` or the provider's own; what is really asked, if anything, is `ask`."""
    row = resolve(provider, at)

    async def endpoint() -> Endpoint:
        return Endpoint(ask, model)

    request = ChatRequest(messages=QUESTION, **asked)
    return HTTPSource(row, endpoint, request, client, model, base_for(row, at), "", timeout=5)


def listed(model: str, address: str, usage: Usage, given: int) -> float:
    counted = prices.Usage(
        input_tokens=given, output_tokens=usage.output_tokens, cache_read_tokens=usage.cached_tokens or None
    )
    return float(prices.calc_price(counted, model, provider_api_url=address).total_price)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o"), ("deepseek", "deepseek-chat"), ("openrouter", "deepseek/deepseek-r1"), ("xai", "grok-4")],
)
async def test_a_known_model_costs_what_the_list_says(provider: str, model: str) -> None:
    asked = source(provider, model)
    cost = await cost_of(asked, USED)
    assert cost == pytest.approx(listed(model, asked.base_url, USED, 1000))
    assert cost is not None
    assert cost > 0


async def test_what_was_cached_comes_on_top_where_the_dialect_leaves_it_out() -> None:
    asked = source("anthropic", "claude-sonnet-4-5")
    few = Usage(10, 500, 0, 200)
    assert await cost_of(asked, few) == pytest.approx(listed("claude-sonnet-4-5", asked.base_url, few, 210))


@pytest.mark.parametrize(
    ("asked", "usage"),
    [
        (source(), None),
        (source(), Usage(1000, 500, 0, 0, "estimated")),
        (source(model="a-model-of-nobody"), USED),
        (source(at="https://proxy.example/v1"), USED),
        (source(at="https://api.openai.com.proxy.example/v1"), USED),
        (source(at="http://127.0.0.1:9/v1"), USED),
        (source("ollama"), USED),
        (source("anthropic", "claude-sonnet-4-5", extra_body={"cache_control": {"type": "ephemeral"}}), USED),
        (object(), USED),
    ],
    ids=["no usage", "estimated", "model", "proxy", "spoofed", "loopback", "local", "cache written", "other source"],
)
async def test_what_is_not_known_is_not_guessed(asked: Any, usage: Usage | None) -> None:
    assert await cost_of(asked, usage) is None


@pytest.mark.parametrize(("script", "cost"), [(THOUGHT, True), (HALF, False)], ids=["answered", "broken off"])
async def test_the_end_of_a_stream_tells_it(script: Any, cost: bool) -> None:
    with ScriptedUpstream(script) as upstream:
        client = HTTPClient(**upstream.client_options())
        registry = Streams()
        asked = source(ask=f"{upstream.url}/v1", client=lambda: client)
        asked.timeout = 0.3
        live = registry.create(asked, StreamOptions())
        events = [event async for event in EventStream(registry.journal, live.id, live=live)]
        await client.close()
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.cost == (pytest.approx(5 * 2.5e-6 + 7 * 1e-5) if cost else None)
