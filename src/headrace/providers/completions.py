"""OpenAI's completions, the form before there were chats. https://platform.openai.com/docs/api-reference/completions

Sends the whole talk as one text. Refuses, by the field's name, what a text cannot carry: tools, images, a format.
"""

from __future__ import annotations

from typing import Any

from headrace.errors import RequestError
from headrace.providers.base import Adapter, ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.endpoints import api_url
from headrace.providers.openai_chat import OpenAIParser, framing, read_whole
from headrace.providers.openai_request import key_header
from headrace.providers.prompts import as_prompt
from headrace.providers.request_options import given, merged
from headrace.providers.turns import Media, read_conversation


def build(request: ChatRequest, endpoint: Endpoint, provider: Provider) -> HTTPRequest:
    """The POST for one text; `extra_body` goes over everything else."""
    quirks = request.learned | provider.quirks
    no_temperature = "no_default_temperature" in quirks and "temperature" in request.defaulted
    body = given(
        model=endpoint.model,
        prompt=_prompt(request),
        temperature=None if no_temperature else request.temperature,
        max_tokens=request.max_tokens,
        top_p=request.top_p,
        top_k=request.top_k,
        stop=request.stop,
        seed=request.seed,
    )
    body["stream"] = request.stream
    if request.stream and "no_stream_options" not in quirks:
        body["stream_options"] = {"include_usage": True}
    url = api_url(provider, endpoint.base_url, "completions")
    return HTTPRequest.json(url, merged(body, request.extra_body), key_header(endpoint, provider))


def _prompt(request: ChatRequest) -> str:
    refused: dict[str, Any] = {
        "tools": request.tools if request.tool_choice != "none" else None,
        "responseFormat": request.response_format,
        "reasoningEffort": request.reasoning_effort,
    }
    for field, value in refused.items():
        if value:
            raise RequestError(f"Completions take no {field}: leave it out, or ask by chat completions.", field=field)
    conversation = read_conversation(request.messages)
    for turn in conversation.turns:
        for block in turn.blocks:
            if isinstance(block, Media):
                raise RequestError("Completions take text only, no images.", field=block.field)
    system = [text.text for text in conversation.system]
    return "\n\n".join([*system, as_prompt(conversation.turns, cue=True)])


ADAPTER = Adapter("openai-completions", framing, build, OpenAIParser, read_whole)
