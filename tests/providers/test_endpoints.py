"""Endpoints as people type them, and the rows that names and endpoints lead to."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import RequestError
from headrace.providers.base import ChatRequest, Endpoint, Provider
from headrace.providers.presets import PRESETS, base_for, resolve, think_style
from headrace.stream.thinking import STYLES

NAMED_IN_THE_ISSUE = [
    "openai",
    "deepseek",
    "zhipu",
    "siliconflow",
    "dashscope",
    "volcengine",
    "doubao",
    "moonshot",
    "minimax",
    "302.ai",
    "openrouter",
    "groq",
    "xai",
    "mistral",
    "together",
    "fireworks",
    "cerebras",
    "perplexity",
    "huggingface",
    "nvidia",
    "azure",
    "vllm",
    "sglang",
    "llama.cpp",
    "lmstudio",
    "ollama",
    "ollama-openai",
    "local",
    "openai-compatible",
]


def _url(provider_id: str, endpoint: str = "") -> str:
    provider = resolve(provider_id, endpoint)
    question = ChatRequest([{"role": "user", "content": "Hi"}])
    return provider.adapter.build(question, Endpoint(base_for(provider, endpoint), "m"), provider).url


@pytest.mark.parametrize(
    ("provider_id", "endpoint", "url"),
    [
        ("openai", "", "https://api.openai.com/v1/chat/completions"),
        ("openai", "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("openai", " https://api.openai.com/v1/ \n", "https://api.openai.com/v1/chat/completions"),
        ("openai", "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("openai", "https://api.openai.com/v1/chat/completions/", "https://api.openai.com/v1/chat/completions"),
        ("openai", "https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("OpenAI", "HTTPS://API.OpenAI.com//v1//", "https://api.openai.com/v1/chat/completions"),
        ("openai", "`https://proxy.example/openai/v1`", "https://proxy.example/openai/v1/chat/completions"),
        ("openai", "https://proxy.example", "https://proxy.example/chat/completions"),
        ("openai", "https://proxy.example/v1?key=x#top", "https://proxy.example/v1/chat/completions"),
        ("openai", "https://proxy.example/v1?api-version=1", "https://proxy.example/v1/chat/completions"),
        ("openai", "http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("deepseek", "https://api.deepseek.com/", "https://api.deepseek.com/v1/chat/completions"),
        ("deepseek", "https://api.deepseek.com/beta", "https://api.deepseek.com/beta/chat/completions"),
        ("anything", "https://api.deepseek.com", "https://api.deepseek.com/v1/chat/completions"),
        ("zhipuai", "https://open.bigmodel.cn", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        (
            "qwen",
            "https://dashscope-intl.aliyuncs.com/",
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
        ),
        ("doubao", "", "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
        ("302.AI", "", "https://api.302.ai/v1/chat/completions"),
        ("perplexity", "", "https://api.perplexity.ai/chat/completions"),
        ("openrouter", "https://openrouter.ai/api", "https://openrouter.ai/api/v1/chat/completions"),
        ("vllm", "http://10.0.0.5:8000", "http://10.0.0.5:8000/v1/chat/completions"),
        ("LM Studio", "", "http://localhost:1234/v1/chat/completions"),
        ("lm_studio", "http://localhost:1234/v1/models", "http://localhost:1234/v1/chat/completions"),
        ("ollama", "", "http://localhost:11434/api/chat"),
        ("ollama", "http://localhost:11434/", "http://localhost:11434/api/chat"),
        ("ollama", "http://localhost:11434/api", "http://localhost:11434/api/chat"),
        ("ollama", "http://localhost:11434/api/", "http://localhost:11434/api/chat"),
        ("ollama", "http://localhost:11434/api/chat", "http://localhost:11434/api/chat"),
        ("Ollama", "http://h.example/ollama/api/generate", "http://h.example/ollama/api/chat"),
        ("ollama", "http://localhost:11434/v1", "http://localhost:11434/v1/chat/completions"),
        ("ollama", "http://localhost:11434/v1/chat/completions", "http://localhost:11434/v1/chat/completions"),
        ("ollama-openai", "http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
        ("ollama-openai", "http://localhost:11434/api", "http://localhost:11434/api/chat"),
        ("custom", "http://localhost:11434/api/chat", "http://localhost:11434/api/chat"),
        ("azure", "https://r.openai.azure.com/", "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("azure", "https://r.openai.azure.com/openai/v1/", "https://r.openai.azure.com/openai/v1/chat/completions"),
        (
            "azure",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2025-01-01-preview&x=1",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2025-01-01-preview",
        ),
        (
            "azure",
            "https://r.openai.azure.com/openai/deployments/d",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
        ("openai", "https://api.openai.com/v1/responses", "https://api.openai.com/v1/responses"),
        ("openai-responses", "", "https://api.openai.com/v1/responses"),
        ("openai-responses", "https://proxy.example/v1/chat/completions", "https://proxy.example/v1/responses"),
        ("xai", "https://api.x.ai/v1/responses", "https://api.x.ai/v1/responses"),
        ("unknown", "http://127.0.0.1:1234/v1/responses", "http://127.0.0.1:1234/v1/responses"),
        ("azure-responses", "https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/responses"),
        (
            "azure-responses",
            "https://r.openai.azure.com/openai/deployments/d/responses?api-version=2025-04-01-preview",
            "https://r.openai.azure.com/openai/v1/responses?api-version=2025-04-01-preview",
        ),
        (
            "whatever",
            "https://r.services.ai.azure.com/models?api-version=2024-05-01-preview",
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
    ],
)
def test_an_endpoint_as_typed(provider_id: str, endpoint: str, url: str) -> None:
    assert _url(provider_id, endpoint) == url
    if endpoint:
        assert _url(provider_id, url) == url


@pytest.mark.parametrize(
    ("endpoint", "advice"),
    [
        ("api.openai.com/v1", "https://api.openai.com/v1"),
        ("localhost:8000/v1", "http://localhost:8000/v1"),
        ("//api.openai.com/v1", "https://api.openai.com/v1"),
        ("https:/api.openai.com/v1", "https://api.openai.com/v1"),
        ("https:api.openai.com/v1", "https://api.openai.com/v1"),
        ("api.openai.com/v1?key=sk-CANARY", "https://api.openai.com/v1"),
        ("ftp://api.openai.com", "ftp"),
        ("file:///etc/passwd", "file"),
        ("https://user:sk-CANARY@api.openai.com/v1", "model.apiKey"),
        ("https://sk-CANARY@api.openai.com/v1", "model.apiKey"),
        ("sk-CANARY@api.openai.com/v1", "user name"),
        ("https://", "host"),
        ("https:///v1", "host"),
        ("https://h:99999/v1", "port"),
        ("https://[::1/v1", "valid URL"),
        ("https://a b/v1", "space"),
        ("https://a\\b/v1", "backslash"),
        ("https://h/" + "x" * 3000, "too long"),
        ("''", "empty"),
    ],
)
def test_a_wrong_endpoint_is_told_what_would_be_right(endpoint: str, advice: str) -> None:
    with pytest.raises(RequestError) as caught:
        _url("openai", endpoint)
    assert caught.value.field == "model.endpoint"
    assert advice in caught.value.message
    assert "CANARY" not in caught.value.message


def test_a_provider_without_an_address_wants_one() -> None:
    for name in ("openai-compatible", "azure", "who-is-this"):
        with pytest.raises(RequestError) as caught:
            _url(name)
        assert caught.value.field == "model.endpoint"


@given(
    st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.:@/?#\[\]-]{0,40}", fullmatch=True),
    st.sampled_from(sorted(PRESETS)),
)
def test_any_text_gives_a_url_or_a_request_error(endpoint: str, name: str) -> None:
    with contextlib.suppress(RequestError):
        assert re.match(r"https?://[^/@]+/", _url(name, endpoint))


@pytest.mark.parametrize("name", NAMED_IN_THE_ISSUE)
def test_every_provider_that_was_asked_for_has_a_row(name: str) -> None:
    row = resolve(name)
    assert row.name != "openai-compatible" or name == "openai-compatible"
    assert row.title
    assert row.think is STYLES["think"]


@pytest.mark.parametrize("row", PRESETS.values(), ids=lambda row: row.name)
def test_a_row_leads_to_itself(row: Provider) -> None:
    assert resolve(row.name) is row
    assert resolve(f" {row.name.upper()} ") is row
    if row.base_url.startswith("https:"):
        assert resolve("unknown", row.base_url).base_url == row.base_url
        assert base_for(row, row.base_url) == row.base_url
        assert row.docs_url.startswith("https://")


def test_a_models_name_tells_its_tags_but_never_that_it_starts_inside() -> None:
    generic = PRESETS["openai-compatible"]
    assert think_style(generic, "mistralai/Magistral-Small") is STYLES["magistral"]
    assert think_style(generic, "Seed-OSS-36B") is STYLES["seed-oss"]
    assert think_style(generic, "deepseek-r1") is STYLES["think"]
    for name in STYLES:
        style = think_style(generic, name)
        assert style is not None
        assert not style.starts_inside
