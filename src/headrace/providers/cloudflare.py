"""Cloudflare's own `ai/run`, which names the model in its address. https://developers.cloudflare.com/workers-ai/

Newer models answer there in OpenAI's shape, which is read too. Refuses what the form cannot carry: linked images, and
the choice of a tool.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from headrace.errors import FramingError, RequestError
from headrace.providers.base import Adapter, ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.error_facts import find_error
from headrace.providers.failures import failure_in_stream
from headrace.providers.lenient import as_text
from headrace.providers.openai_chat import OpenAIParser, count_tokens, framing, read_whole
from headrace.providers.openai_chunks import STRICT_ERRORS, TokenCounts, counts_of
from headrace.providers.request_options import given, merged, read_choice, read_format
from headrace.providers.text_only import refuse_images
from headrace.providers.tool_calls import arguments_text
from headrace.stream.events import Event, TextDelta
from headrace.stream.framing import Frame
from headrace.stream.payload import decode_json

_BASE = re.compile(r"(/v1|/run(/.*)?)?$")


class _Call(msgspec.Struct, gc=False):
    id: str | None = None
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Piece(msgspec.Struct, gc=False):
    response: str | None = None
    tool_calls: list[_Call] | None = None
    usage: TokenCounts | None = None


_decode_strictly = msgspec.json.Decoder(_Piece).decode


class CloudflareParser(OpenAIParser):
    """One answer, piece by piece. It ends in `[DONE]`, without a reason."""

    __slots__ = ()

    def feed(self, frame: Frame) -> list[Event]:
        try:
            piece = _decode_strictly(frame.data)
        except STRICT_ERRORS:
            if frame.data.strip() in (b"", b"[DONE]"):
                return super().feed(frame)
            piece = _rebuild(decode_json(frame.data, halves=True))
        if piece.response is None and piece.tool_calls is None:
            return [] if frame.data == b"{}" else super().feed(frame)
        return self._read(piece)

    def whole(self, data: bytes) -> list[Event]:
        """The events of a complete JSON answer, which is wrapped in `result`; FramingError where it is none."""
        body = decode_json(data)
        result = body.get("result") if isinstance(body, dict) else None
        if isinstance(result, dict) and ("response" in result or "tool_calls" in result):
            return [*self._read(_rebuild(result)), self._finish()]
        if isinstance(result, dict) and "choices" in result:
            return read_whole(msgspec.json.encode(result))
        if (facts := find_error(body)) is not None:
            return [failure_in_stream(facts)]
        raise FramingError("JSON that is neither an answer nor an error", code="upstream_not_a_stream")

    def _read(self, piece: _Piece) -> list[Event]:
        events: list[Event] = [TextDelta(piece.response)] if piece.response else []
        for place, call in enumerate(piece.tool_calls or ()):
            told = self._calls.feed(None, call.id or "", call.name or "", arguments_text(call.arguments), place=place)
            if told is not None:
                events.append(told)
                self.provider_reason = "tool_calls"
        if piece.usage is not None:
            count_tokens(piece.usage, events)
        return events


def _rebuild(value: Any) -> _Piece:
    if not isinstance(value, dict):
        raise FramingError("an event that is no JSON object")
    calls = value.get("tool_calls")
    return _Piece(
        as_text(value.get("response")),
        [_rebuilt_call(item) for item in calls if isinstance(item, dict)] if isinstance(calls, list) else None,
        counts_of(value.get("usage")),
    )


def _rebuilt_call(value: dict[str, Any]) -> _Call:
    arguments = value.get("arguments")
    told = arguments if isinstance(arguments, dict) else as_text(arguments)
    return _Call(as_text(value.get("id")), as_text(value.get("name")), told)


def build(request: ChatRequest, endpoint: Endpoint, _provider: Provider) -> HTTPRequest:
    """The POST for one chat; `extra_body` goes over everything else."""
    refuse_images(request.messages, endpoint.model)
    choice = read_choice(request.tool_choice)
    if choice is not None and choice.mode in ("any", "one"):
        raise RequestError("Cloudflare cannot be told which tool to call: send auto or none.", field="toolChoice")
    no_temperature = "no_default_temperature" in request.learned and "temperature" in request.defaulted
    body = given(
        messages=list(request.messages),
        temperature=None if no_temperature else request.temperature,
        max_tokens=request.max_tokens,
        top_p=request.top_p,
        top_k=request.top_k,
        seed=request.seed,
        stop=request.stop,
        tools=None if choice is not None and choice.mode == "none" else request.tools,
        response_format=_format(request.response_format),
        reasoning_effort=request.reasoning_effort,
    )
    url = f"{_BASE.sub('', endpoint.base_url, count=1)}/run/{quote(endpoint.model, safe='@/')}"
    return HTTPRequest.json(url, merged(body | {"stream": request.stream}, request.extra_body), endpoint.key_header())


def _format(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Cloudflare wants the schema itself where others have it inside an object that names it."""
    described = read_format(wanted)
    if described is None:
        return None
    if described.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": described.schema}


def _read_whole(data: bytes) -> list[Event]:
    return CloudflareParser().whole(data)


ADAPTER = Adapter("cloudflare-run", framing, build, CloudflareParser, _read_whole)
