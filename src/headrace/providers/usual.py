"""Which model people who only have a key most likely want. A guess that is offered, never made for anybody unseen."""

from __future__ import annotations

from collections.abc import Mapping

USUAL_MODELS: Mapping[str, str] = {
    "openai": "gpt-4o-mini",
    "deepseek": "deepseek-chat",
    "dashscope": "qwen-plus",
    "zhipu": "glm-4-flash",
    "moonshot": "moonshot-v1-8k",
    "siliconflow": "Qwen/Qwen3-8B",
    "groq": "llama-3.3-70b-versatile",
    "mistral": "mistral-small-latest",
    "openrouter": "openrouter/auto",
}
"""A small, current model of providers whose key people tend to have; the first whose key is set is taken."""
