"""Writes a question in the form of Cohere's chat, version 2. https://docs.cohere.com/reference/chat-stream

Sends what it was given. Refuses, by the field's name, what the form cannot carry: one tool by its name, files that are
no images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.errors import RequestError
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.request_options import NO_PARAMETERS, Tool, given, merged, read_choice, read_format, read_tools
from headrace.providers.text_only import refuse_images
from headrace.providers.turns import Call, Media, Result, Text, Turn, read_conversation

BUDGETS: Mapping[str, int] = {
    "minimal": 512,
    "low": 1024,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 31_000,
    "max": 31_000,
}
"""Tokens of thought for OpenAI's words; 31,000 is the most that the models take."""
_CHOICES: Mapping[str, str | None] = {"auto": None, "none": "NONE", "any": "REQUIRED"}
_ENDING = re.compile(r"(/v[12])?(/chat)?$")


def build(request: ChatRequest, endpoint: Endpoint, _provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else, object by object."""
    refuse_images(request.messages, endpoint.model)
    conversation = read_conversation(request.messages)
    messages: list[dict[str, Any]] = [{"role": "system", "content": text.text} for text in conversation.system]
    for turn in conversation.turns:
        messages += _messages(turn)
    no_temperature = "no_default_temperature" in request.learned and "temperature" in request.defaulted
    body = given(
        model=endpoint.model,
        messages=messages,
        temperature=None if no_temperature else request.temperature,
        max_tokens=request.max_tokens,
        p=request.top_p,
        k=request.top_k,
        seed=request.seed,
        stop_sequences=request.stop,
        tools=_tools(request),
        strict_tools=True if _is_strict(request) else None,
        tool_choice=_choice(request),
        response_format=_format(request.response_format),
        thinking=_thinking(request.reasoning_effort),
    )
    url = _ENDING.sub("", endpoint.base_url, count=1) + "/v2/chat"
    return HTTPRequest.json(url, merged(body | {"stream": request.stream}, request.extra_body), endpoint.key_header())


def _tools(request: ChatRequest) -> list[Mapping[str, Any]]:
    return [_tool(tool) if isinstance(tool, Tool) else tool for tool in read_tools(request.tools)]


def _tool(tool: Tool) -> dict[str, Any]:
    known = given(name=tool.name, description=tool.description)
    return {"type": "function", "function": known | {"parameters": tool.parameters or NO_PARAMETERS}}


def _is_strict(request: ChatRequest) -> bool:
    """Cohere is strict with all tools or with none."""
    tools = [tool for tool in read_tools(request.tools) if isinstance(tool, Tool)]
    return bool(tools) and all(tool.strict for tool in tools)


def _choice(request: ChatRequest) -> str | None:
    choice = read_choice(request.tool_choice)
    if choice is not None and choice.mode == "one":
        raise RequestError("Cohere cannot be told which tool to call: send auto, none or required.", field="toolChoice")
    return None if choice is None else _CHOICES[choice.mode]


def _format(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    described = read_format(wanted)
    return None if described is None else given(type="json_object", json_schema=described.schema)


def _thinking(effort: str | None) -> dict[str, Any] | None:
    if effort is None:
        return None
    if effort == "none":
        return {"type": "disabled"}
    if effort not in BUDGETS:
        raise RequestError(f"reasoningEffort must be none or one of {', '.join(BUDGETS)}.", field="reasoningEffort")
    return {"type": "enabled", "token_budget": BUDGETS[effort]}


def _messages(turn: Turn) -> list[dict[str, Any]]:
    """One message for what was said and called, and one for each result."""
    said = [_part(block) for block in turn.blocks if isinstance(block, Text | Media)]
    calls = [_call(block) for block in turn.blocks if isinstance(block, Call)]
    messages = [_result(block) for block in turn.blocks if isinstance(block, Result)]
    if said or calls:
        messages.append(given(role=turn.role, content=_shortest(said), tool_calls=calls))
    return messages


def _shortest(parts: list[dict[str, Any]]) -> Any:
    match parts:
        case [{"type": "text", "text": text}]:
            return text
    return parts


def _part(block: Text | Media) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if block.media_type and not block.media_type.startswith("image/"):
        raise RequestError(f"Cohere takes images here, not {block.media_type}.", field=block.field)
    url = block.url or f"data:{block.media_type or 'image/png'};base64,{block.data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _call(call: Call) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _result(result: Result) -> dict[str, Any]:
    for part in result.content:
        if isinstance(part, Media):
            raise RequestError("Cohere takes text as the result of a tool, not images.", field=part.field)
    content = "\n\n".join(part.text for part in result.content if isinstance(part, Text))
    return {"role": "tool", "tool_call_id": result.id, "content": content}
