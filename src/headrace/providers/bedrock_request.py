"""Writes a question for Amazon Bedrock: in Converse's form for every model, in Anthropic's for an invoked Claude.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

Sends what it was given, unsigned (`bedrock_signing` signs). Refuses, by the field name, what Converse has not: a seed,
linked images, JSON without a schema, forbidding tools in mid-talk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from headrace.errors import RequestError
from headrace.providers import anthropic_thinking
from headrace.providers.anthropic_request import FALLBACK_MAX_TOKENS, messages_body
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.bedrock_signing import key_header
from headrace.providers.request_options import (
    NO_PARAMETERS,
    Tool,
    given,
    merged,
    read_choice,
    read_format,
    read_tools,
)
from headrace.providers.text_only import refuse_images
from headrace.providers.turns import Block, Call, Conversation, Media, Result, Text, Thought, read_conversation

INVOKE_VERSION = "bedrock-2023-05-31"

_PASTED = re.compile(r"/model(/.*)?$")
_IMAGE_FORMATS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_CACHE_POINT = {"cachePoint": {"type": "default"}}
_NOVA_EFFORTS: Mapping[str, str] = {"minimal": "low", "xhigh": "high", "max": "high"}


def build_converse(request: ChatRequest, endpoint: Endpoint, _provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else, object by object."""
    body = _converse_body(request, endpoint.model)
    verb = "converse-stream" if request.stream else "converse"
    headers = {"accept": "*/*"} | key_header(endpoint)
    return HTTPRequest.json(_url(endpoint, verb), merged(body, request.extra_body), headers)


def build_invoke(request: ChatRequest, endpoint: Endpoint, _provider: Provider) -> HTTPRequest:
    """The POST for one chat with Claude as Anthropic's API would have it."""
    if not is_claude(endpoint.model):
        raise RequestError(
            "Only Anthropic's models are invoked in their own form: ask this one through the provider bedrock.",
            field="model.modelId",
        )
    body = {"anthropic_version": INVOKE_VERSION, **messages_body(request, endpoint.model, links=False)}
    verb = "invoke-with-response-stream" if request.stream else "invoke"
    headers = {"accept": "application/json"} | key_header(endpoint)
    return HTTPRequest.json(_url(endpoint, verb), merged(body, request.extra_body), headers)


def is_claude(model: str) -> bool:
    return "anthropic" in model or "claude" in model


def _is_nova(model: str) -> bool:
    return "amazon.nova" in model


def _url(endpoint: Endpoint, verb: str) -> str:
    parts = urlsplit(endpoint.base_url)
    path = _PASTED.sub("", parts.path.rstrip("/"))
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/model/{quote(endpoint.model, safe='')}/{verb}", "", ""))


def _converse_body(request: ChatRequest, model: str) -> dict[str, Any]:
    refuse_images(request.messages, model)
    if request.seed is not None:
        raise RequestError(
            "Converse has no seed: leave it out, or send it in extraBody.additionalModelRequestFields"
            " where the model takes one.",
            field="seed",
        )
    conversation = read_conversation(request.messages)
    limit = request.max_tokens if request.max_tokens is not None else FALLBACK_MAX_TOKENS
    effort = request.reasoning_effort
    thinking = anthropic_thinking.plan(effort if is_claude(model) else None, model, limit, conversation)
    return given(
        messages=[
            {"role": turn.role, "content": [part for block in turn.blocks for part in _parts(block)]}
            for turn in conversation.turns
        ],
        system=[part for text in conversation.system for part in _parts(text)],
        inferenceConfig=_inference_config(request, model, thinking),
        toolConfig=_tool_config(request, conversation),
        additionalModelRequestFields=_additional_fields(request, model, thinking),
        outputConfig=given(effort=thinking.effort, textFormat=_text_format(request.response_format)),
    )


def _parts(block: Block) -> list[dict[str, Any]]:
    match block:
        case Text():
            return [{"text": block.text}, *([_CACHE_POINT] if block.cache else [])]
        case Media():
            return [_image(block), *([_CACHE_POINT] if block.cache else [])]
        case Thought(encrypted=""):
            said = {"text": block.text, "signature": block.signature}
            return [{"reasoningContent": {"reasoningText": said}}]
        case Thought():
            return [{"reasoningContent": {"redactedContent": block.encrypted}}]
        case Call():
            return [{"toolUse": {"toolUseId": block.id, "name": block.name, "input": block.arguments}}]
        case Result():
            content = [part for item in block.content for part in _parts(item)]
            return [{"toolResult": {"toolUseId": block.id, "content": content}}]


def _image(media: Media) -> dict[str, Any]:
    if media.url:
        raise RequestError(
            "Bedrock fetches no images: send this one as a data: URL (data:image/png;base64,…).", field=media.field
        )
    known = _IMAGE_FORMATS.get(media.media_type or "image/png")
    if known is None:
        raise RequestError(
            f"Bedrock takes images as png, jpeg, gif or webp, not as {media.media_type}.", field=media.field
        )
    return {"image": {"format": known, "source": {"bytes": media.data}}}


def _inference_config(request: ChatRequest, model: str, thinking: anthropic_thinking.Thinking) -> dict[str, Any]:
    dropped: set[str] = set()
    if thinking.on or "no_default_temperature" in request.learned or anthropic_thinking.refuses_sampling(model):
        dropped.add("temperature")
    if is_claude(model) and request.top_p is not None:
        dropped.add("temperature")
    if _is_nova(model) and _nova_effort(request.reasoning_effort) == "high":
        dropped |= {"temperature", "max_tokens"}  # Nova refuses them at its highest effort
    dropped &= request.defaulted
    max_tokens = request.max_tokens
    if max_tokens is None and thinking.fields is not None and "budget_tokens" in thinking.fields:
        max_tokens = FALLBACK_MAX_TOKENS
    return given(
        maxTokens=None if "max_tokens" in dropped else max_tokens,
        temperature=None if "temperature" in dropped else request.temperature,
        topP=request.top_p,
        stopSequences=request.stop,
    )


def _additional_fields(request: ChatRequest, model: str, thinking: anthropic_thinking.Thinking) -> dict[str, Any]:
    """What Converse has no word for, in each family's own."""
    if is_claude(model):
        return given(thinking=thinking.fields, top_k=request.top_k)
    effort = request.reasoning_effort
    if _is_nova(model):
        return given(
            reasoningConfig=_nova_reasoning(effort) if effort is not None else None,
            inferenceConfig=given(topK=request.top_k),
        )
    return given(reasoning_effort=effort, top_k=request.top_k)


def _nova_reasoning(effort: str) -> dict[str, str]:
    return {"type": "disabled"} if effort == "none" else {"type": "enabled", "maxReasoningEffort": _nova_effort(effort)}


def _nova_effort(effort: str | None) -> str:
    return _NOVA_EFFORTS.get(effort or "", effort or "")


def _tool_config(request: ChatRequest, conversation: Conversation) -> dict[str, Any]:
    choice = read_choice(request.tool_choice)
    if choice is not None and choice.mode == "none":
        if conversation.uses_tools():
            raise RequestError(
                "Converse cannot forbid tools in a talk that has used some: leave toolChoice out.", field="toolChoice"
            )
        return {}
    tools = [_tool(tool) for tool in read_tools(request.tools)]
    if choice is None:
        return given(tools=tools)
    chosen = {"tool": {"name": choice.name}} if choice.mode == "one" else {choice.mode: {}}
    return given(tools=tools, toolChoice=chosen)


def _tool(tool: Tool | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(tool, Tool):
        return {name: value for name, value in tool.items() if name != "type"}
    schema = {"json": tool.parameters or NO_PARAMETERS}
    return {
        "toolSpec": given(name=tool.name, description=tool.description, inputSchema=schema, strict=tool.strict or None)
    }


def _text_format(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    described = read_format(wanted)
    if described is None:
        return None
    if described.schema is None:
        raise RequestError(
            "Converse writes JSON by a schema only: send responseFormat as json_schema.", field="responseFormat"
        )
    schema = msgspec.json.encode(described.schema).decode()
    known = given(schema=schema, name=described.name, description=described.description)
    return {"type": "json_schema", "structure": {"jsonSchema": known}}
