"""`LLMStreamingService`: one typed event stream over Server-Sent Events, whatever provider is behind.

`create_streaming_response` makes the Django response of it, or of any source of bytes, under ASGI and WSGI.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from headrace.common.compressed import CompressedStream
from headrace.common.conf import get_settings
from headrace.common.hooks import GivenHook
from headrace.common.http import refused
from headrace.common.requests import stream_settings
from headrace.common.responses import EventStreamResponse, Source
from headrace.common.room import take_room
from headrace.common.services.llm_service import LLMService
from headrace.common.streams.chat import EventStream, SSEStream
from headrace.errors import RequestError
from headrace.providers.base import Message
from headrace.stream.compression import choose_encoding


class LLMStreamingService:
    """Streams one model's answers in the contract's wire format (`docs/protocol.md`). Takes what `LLMService` takes."""

    def __init__(self, model: Any, **hooks: GivenHook) -> None:
        self._service = LLMService(model, **hooks)

    def stream_chat_sse(self, messages: Iterable[Message], **options: Any) -> SSEStream:
        """The answer as `data: …` events, ending with `data: [DONE]`; for `async for`, or a plain `for` without a loop.

        `options` as in `LLMService.stream_chat`, and `streamOptions` (`includeUsage`, `includeIds`, `includeDigest`,
        `onDisconnect`).
        Raises `RequestError` at once for a wrong option; a fault upstream is an error event.
        """
        chosen = stream_settings({name: value for name, value in options.items() if name != "project"})
        stream = self._service.stream_chat(messages, **options)
        return stream.sse(include_usage=chosen.shows_finish, include_ids=chosen.include_ids)


def create_streaming_response(
    source: Source | EventStream,
    *,
    request: HttpRequest | None = None,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponseBase:
    """A Django response that streams `source`: bytes or text, synchronous or asynchronous, under ASGI or WSGI.

    It carries the headers that keep proxies and caches from holding events back. Pass `request` where you have it:
    `Connection: keep-alive` is set only where that server and protocol allow it, a stream of ours is compressed as its
    `Accept-Encoding` asks, and a WSGI process that has no thread to spare answers 503 instead.
    """
    chunks = source.sse() if isinstance(source, EventStream) else source
    try:
        leave = take_room(request)
    except RequestError as error:
        if (close := getattr(chunks, "close", None)) is not None:
            close()
        return refused(error)
    ours = _headers(chunks, request)
    if encoding := ours.get("Content-Encoding"):
        assert isinstance(chunks, SSEStream)
        chunks.encoded = True
        chunks = CompressedStream(chunks, encoding, chunks.delivery)
    response = EventStreamResponse(chunks, request=request, status=status, on_close=leave)
    for name, value in (ours | dict(headers or {})).items():
        response.headers[name] = value
    return response


def _headers(chunks: Source, request: HttpRequest | None) -> dict[str, str]:
    """What a stream of ours says of itself; with the encoding that it is to be compressed in, if any."""
    if not isinstance(chunks, SSEStream):
        return {}
    ours = {"X-Stream-Id": chunks.stream_id}
    if request is not None and get_settings().compression:
        ours["Vary"] = "Accept-Encoding"
        if (encoding := choose_encoding(request.META.get("HTTP_ACCEPT_ENCODING"))) is not None:
            ours["Content-Encoding"] = encoding
    return ours
