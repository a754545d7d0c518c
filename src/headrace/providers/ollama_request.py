"""Writes a question in Ollama's own form. https://docs.ollama.com/api/chat

Refuses, by the field's name, what that form cannot carry: linked images, a forced tool, arguments that are no object.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from headrace.errors import RequestError
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Message, Provider
from headrace.providers.prompts import as_prompt
from headrace.providers.text_only import refuse_images
from headrace.providers.turns import Media, read_call, read_conversation

_OPTIONS = {
    "max_tokens": "num_predict",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "stop": "stop",
}
_DATA_URL = re.compile(r"data:[^,;]*(?:;[^,;]*)*?(?P<base64>;base64)?,", re.IGNORECASE)


def build(request: ChatRequest, endpoint: Endpoint, _provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else, its `options` over ours."""
    refuse_images(request.messages, endpoint.model)
    asked = {"messages": _messages(request.messages), "tools": _tools(request)}
    return _posted(request, endpoint, "/api/chat", asked)


def build_generate(request: ChatRequest, endpoint: Endpoint, _provider: Provider) -> HTTPRequest:
    """The POST to `/api/generate`: the whole talk as one prompt, for models and templates that know no chats."""
    if request.tools and request.tool_choice != "none":
        raise RequestError("Ollama's /api/generate takes no tools: ask the provider ollama instead.", field="tools")
    conversation = read_conversation(request.messages)
    images = [_image_of(block) for turn in conversation.turns for block in turn.blocks if isinstance(block, Media)]
    asked = {
        "prompt": as_prompt(conversation.turns, cue=False),
        "system": "\n\n".join(text.text for text in conversation.system) or None,
        "images": images or None,
    }
    return _posted(request, endpoint, "/api/generate", asked)


def _posted(request: ChatRequest, endpoint: Endpoint, path: str, asked: Mapping[str, Any]) -> HTTPRequest:
    options = {theirs: value for ours, theirs in _OPTIONS.items() if (value := getattr(request, ours)) is not None}
    body: dict[str, Any] = {
        "model": endpoint.model,
        **asked,
        "stream": request.stream,
        "format": _format(request.response_format),
        "think": _think(request.reasoning_effort, endpoint.model),
    }
    extra = dict(request.extra_body)
    if isinstance(extra.get("options"), Mapping):
        options |= extra.pop("options")
    sent = {name: value for name, value in body.items() if value is not None}
    sent |= ({"options": options} if options else {}) | extra
    return HTTPRequest.json(endpoint.base_url + path, sent, endpoint.key_header())


def _tools(request: ChatRequest) -> list[Mapping[str, Any]] | None:
    if request.tool_choice in (None, "auto"):
        return request.tools
    if request.tool_choice == "none":
        return None
    raise RequestError(
        "Ollama's own API cannot be told which tool to call: leave toolChoice out, or send auto or none.",
        field="toolChoice",
    )


def _format(wanted: Mapping[str, Any] | None) -> Any:
    kind = wanted.get("type") if wanted else "text"
    if kind == "text":
        return None
    if kind == "json_object":
        return "json"
    described = wanted.get("json_schema") if wanted else None
    if kind == "json_schema" and isinstance(described, Mapping) and isinstance(described.get("schema"), Mapping):
        return described["schema"]
    raise RequestError(
        "responseFormat must be text, json_object, or json_schema with a schema in json_schema.schema.",
        field="responseFormat",
    )


def _think(effort: str | None, model: str) -> bool | str | None:
    """Only gpt-oss knows levels; for every other model a level is an error, and thinking is on or off."""
    if effort is None:
        return None
    if effort == "none":
        return False
    if "gpt-oss" in model:
        return "low" if effort == "minimal" else effort
    return True


def _messages(messages: list[Message]) -> list[dict[str, Any]]:
    names: dict[str, str] = {}
    return [_message(message, f"messages[{at}]", names) for at, message in enumerate(messages)]


def _message(message: Message, where: str, names: dict[str, str]) -> dict[str, Any]:
    """One message; `names` gathers which call had which tool, for the results that name only the call."""
    role = message.get("role")
    text, images = _content(message.get("content"), f"{where}.content")
    sent: dict[str, Any] = {"role": "system" if role == "developer" else role, "content": text}
    if images:
        sent["images"] = images
    if thought := message.get("reasoning_content") or message.get("thinking"):
        sent["thinking"] = thought
    if calls := message.get("tool_calls"):
        sent["tool_calls"] = [_call(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(calls)]
        names |= {str(call.get("id")): call["function"]["name"] for call in sent["tool_calls"]}
    if role == "tool":
        call_id = message.get("tool_call_id")
        given = {"tool_name": message.get("name") or names.get(str(call_id)), "tool_call_id": call_id}
        sent |= {name: value for name, value in given.items() if value}
    return sent


def _call(call: Any, where: str) -> dict[str, Any]:
    read = read_call(call, where)
    named = {"id": read.id} if read.id else {}
    return {**named, "function": {"name": read.name, "arguments": read.arguments}}


def _content(content: Any, where: str) -> tuple[str, list[str]]:
    if content is None or isinstance(content, str):
        return content or "", []
    if not isinstance(content, list):
        raise RequestError("The content must be a string or a list of parts.", field=where)
    texts: list[str] = []
    images: list[str] = []
    for at, part in enumerate(content):
        match part:
            case str() | {"type": "text", "text": str()}:
                texts.append(part if isinstance(part, str) else part["text"])
            case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
                images.append(_image(url, f"{where}[{at}].image_url"))
            case _:
                kind = part.get("type") if isinstance(part, Mapping) else None
                message = f"Ollama reads text and images, not a part of type {kind!r}."
                raise RequestError(message, field=f"{where}[{at}]")
    return "\n".join(texts), images


def _image_of(media: Media) -> str:
    return _image(media.url or f"data:;base64,{media.data}", media.field)


def _image(url: str, where: str) -> str:
    head = _DATA_URL.match(url)
    if head is None:
        raise RequestError(
            "Ollama does not fetch images: send this one as a data: URL (data:image/png;base64,…).", field=where
        )
    data = url[head.end() :]
    if head["base64"]:
        return re.sub(r"\s+", "", data)
    return base64.b64encode(unquote_to_bytes(data)).decode()
