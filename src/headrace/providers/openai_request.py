"""Writes a question in OpenAI's Chat Completions form. https://platform.openai.com/docs/api-reference/chat/create

Sends what it was given: an option that is None is not sent, and nothing of the caller's is changed.
"""

from __future__ import annotations

import re
from typing import Any

from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.endpoints import api_url
from headrace.providers.text_only import refuse_images

_REASONING_MODEL = re.compile(r"^(?:[\w.\-]+/)?(?:o\d|gpt-(?:[5-9]|\d\d))", re.IGNORECASE)
"""OpenAI's models that refuse `max_tokens` and any temperature but their own."""
_SENT_AS_IS = ("top_p", "top_k", "stop", "seed", "tools", "tool_choice", "response_format", "reasoning_effort")


def build(request: ChatRequest, endpoint: Endpoint, provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else, unread."""
    refuse_images(request.messages, endpoint.model)
    quirks = request.learned | provider.quirks
    if "openai_models" in quirks and is_reasoning_model(endpoint.model):
        quirks |= {"max_completion_tokens", "no_default_temperature"}
    body: dict[str, Any] = {"model": endpoint.model, "messages": request.messages, "stream": request.stream}
    if request.stream and "no_stream_options" not in quirks:
        body["stream_options"] = {"include_usage": True}
    if not ("no_default_temperature" in quirks and "temperature" in request.defaulted):
        body["temperature"] = request.temperature
    body["max_completion_tokens" if "max_completion_tokens" in quirks else "max_tokens"] = request.max_tokens
    body |= {name: getattr(request, name) for name in _SENT_AS_IS}
    sent = {name: value for name, value in body.items() if value is not None} | dict(request.extra_body)
    url = api_url(provider, endpoint.base_url, "chat/completions")
    return HTTPRequest.json(url, sent, key_header(endpoint, provider))


def is_reasoning_model(model: str) -> bool:
    """Whether this name is one of OpenAI's models that think before they answer."""
    return _REASONING_MODEL.match(model) is not None


def key_header(endpoint: Endpoint, provider: Provider) -> dict[str, str]:
    """The header that carries the key, Azure's or everyone else's."""
    return endpoint.key_header("api-key", "") if "azure" in provider.quirks else endpoint.key_header()
