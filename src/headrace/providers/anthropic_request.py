"""Writes a question in Anthropic's Messages form. https://platform.claude.com/docs/en/api/messages

Sends what it was given. Refuses, by the field's name, what the API has not: a seed, JSON without a schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from headrace.errors import RequestError
from headrace.providers import anthropic_thinking
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.request_options import (
    NO_PARAMETERS,
    Tool,
    ToolChoice,
    given,
    merged,
    read_choice,
    read_format,
    read_tools,
)
from headrace.providers.text_only import refuse_images
from headrace.providers.turns import Block, Call, Media, Result, Text, Thought, Turn, read_conversation

VERSION = "2023-06-01"
VERTEX_VERSION = "vertex-2023-10-16"
FALLBACK_MAX_TOKENS = 4096
"""The API wants a limit; this is the most that every model takes, the oldest too."""

_VERTEX_HOST = re.compile(r"(^|[.-])aiplatform\.googleapis\.com$")
_ENDS_IN_VERSION = re.compile(r"/v\d+\w*$")


def build(request: ChatRequest, endpoint: Endpoint, provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else."""
    base = urlsplit(endpoint.base_url)
    if "vertex" in provider.quirks or _VERTEX_HOST.search(base.hostname or ""):
        body = {"anthropic_version": VERTEX_VERSION, **messages_body(request, endpoint.model)}
        body = merged(given(**body, stream=request.stream or None), request.extra_body)
        return HTTPRequest.json(_vertex_url(endpoint, stream=request.stream), body, endpoint.key_header())
    body = {"model": endpoint.model, **messages_body(request, endpoint.model), "stream": request.stream}
    headers = endpoint.key_header("x-api-key", "") | {"anthropic-version": VERSION}
    return HTTPRequest.json(_messages_url(endpoint.base_url), merged(body, request.extra_body), headers)


def messages_body(request: ChatRequest, model: str, *, links: bool = True) -> dict[str, Any]:
    """What every way to these models takes: all but the model's name and the wish to stream.

    With `links` False an image that is only linked to is refused: not every host fetches them.
    """
    refuse_images(request.messages, model)
    if request.seed is not None:
        raise RequestError("Anthropic's models take no seed: leave it out.", field="seed")
    conversation = read_conversation(request.messages)
    max_tokens = request.max_tokens if request.max_tokens is not None else FALLBACK_MAX_TOKENS
    thinking = anthropic_thinking.plan(request.reasoning_effort, model, max_tokens, conversation)
    return given(
        max_tokens=max_tokens,
        system=_system(conversation.system),
        messages=[_turn(turn, links=links) for turn in conversation.turns],
        temperature=_temperature(request, model, thinking),
        top_p=request.top_p,
        top_k=request.top_k,
        stop_sequences=request.stop,
        tools=[_tool(tool) if isinstance(tool, Tool) else tool for tool in read_tools(request.tools)],
        tool_choice=_choice(read_choice(request.tool_choice)),
        thinking=thinking.fields,
        output_config=given(effort=thinking.effort, format=_format(request.response_format)),
    )


def _messages_url(base: str) -> str:
    """The path as the API's own SDK makes it, for every host that speaks this dialect under a prefix."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/").removesuffix("/messages")
    if not _ENDS_IN_VERSION.search(path):
        path += "/v1"
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/messages", "", ""))


def _vertex_url(endpoint: Endpoint, *, stream: bool) -> str:
    root = endpoint.base_url.partition("/publishers/")[0].rstrip("/")
    if "/projects/" not in root:
        raise RequestError(
            "Vertex is asked by project and location: write the endpoint as"
            " https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION.",
            field="model.endpoint",
        )
    verb = "streamRawPredict" if stream else "rawPredict"
    return f"{root}/publishers/anthropic/models/{quote(endpoint.model, safe='@')}:{verb}"


def _temperature(request: ChatRequest, model: str, thinking: anthropic_thinking.Thinking) -> float | None:
    """The caller's, always; ours only where this model takes one beside everything else."""
    if "temperature" not in request.defaulted:
        return request.temperature
    quirks = "no_default_temperature" in request.learned or anthropic_thinking.refuses_sampling(model)
    return None if quirks or thinking.on or request.top_p is not None else request.temperature


def _system(texts: list[Text]) -> str | list[dict[str, Any]]:
    if any(text.cache for text in texts):
        return [_text(text) for text in texts]
    return "\n\n".join(text.text for text in texts)


def _turn(turn: Turn, *, links: bool) -> dict[str, Any]:
    match turn.blocks:
        case [Text(text, None)]:
            return {"role": turn.role, "content": text}
    return {"role": turn.role, "content": [_block(block, links=links) for block in turn.blocks]}


def _block(block: Block, *, links: bool) -> dict[str, Any]:
    match block:
        case Text():
            return _text(block)
        case Media():
            return _media(block, links=links)
        case Thought(encrypted="") as thought:
            return {"type": "thinking", "thinking": thought.text, "signature": thought.signature}
        case Thought():
            return {"type": "redacted_thinking", "data": block.encrypted}
        case Call():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.arguments}
        case Result():
            return _result(block, links=links)


def _text(text: Text) -> dict[str, Any]:
    return given(type="text", text=text.text, cache_control=text.cache)


def _media(media: Media, *, links: bool) -> dict[str, Any]:
    kind = "document" if media.media_type == "application/pdf" else "image"
    if media.data:
        source = {"type": "base64", "media_type": media.media_type or "image/png", "data": media.data}
    elif not links:
        raise RequestError(
            "This host fetches no images: send this one as a data: URL (data:image/png;base64,…).", field=media.field
        )
    else:
        source = {"type": "url", "url": media.url}
    return given(type=kind, source=source, cache_control=media.cache)


def _result(result: Result, *, links: bool) -> dict[str, Any]:
    match result.content:
        case [Text(text, None)]:
            return {"type": "tool_result", "tool_use_id": result.id, "content": text}
    parts = [_block(part, links=links) for part in result.content]
    return given(type="tool_result", tool_use_id=result.id, content=parts)


def _tool(tool: Tool) -> dict[str, Any]:
    return given(
        name=tool.name,
        description=tool.description,
        input_schema=tool.parameters or NO_PARAMETERS,
        strict=tool.strict or None,
    )


def _choice(choice: ToolChoice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    return {"type": "tool", "name": choice.name} if choice.mode == "one" else {"type": choice.mode}


def _format(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    described = read_format(wanted)
    if described is None:
        return None
    if described.schema is None:
        raise RequestError(
            "Anthropic's models write JSON by a schema only: send responseFormat as json_schema.",
            field="responseFormat",
        )
    return {"type": "json_schema", "schema": described.schema}
