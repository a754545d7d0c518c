"""Amazon Bedrock's `invoke-with-response-stream`: each model's own form, as base64 inside Amazon's event stream.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html

Asks Anthropic's models only, and reads the others' answers too. Refuses to guess: the first piece says whose form it
is.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headrace.errors import FramingError
from headrace.providers.anthropic import AnthropicParser
from headrace.providers.base import Adapter, Parser
from headrace.providers.bedrock import ConverseParser, framing, read_exception
from headrace.providers.bedrock_events import rebuild
from headrace.providers.bedrock_request import build_invoke
from headrace.providers.bedrock_signing import secrets_of, sign
from headrace.providers.lenient import as_text, count_of, whole_number
from headrace.providers.openai_chat import OpenAIParser
from headrace.stream.events import Event, Finish, FinishReason, TextDelta, Usage
from headrace.stream.framing import Frame
from headrace.stream.payload import decode_json, read

_COMPLETION_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "content_filtered": "content_filter",
    "error_toxic": "content_filter",
}
_METRICS = "amazon-bedrock-invocationMetrics"


class _Chunk(msgspec.Struct, gc=False, rename={"payload": "bytes"}):
    payload: bytes = b""


_decoder = msgspec.json.Decoder(_Chunk)


class InvokeParser:
    """One answer: unpacks each piece and hands it to the parser of its form."""

    __slots__ = ("_inner", "provider_reason")

    def __init__(self) -> None:
        self._inner: Parser | None = None
        self.provider_reason = ""

    def feed(self, frame: Frame) -> Iterable[Event]:
        if frame.name.startswith(("exception:", "error:")):
            return [read_exception(frame)]
        data = read(_decoder, frame.data, _unpacked).payload
        if not data.strip():
            return []
        if self._inner is None:
            self._inner = _parser_for(decode_json(data))
        events = self._inner.feed(Frame(data))
        self.provider_reason = self._inner.provider_reason
        return events

    def close(self) -> Iterable[Event]:
        return self._inner.close() if self._inner is not None else ()


class _NovaParser(ConverseParser):
    """Nova's form is Converse's, with the event's name inside."""

    __slots__ = ()

    def feed(self, frame: Frame) -> list[Event]:
        piece = decode_json(frame.data, halves=True)
        if not isinstance(piece, dict):
            raise FramingError("an event that is no JSON object")
        return [
            event for name, body in piece.items() if isinstance(body, dict) for event in self.event(name, rebuild(body))
        ]


class _CompletionParser:
    """The older forms, which are text and a reason: Titan's, Llama's, Mistral's and Cohere's."""

    __slots__ = ("provider_reason",)

    def __init__(self) -> None:
        self.provider_reason = ""

    def feed(self, frame: Frame) -> list[Event]:
        piece = decode_json(frame.data, halves=True)
        if not isinstance(piece, dict):
            raise FramingError("an event that is no JSON object")
        events: list[Event] = []
        for part in (piece, *_objects(piece.get("outputs")), *_objects(piece.get("generations"))):
            text = next((as_text(part[name]) for name in ("outputText", "generation", "text") if part.get(name)), None)
            if text and piece.get("event_type") != "stream-end":
                events.append(TextDelta(text))
            reasons = ("completionReason", "stop_reason", "finish_reason")
            reason = next((as_text(part[name]) for name in reasons if part.get(name)), None)
            self.provider_reason = reason or self.provider_reason
        counts = piece.get(_METRICS)
        if isinstance(counts, dict):
            given, made = (whole_number(counts.get(name)) for name in ("inputTokenCount", "outputTokenCount"))
            events.append(Usage(count_of(given), count_of(made)))
        return events

    def close(self) -> list[Event]:
        if not self.provider_reason:
            return []
        return [Finish(_COMPLETION_REASONS.get(self.provider_reason.lower(), "stop"), self.provider_reason)]


def _parser_for(piece: Any) -> Parser:
    match piece:
        case {"type": str()}:
            return AnthropicParser()
        case {"choices": _}:
            return OpenAIParser()
        case {"messageStart": _} | {"contentBlockStart": _} | {"contentBlockDelta": _} | {"messageStop": _}:
            return _NovaParser()
        case (
            {"outputText": _}
            | {"generation": _}
            | {"outputs": _}
            | {"generations": _}
            | {"text": _}
            | {"is_finished": _}
        ):
            return _CompletionParser()
    raise FramingError("a model whose form is not known")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _unpacked(value: Any) -> _Chunk:
    packed = value.get("bytes") if isinstance(value, dict) else None
    if not isinstance(packed, str):
        raise FramingError("an event without its payload")
    try:
        return _Chunk(b64decode("".join(packed.split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise FramingError("a payload that is no base64") from error


def _read_whole(data: bytes) -> list[Event]:
    return AnthropicParser().whole(data)


ADAPTER = Adapter("bedrock-invoke", framing, build_invoke, InvokeParser, _read_whole, sign=sign, secrets=secrets_of)
