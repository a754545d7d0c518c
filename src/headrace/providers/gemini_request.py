"""Writes a question in Gemini's form, for Google's own API and for Vertex. https://ai.google.dev/api/generate-content

Sends what it was given, schemas as JSON Schema and the key in a header. Refuses, by the field's name, linked images of
unknown type and tool results of unknown tools.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from headrace.errors import FramingError, RequestError
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.request_options import Tool, given, merged, read_choice, read_format, read_tools
from headrace.providers.text_only import refuse_images
from headrace.providers.turns import Block, Call, Conversation, Media, Result, Text, Thought, Turn, read_conversation
from headrace.stream.payload import decode_json

FOREIGN_SIGNATURE = "skip_thought_signature_validator"
"""What Google wants in the place of a signature for calls that it did not sign for us: we keep no signatures."""

_VERTEX_HOST = re.compile(r"(^|[.-])aiplatform\.googleapis\.com$")
_VERTEX_KEY = re.compile(r"AIza|AQ\.")
_TOKEN = re.compile(r"ya29\.")
_PASTED = re.compile(r"(/openai|/publishers/google)?(/models(/[^/]*)?)?$")
_GENERATION = re.compile(r"gemini-(\d+)(?:\.(\d+))?", re.IGNORECASE)
_LATEST = re.compile(r"gemini-[a-z-]*latest", re.IGNORECASE)
_WITHOUT_THOUGHTS = re.compile(r"image|tts|audio|live|embedding", re.IGNORECASE)
_NEWEST = (3, 0)
"""From this generation on a model has levels of thinking, before it a budget, and none before 2.5."""
_FIRST_THINKING = (2, 5)
_BUDGETS: Mapping[str, int] = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
"""Tokens for OpenAI's words, as Google's own OpenAI face has them."""
_LEVELS: Mapping[str, str] = {"none": "minimal", "xhigh": "high", "max": "high"}

_MEDIA_TYPES: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
}
_CHOICES: Mapping[str, str] = {"auto": "AUTO", "none": "NONE", "any": "ANY", "one": "ANY"}


def build(request: ChatRequest, endpoint: Endpoint, provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else, object by object."""
    refuse_images(request.messages, endpoint.model)
    vertex = "vertex" in provider.quirks or bool(_VERTEX_HOST.search(urlsplit(endpoint.base_url).hostname or ""))
    conversation = read_conversation(request.messages)
    body = given(
        contents=_contents(conversation, endpoint.model, vertex=vertex),
        systemInstruction=given(parts=[{"text": text.text} for text in conversation.system]),
        tools=_tools(request),
        toolConfig=_tool_config(request),
        generationConfig=_generation_config(request, endpoint.model),
    )
    return HTTPRequest.json(
        _url(endpoint, vertex=vertex, stream=request.stream),
        merged(body, request.extra_body),
        _key_header(endpoint, vertex=vertex),
    )


def _url(endpoint: Endpoint, *, vertex: bool, stream: bool) -> str:
    parts = urlsplit(endpoint.base_url)
    path = _PASTED.sub("", parts.path.rstrip("/"), count=1) or ("/v1" if vertex else "/v1beta")
    model = endpoint.model.removeprefix("models/")
    if vertex:
        path += "/publishers/google"
    if not model.startswith("tunedModels/"):
        path += "/models"
    verb = "streamGenerateContent" if stream else "generateContent"
    query = "alt=sse" if stream else ""
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/{quote(model)}:{verb}", query, ""))


def _key_header(endpoint: Endpoint, *, vertex: bool) -> dict[str, str]:
    """An API key has a header of its own; on Vertex, and where it looks like one, it is a token."""
    key = endpoint.key.strip()
    is_token = not _VERTEX_KEY.match(key) if vertex else _TOKEN.match(key)
    return endpoint.key_header() if is_token else endpoint.key_header("x-goog-api-key", "")


def _contents(conversation: Conversation, model: str, *, vertex: bool) -> list[dict[str, Any]]:
    signed = _generation(model) >= _NEWEST
    return [_turn(turn, signed=signed, ids=not vertex) for turn in conversation.turns]


def _turn(turn: Turn, *, signed: bool, ids: bool) -> dict[str, Any]:
    parts = [part for block in turn.blocks for part in _parts(block, ids=ids)]
    first_call = next((part for part in parts if "functionCall" in part), None)
    if signed and first_call is not None:
        first_call["thoughtSignature"] = FOREIGN_SIGNATURE
    return {"role": "model" if turn.role == "assistant" else "user", "parts": parts}


def _parts(block: Block, *, ids: bool) -> list[dict[str, Any]]:
    match block:
        case Text():
            return [{"text": block.text}]
        case Media():
            return [_media(block)]
        case Thought():
            return []
        case Call():
            call = given(id=block.id if ids else None, name=block.name)
            return [{"functionCall": {**call, "args": block.arguments}}]
        case Result():
            return _result(block, ids=ids)


def _media(media: Media) -> dict[str, Any]:
    if media.data:
        return {"inlineData": {"mimeType": media.media_type or "image/png", "data": media.data}}
    known = _MEDIA_TYPES.get(urlsplit(media.url).path.rpartition(".")[2].lower())
    if known is None:
        raise RequestError(
            "Gemini must be told the type of a linked image, which this link does not end in: send it as a data: URL"
            " (data:image/png;base64,…).",
            field=media.field,
        )
    return {"fileData": {"mimeType": known, "fileUri": media.url}}


def _result(result: Result, *, ids: bool) -> list[dict[str, Any]]:
    if not result.name:
        raise RequestError(
            "Gemini is told which tool answered: give the message its tool's name, or send the call that it answers.",
            field=f"{result.field}.tool_call_id",
        )
    said = "\n".join(part.text for part in result.content if isinstance(part, Text))
    response = {**given(id=result.id if ids else None, name=result.name), "response": _response(said)}
    return [{"functionResponse": response}, *(_media(part) for part in result.content if isinstance(part, Media))]


def _response(said: str) -> Mapping[str, Any]:
    """Gemini wants an object: the tool's own where it answered one, else its text in one."""
    try:
        answer = decode_json(said.encode("utf-8", "replace"))
    except FramingError:
        answer = None
    return answer if isinstance(answer, dict) else {"result": said}


def _tools(request: ChatRequest) -> list[Mapping[str, Any]]:
    ours: list[dict[str, Any]] = []
    theirs: list[Mapping[str, Any]] = []
    for tool in read_tools(request.tools):
        if isinstance(tool, Tool):
            described = given(name=tool.name, description=tool.description, parametersJsonSchema=tool.parameters)
            ours.append(described)
        else:
            theirs.append({name: value for name, value in tool.items() if name != "type"})
    return [*([{"functionDeclarations": ours}] if ours else []), *theirs]


def _tool_config(request: ChatRequest) -> dict[str, Any]:
    choice = read_choice(request.tool_choice)
    if choice is None:
        return {}
    allowed = [choice.name] if choice.mode == "one" else None
    return {"functionCallingConfig": given(mode=_CHOICES[choice.mode], allowedFunctionNames=allowed)}


def _generation_config(request: ChatRequest, model: str) -> dict[str, Any]:
    described = read_format(request.response_format)
    no_temperature = "no_default_temperature" in request.learned and "temperature" in request.defaulted
    return given(
        temperature=None if no_temperature else request.temperature,
        maxOutputTokens=request.max_tokens,
        topP=request.top_p,
        topK=request.top_k,
        stopSequences=request.stop,
        seed=request.seed,
        responseMimeType="application/json" if described is not None else None,
        responseJsonSchema=described.schema if described is not None else None,
        thinkingConfig=_thinking(request.reasoning_effort, model),
    )


def _generation(model: str) -> tuple[int, int]:
    found = _GENERATION.search(model)
    if found is not None:
        return int(found[1]), int(found[2] or 0)
    return _NEWEST if _LATEST.search(model) else (0, 0)


def _thinking(effort: str | None, model: str) -> dict[str, Any]:
    """Thoughts are shown wherever a model has them; how many it has is said only where the caller says it."""
    generation = _generation(model)
    shown = generation >= _FIRST_THINKING and not _WITHOUT_THOUGHTS.search(model)
    if effort is None:
        return {"includeThoughts": True} if shown else {}
    if effort not in _BUDGETS:
        raise RequestError(f"reasoningEffort must be one of {', '.join(_BUDGETS)}.", field="reasoningEffort")
    include = {} if effort == "none" else {"includeThoughts": True}
    if (0, 0) < generation < _NEWEST:
        return {**include, "thinkingBudget": _BUDGETS[effort]}
    return {**include, "thinkingLevel": _LEVELS.get(effort, effort)}
