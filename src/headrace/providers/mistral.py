"""Mistral's own API: Chat Completions with words of its own. https://docs.mistral.ai/api/#tag/chat

Its answers are read as everyone's are; thoughts come as content parts there. Refuses, by the field's name, what the
API answers with an error: `topK`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from headrace.errors import RequestError
from headrace.providers.base import Adapter, ChatRequest, Endpoint, HTTPRequest, Message, Provider
from headrace.providers.endpoints import api_url
from headrace.providers.openai_chat import OpenAIParser, framing, read_whole
from headrace.providers.request_options import given, merged, read_choice
from headrace.providers.text_only import refuse_images

_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def build(request: ChatRequest, endpoint: Endpoint, provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else."""
    refuse_images(request.messages, endpoint.model)
    if request.top_k is not None:
        raise RequestError("Mistral's API takes no topK: leave it out.", field="topK")
    no_temperature = "no_default_temperature" in request.learned and "temperature" in request.defaulted
    body = given(
        model=endpoint.model,
        messages=[_message(message) for message in request.messages],
        temperature=None if no_temperature else request.temperature,
        max_tokens=request.max_tokens,
        top_p=request.top_p,
        random_seed=request.seed,
        stop=request.stop,
        tools=request.tools,
        tool_choice=_choice(request.tool_choice),
        response_format=request.response_format,
        reasoning_effort=request.reasoning_effort,
    )
    url = api_url(provider, endpoint.base_url, "chat/completions")
    return HTTPRequest.json(url, merged(body | {"stream": request.stream}, request.extra_body), endpoint.key_header())


def _choice(choice: str | Mapping[str, Any] | None) -> str | Mapping[str, Any] | None:
    """Mistral says `any` where others say `required`, and takes both."""
    read = read_choice(choice)
    return "any" if read is not None and read.mode == "any" else choice


def _message(message: Message) -> Message:
    sent = dict(message)
    if sent.get("role") == "developer":
        sent["role"] = "system"
    if isinstance(sent.get("tool_call_id"), str):
        sent["tool_call_id"] = call_id(sent["tool_call_id"])
    if isinstance(calls := sent.get("tool_calls"), list):
        sent["tool_calls"] = [_call(call) for call in calls]
    return sent


def _call(call: Any) -> Any:
    known = isinstance(call, Mapping) and isinstance(call.get("id"), str)
    return {**call, "id": call_id(call["id"])} if known else call


def call_id(given_id: str) -> str:
    """The same id where Mistral takes it, else one of nine letters and digits that is always the same for it."""
    if _CALL_ID.fullmatch(given_id):
        return given_id
    number = int.from_bytes(sha256(given_id.encode("utf-8", "replace")).digest())
    return "".join(_DIGITS[number // len(_DIGITS) ** place % len(_DIGITS)] for place in range(9))


ADAPTER = Adapter("mistral", framing, build, OpenAIParser, read_whole)
