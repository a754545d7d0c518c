"""Writes a question in DashScope's own form. https://help.aliyun.com/zh/model-studio/dashscope-api-reference

Sends what it was given, and asks for pieces rather than for the whole text again and again. Refuses, by the field's
name, what the form cannot carry: files that are no images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.errors import RequestError
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.request_options import given, merged, read_choice, read_format
from headrace.providers.text_only import refuse_images
from headrace.providers.turns import Call, Media, Result, Text, Turn, read_conversation

_TEXT_PATH = "/services/aigc/text-generation/generation"
_MEDIA_PATH = "/services/aigc/multimodal-generation/generation"
_PASTED = re.compile(r"/services/aigc/.*$")
_TAKES_MEDIA = re.compile(r"(?:^|[-/])(?:vl|qvq|audio|omni|ocr|asr)(?:$|[-\d.:])|^qwen3\.[5-9]", re.IGNORECASE)
"""Models that are asked at the other path, also where the talk is text only."""
BUDGETS: Mapping[str, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}
"""Tokens of thought for OpenAI's words; a model's own limit lies above the last of them."""


def build(request: ChatRequest, endpoint: Endpoint, _provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else, object by object."""
    refuse_images(request.messages, endpoint.model)
    conversation = read_conversation(request.messages)
    base = _PASTED.sub("", endpoint.base_url)
    is_app = "/apps/" in base
    with_media = not is_app and (
        bool(_TAKES_MEDIA.search(endpoint.model))
        or any(isinstance(block, Media) for turn in conversation.turns for block in turn.blocks)
    )
    messages = [_system(text, with_media=with_media) for text in conversation.system]
    for turn in conversation.turns:
        messages += _messages(turn, with_media=with_media)
    body = given(
        model=None if is_app else endpoint.model, input={"messages": messages}, parameters=_parameters(request)
    )
    headers = endpoint.key_header() | ({"x-dashscope-sse": "enable"} if request.stream else {})
    path = (
        ("" if base.endswith("/completion") else "/completion") if is_app else _MEDIA_PATH if with_media else _TEXT_PATH
    )
    return HTTPRequest.json(base + path, merged(body, request.extra_body), headers)


def _parameters(request: ChatRequest) -> dict[str, Any]:
    no_temperature = "no_default_temperature" in request.learned and "temperature" in request.defaulted
    return given(
        result_format="message",
        incremental_output=request.stream or None,
        temperature=None if no_temperature else request.temperature,
        max_tokens=request.max_tokens,
        top_p=request.top_p,
        top_k=request.top_k,
        seed=request.seed,
        stop=request.stop,
        tools=request.tools,
        tool_choice=_choice(request),
        response_format=_format(request.response_format),
        **_thinking(request.reasoning_effort),
    )


def _choice(request: ChatRequest) -> str | dict[str, Any] | None:
    choice = read_choice(request.tool_choice)
    if choice is None:
        return None
    if choice.mode == "any":
        raise RequestError(
            "DashScope's own API cannot be told to call some tool: send auto, none or one tool's name.",
            field="toolChoice",
        )
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "one" else choice.mode


def _format(wanted: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if read_format(wanted) is None else wanted


def _thinking(effort: str | None) -> dict[str, Any]:
    if effort is None:
        return {}
    if effort == "none":
        return {"enable_thinking": False}
    if effort not in BUDGETS:
        raise RequestError(f"reasoningEffort must be none or one of {', '.join(BUDGETS)}.", field="reasoningEffort")
    return {"enable_thinking": True, "thinking_budget": BUDGETS[effort]}


def _system(text: Text, *, with_media: bool) -> dict[str, Any]:
    return {"role": "system", "content": [{"text": text.text}] if with_media else text.text}


def _messages(turn: Turn, *, with_media: bool) -> list[dict[str, Any]]:
    """One message for what was said and called, and one for each result."""
    said = [block for block in turn.blocks if isinstance(block, Text | Media)]
    calls = [_call(block) for block in turn.blocks if isinstance(block, Call)]
    messages = [_result(block, with_media=with_media) for block in turn.blocks if isinstance(block, Result)]
    if said or calls:
        content = _content(said, with_media=with_media)
        messages.append({"role": turn.role, "content": content, **({"tool_calls": calls} if calls else {})})
    return messages


def _content(blocks: list[Text | Media], *, with_media: bool) -> str | list[dict[str, str]]:
    if with_media:
        return [_part(block) for block in blocks]
    return "\n\n".join(block.text for block in blocks if isinstance(block, Text))


def _part(block: Text | Media) -> dict[str, str]:
    if isinstance(block, Text):
        return {"text": block.text}
    if block.media_type and not block.media_type.startswith("image/"):
        raise RequestError(f"DashScope takes images here, not {block.media_type}.", field=block.field)
    return {"image": block.url or f"data:{block.media_type or 'image/png'};base64,{block.data}"}


def _call(call: Call) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _result(result: Result, *, with_media: bool) -> dict[str, Any]:
    content = _content(list(result.content), with_media=with_media)
    return given(role="tool", tool_call_id=result.id, name=result.name) | {"content": content}
