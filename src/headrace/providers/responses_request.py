"""Writes a question in the form of OpenAI's Responses. https://platform.openai.com/docs/api-reference/responses/create

Sends what it was given, and asks that nothing be stored. Refuses, by the field's name, what the API has not: stop
texts and a seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from headrace.errors import RequestError
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.endpoints import api_url
from headrace.providers.openai_request import is_reasoning_model, key_header
from headrace.providers.refusals import NO_SUMMARY
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
from headrace.providers.turns import Block, Call, Media, Result, Text, Thought, read_conversation


def build(request: ChatRequest, endpoint: Endpoint, provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else, object by object."""
    _refuse(request)
    refuse_images(request.messages, endpoint.model)
    quirks = request.learned | provider.quirks
    thinks = "openai_models" in quirks and is_reasoning_model(endpoint.model)
    no_temperature = "temperature" in request.defaulted and (thinks or "no_default_temperature" in quirks)
    body = given(
        model=endpoint.model,
        input=_input(request),
        max_output_tokens=request.max_tokens,
        temperature=None if no_temperature else request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        tools=[_tool(tool) for tool in read_tools(request.tools)],
        tool_choice=_choice(read_choice(request.tool_choice)),
        text=given(format=_format(request.response_format)),
        reasoning=_reasoning(request, thinks=thinks, quirks=quirks),
    )
    body |= {"stream": request.stream, "store": False}
    if request.stream and "openai_models" in quirks and "no_stream_options" not in quirks:
        body["stream_options"] = {"include_obfuscation": False}
    url = api_url(provider, endpoint.base_url, "responses")
    return HTTPRequest.json(url, merged(body, request.extra_body), key_header(endpoint, provider))


def _refuse(request: ChatRequest) -> None:
    if request.stop:
        raise RequestError(
            "The Responses API takes no stop texts: leave them out, or ask by chat completions.", field="stop"
        )
    if request.seed is not None:
        raise RequestError("The Responses API takes no seed: leave it out, or ask by chat completions.", field="seed")


def _reasoning(request: ChatRequest, *, thinks: bool, quirks: frozenset[str]) -> dict[str, Any]:
    """Thoughts are hidden unless their summary is asked for; only models that have some take the wish."""
    effort = request.reasoning_effort
    shown = (thinks or effort is not None) and effort != "none" and NO_SUMMARY not in quirks
    return given(effort=effort, summary="auto" if shown else None)


def _input(request: ChatRequest) -> list[dict[str, Any]]:
    conversation = read_conversation(request.messages)
    items: list[dict[str, Any]] = [{"role": "system", "content": text.text} for text in conversation.system]
    for turn in conversation.turns:
        items += _items(turn.role, turn.blocks)
    return items


def _items(role: str, blocks: list[Block]) -> Iterator[dict[str, Any]]:
    """A turn as items: its words are one message until a call or a result comes between."""
    content: list[dict[str, Any]] = []
    for block in blocks:
        match block:
            case Text() | Media():
                content.append(_part(block, role))
            case Thought():
                continue  # without the id of its item a thought is not taken back
            case Call() | Result():
                yield from _message(role, content)
                content = []
                yield _call(block) if isinstance(block, Call) else _result(block)
    yield from _message(role, content)


def _message(role: str, content: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    match content:
        case []:
            return
        case [{"type": "input_text" | "output_text", "text": text}]:
            yield {"role": role, "content": text}
        case _:
            yield {"role": role, "content": content}


def _part(block: Text | Media, role: str) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"type": "output_text" if role == "assistant" else "input_text", "text": block.text}
    if block.media_type == "application/pdf":
        return {"type": "input_file", "filename": "document.pdf", "file_data": _data_url(block)}
    return {"type": "input_image", "image_url": block.url or _data_url(block)}


def _data_url(media: Media) -> str:
    return f"data:{media.media_type or 'image/png'};base64,{media.data}"


def _call(call: Call) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def _result(result: Result) -> dict[str, Any]:
    match result.content:
        case []:
            output: Any = ""
        case [Text(text)]:
            output = text
        case parts:
            output = [_part(part, "user") for part in parts]
    return {"type": "function_call_output", "call_id": result.id, "output": output}


def _tool(tool: Tool | Mapping[str, Any]) -> dict[str, Any]:
    """Here a schema is strict unless it is said not to be; elsewhere, and for our callers, it is the other way."""
    if not isinstance(tool, Tool):
        return dict(tool)
    known = given(type="function", name=tool.name, description=tool.description)
    return known | {"parameters": tool.parameters or NO_PARAMETERS, "strict": bool(tool.strict)}


def _choice(choice: ToolChoice | None) -> str | dict[str, str] | None:
    if choice is None:
        return None
    if choice.mode == "one":
        return {"type": "function", "name": choice.name}
    return "required" if choice.mode == "any" else choice.mode


def _format(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    described = read_format(wanted)
    if described is None:
        return None
    if described.schema is None:
        return {"type": "json_object"}
    named = given(type="json_schema", name=described.name or "answer", description=described.description)
    return named | given(schema=described.schema, strict=described.strict)
