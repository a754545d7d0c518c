"""Which client a provider is asked with: those that go the same way share one; the local model's has no proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from headrace.common.conf import SettingError
from headrace.common.registry import check_proxied
from headrace.common.requests import InlineModel
from headrace.common.streams.build import source_for
from headrace.common.streams.runtime import Way, close_clients, http_client
from headrace.common.streams.sources import HTTPSource
from headrace.providers.base import ChatRequest

REQUEST = ChatRequest(messages=[{"role": "user", "content": "x"}])


@pytest.fixture
async def proxied(headrace_settings: Any) -> AsyncIterator[None]:
    headrace_settings.HEADRACE = {"UPSTREAM_PROXY": "openai=socks5://127.0.0.1:9,groq=none,*=http://127.0.0.1:9"}
    yield
    await close_clients()


def client_for(provider: str) -> object:
    source = source_for(InlineModel(provider, "https://api.example.com", "m", "k"), REQUEST, timeout=1)
    assert isinstance(source, HTTPSource)
    return source.client()


async def test_each_provider_goes_its_way(proxied: None) -> None:
    assert client_for("openai") is http_client("openai")
    assert client_for("anthropic") is client_for("deepseek") is http_client()
    ways = {client_for(name) for name in ("openai", "groq", "anthropic")} | {http_client(local_model=True)}
    assert len(ways) == 4
    assert Way(None, local_model=True) != Way(None, local_model=False)


def test_a_provider_that_is_none_stops_the_start(headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"UPSTREAM_PROXY": {"opanai": "http://127.0.0.1:9"}}
    with pytest.raises(SettingError, match="'opanai', which is no provider; did you mean openai"):
        check_proxied()
    headrace_settings.HEADRACE = {"UPSTREAM_PROXY": {"openai": "http://127.0.0.1:9"}}
    check_proxied()
