"""Golden requests: the same question, which uses everything, as each dialect sends it.

`golden/NAME.json` holds the URL, the headers and the body. A change there is a change of what providers are sent: read
it before you accept it. `PYTHONPATH=src python -m tests.providers.test_golden` writes the files anew.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import RequestError
from headrace.providers.base import ChatRequest
from headrace.providers.presets import PRESETS, base_for, resolve
from tests.providers.questions import ANSWER_FORMAT, EVERYTHING, LINK, PLAIN, TALK, asked, body_of, built

AMAZON = "https://bedrock-runtime.eu-west-1.amazonaws.com"
GOLDEN = Path(__file__).parent / "golden"
EVERY = replace(EVERYTHING, seed=7, reasoning_effort="low", tool_choice="required")
LINKED = replace(EVERYTHING, messages=[{"role": "user", "content": [{"type": "text", "text": "What?"}, LINK]}])
TEXTS = [message for message in TALK if isinstance(message["content"], str) and message["role"] != "tool"]
SPOKEN = asked(EVERYTHING, messages=TEXTS, tools=None, tool_choice=None, response_format=None, seed=7)
WITHOUT_PICTURES = [
    message | {"content": [part for part in message["content"] if part["type"] == "text"]}
    if message["role"] == "tool" and isinstance(message["content"], list)
    else message
    for message in TALK
]
CASES: dict[str, tuple[str, str, str, ChatRequest]] = {
    "openai-chat": ("openai", "", "gpt-5-mini", replace(EVERY, top_k=None)),
    "openai-chat-plain": ("deepseek", "", "deepseek-chat", PLAIN),
    "openai-responses": ("openai-responses", "", "gpt-5-mini", replace(EVERY, seed=None, stop=None)),
    "openai-responses-link": ("xai", "https://api.x.ai/v1/responses", "grok-4", replace(LINKED, stop=None)),
    "openai-responses-plain": ("openai-responses", "", "gpt-4o", PLAIN),
    "azure-deployment": ("azure", "https://r.openai.azure.com/openai/deployments/d", "gpt-4o", PLAIN),
    "azure-v1": ("azure", "https://r.openai.azure.com", "o3", PLAIN),
    "azure-responses": ("azure-responses", "https://r.openai.azure.com", "gpt-5", PLAIN),
    "mistral": ("mistral", "", "mistral-medium-latest", replace(EVERY, top_k=None)),
    "cohere": ("cohere", "", "command-a-vision-07-2025", replace(EVERY, messages=WITHOUT_PICTURES)),
    "cohere-link": ("cohere", "", "command-a-vision-07-2025", asked(LINKED, tool_choice="none")),
    "dashscope": ("dashscope-native", "", "qwen3-vl-plus", replace(EVERY, tool_choice="auto")),
    "dashscope-text": ("dashscope-native", "", "qwen-plus", asked(SPOKEN, response_format={"type": "json_object"})),
    "dashscope-app": ("dashscope-native", "https://dashscope.aliyuncs.com/api/v1/apps/a1/completion", "", PLAIN),
    "ollama-generate": ("ollama-generate", "", "llama3.2", asked(SPOKEN, response_format=ANSWER_FORMAT)),
    "openai-completions": ("openai-completions", "", "gpt-3.5-turbo-instruct", SPOKEN),
    "cloudflare": ("cloudflare", "https://api.cloudflare.com/client/v4/accounts/a1/ai/v1", "@cf/meta/llama-4", PLAIN),
    "cloudflare-run": (
        "cloudflare-run",
        "https://api.cloudflare.com/client/v4/accounts/a1/ai/run",
        "@cf/meta/llama-4-scout",
        replace(EVERY, tool_choice="auto"),
    ),
    "databricks": ("databricks", "https://w.cloud.databricks.com/serving-endpoints", "claude", PLAIN),
    "snowflake": ("snowflake", "https://a.snowflakecomputing.com/api/v2/cortex/v1", "claude", PLAIN),
    "anthropic": ("anthropic", "", "claude-sonnet-4-5", replace(EVERYTHING, reasoning_effort="low", max_tokens=9000)),
    "vertex-anthropic": (
        "vertex-anthropic",
        "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1",
        "claude-sonnet-4-5@20250929",
        PLAIN,
    ),
    "gemini": ("gemini", "", "gemini-3-pro", EVERY),
    "vertex-gemini": (
        "vertex-gemini",
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global",
        "gemini-2.5-flash",
        PLAIN,
    ),
    "bedrock": (
        "bedrock",
        AMAZON,
        "anthropic.claude-sonnet-4-5",
        EVERYTHING,
    ),
    "bedrock-invoke": (
        "bedrock-invoke",
        AMAZON,
        "anthropic.claude-3",
        PLAIN,
    ),
    "bedrock-mantle": ("bedrock-mantle", "https://bedrock-mantle.eu-west-1.api.aws/v1", "openai.gpt-oss-120b", PLAIN),
    "ollama": ("ollama", "", "qwen3-vl", replace(EVERY, tool_choice="auto")),
}


def _sent(name: str) -> dict[str, Any]:
    row, endpoint, model, request = CASES[name]
    provider = resolve(row, endpoint)
    sent = built(provider, request, base_for(provider, endpoint), model)
    assert "sk-test" not in sent.url
    assert "sk-test" not in repr(sent)
    return {"url": sent.url, "headers": dict(sent.headers), "body": body_of(sent)}


@pytest.mark.parametrize("name", CASES)
def test_a_golden_request(name: str) -> None:
    assert _sent(name) == json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def test_every_dialect_has_a_golden_request() -> None:
    assert {resolve(row, endpoint).adapter.name for row, endpoint, _, _ in CASES.values()} == {
        row.adapter.name for row in PRESETS.values()
    }
    assert {path.stem for path in GOLDEN.glob("*.json")} == CASES.keys()


@pytest.mark.parametrize(
    ("row", "changes", "field"),
    [
        ("openai-responses", {"stop": ["x"]}, "stop"),
        ("openai-responses", {"seed": 1}, "seed"),
        ("mistral", {"top_k": 4}, "topK"),
        ("cohere", {"tool_choice": {"type": "function", "function": {"name": "f"}}}, "toolChoice"),
        ("cohere", {"reasoning_effort": "much"}, "reasoningEffort"),
        ("cohere", {"messages": TALK}, "messages[8].content[1].image_url"),
        ("dashscope-native", {"tool_choice": "required"}, "toolChoice"),
        ("dashscope-native", {"reasoning_effort": "much"}, "reasoningEffort"),
        ("dashscope-native", {"response_format": {"type": "grammar"}}, "responseFormat"),
        ("openai-completions", {"tools": EVERYTHING.tools}, "tools"),
        ("openai-completions", {"response_format": ANSWER_FORMAT}, "responseFormat"),
        ("openai-completions", {"reasoning_effort": "low"}, "reasoningEffort"),
        ("openai-completions", {"messages": LINKED.messages}, "messages[0].content[1].image_url"),
        ("openai-completions", {"messages": WITHOUT_PICTURES[4:]}, "messages"),
        ("ollama-generate", {"tools": EVERYTHING.tools}, "tools"),
        ("ollama-generate", {"messages": LINKED.messages}, "messages[0].content[1].image_url"),
        ("cloudflare-run", {"tool_choice": "required"}, "toolChoice"),
    ],
)
def test_what_a_dialect_cannot_be_asked_is_named(row: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        built(PRESETS[row], asked(PLAIN, **changes), "https://host.example", "m")
    assert caught.value.field == field
    assert caught.value.message


@pytest.mark.parametrize(
    ("row", "model"),
    [
        ("openai", "gpt-3.5-turbo"),
        ("openai-responses", "o3-mini"),
        ("openrouter", "deepseek/deepseek-r1:free"),
        ("groq", "openai/gpt-oss-120b"),
        ("cohere", "command-r-plus"),
        ("mistral", "codestral-latest"),
        ("anthropic", "claude-2.1"),
        ("gemini", "models/gemini-1.0-pro"),
        ("bedrock", "us.amazon.nova-micro-v1:0"),
        ("ollama", "llama3.1:8b"),
        ("dashscope-native", "qwen-turbo"),
        ("cloudflare-run", "@cf/meta/llama-3.1-8b-instruct"),
    ],
)
def test_an_image_for_a_model_that_sees_none_is_refused_before_the_call(row: str, model: str) -> None:
    with pytest.raises(RequestError) as caught:
        built(PRESETS[row], asked(PLAIN, messages=LINKED.messages), "https://host.example", model)
    assert caught.value.field == "messages[0].content[1].image_url"
    assert model in caught.value.message


@pytest.mark.parametrize("model", ["gpt-4o", "claude-3-haiku", "gemini-2.5-flash", "llama3.2-vision", "qwen2.5-vl-7b"])
def test_a_model_that_may_see_is_asked(model: str) -> None:
    sent = built(PRESETS["openai"], asked(PLAIN, messages=LINKED.messages), "https://host.example", model)
    assert b"pictures.example" in sent.body


if __name__ == "__main__":
    for each in CASES:
        (GOLDEN / f"{each}.json").write_text(json.dumps(_sent(each), indent=1, ensure_ascii=False) + "\n", "utf-8")
