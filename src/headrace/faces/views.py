"""The addresses of other people's APIs: `/api/chat` and `/api/tags`, `/v1/messages`, `/v1/ui-messages`.

One view answers a chat for every face; what it does with a request is `gateway.asking`'s business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from headrace import __version__
from headrace.backends.journal import JournalAwayError, UnknownStreamError
from headrace.backends.log import Batch
from headrace.common.conf import get_settings
from headrace.common.database import in_database
from headrace.common.guard import guarded
from headrace.common.http import json_response, read_body, wrong_method
from headrace.common.identity import allows
from headrace.common.room import check_room
from headrace.common.streams.chat import SSEStream
from headrace.common.streams.runtime import streams
from headrace.errors import UpstreamError
from headrace.faces.face import Face, Told
from headrace.faces.ollama import stamp
from headrace.faces.table import MESSAGES, OLLAMA, UI_MESSAGES
from headrace.gateway.asking import gathered, read_project, start, streamed
from headrace.gateway.errors import failure_headers, reshaped, status_of, told_of
from headrace.gateway.names import listed_models
from headrace.llm.idempotency import Started
from headrace.llm.stream_views import journal_away
from headrace.providers.failures import failure
from headrace.stream.events import Failure
from headrace.stream.wire import SSEFace

View = Callable[..., Any]
UNKNOWN_TIME = 0.0


class FaceStream(SSEStream):
    """A stream in the shape of one face, for one reader: encoded as it goes, because a face has a memory."""

    def __init__(self, started: Started, face: Face, told: Told) -> None:
        idle = get_settings().keepalive_seconds
        super().__init__(streams().journal, started.stream_id, live=started.live, idle=idle, face=SSEFace())
        self._encoder = face.encoder(told)
        self._alive = face.alive(told)

    def _items(self, batch: Batch) -> tuple[bytes, ...]:
        data = self._encoder.feed(batch.entries) if batch.entries else self._alive
        return (data,) if data else ()

    def _signs_of_life(self) -> tuple[bytes, ...]:
        return (self._alive[:1], self._alive[1:])


def chat_view(face: Face) -> View:
    """The view that answers a chat in the shape of this face, its errors too."""

    @allows(POST="chat")
    @guarded
    async def chat(request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST":
            return wrong_method(request, "POST")
        check_room(request)
        asked = face.read(read_body(request))
        try:
            started = await start(request, asked)
            told = Told(started.stream_id, asked.model, time.time())
            response = await (_streamed if asked.stream else _whole)(request, started, face, told)
        except (JournalAwayError, UnknownStreamError):  # another worker's, joined by its key
            raise journal_away() from None
        if started.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    return shaped(face, chat)


def shaped(face: Face, view: View) -> View:
    """`view` with every error in the shape of this face, whoever answered it."""

    @wraps(view)
    async def asynchronous(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return reshaped(await view(request, *args, **kwargs), face.error)

    return asynchronous


async def _streamed(request: HttpRequest, started: Started, face: Face, told: Told) -> HttpResponseBase:
    response = await streamed(request, FaceStream(started, face, told))
    if isinstance(response, Failure):
        return _failed(face, response, told)
    for name, value in face.headers.items():
        response.headers[name] = value
    return response


async def _whole(request: HttpRequest, started: Started, face: Face, told: Told) -> HttpResponseBase:
    answer = await gathered(request, started)
    if answer.failure is not None:
        return _failed(face, answer.failure, told)
    try:
        body = face.whole(told, answer)
    except UpstreamError as error:
        return _failed(face, failure(error.code, error.message), told)
    return json_response(body, headers={"X-Stream-Id": told.stream_id})


def _failed(face: Face, why: Failure, told: Told) -> HttpResponse:
    status = face.statuses.get(why.code, status_of(why))
    message, field = told_of(why)
    body = face.error(message, status, why.code, field)
    return json_response(body, status, failure_headers(why, told.stream_id))


ollama_chat = chat_view(OLLAMA)
messages = chat_view(MESSAGES)
ui_messages = chat_view(UI_MESSAGES)


@allows(GET="read")
@guarded
async def ollama_tags(request: HttpRequest) -> HttpResponseBase:
    """The models that can be asked by name, in Ollama's shape."""
    if request.method not in ("GET", "HEAD"):
        return wrong_method(request, "GET")
    project = await read_project(request)
    return json_response({"models": await in_database(lambda: list(_tagged(listed_models(project))))})


@allows(GET="known")
@guarded
async def ollama_version(request: HttpRequest) -> HttpResponseBase:
    """Clients ask it to see whether somebody is there."""
    if request.method not in ("GET", "HEAD"):
        return wrong_method(request, "GET")
    return json_response({"version": __version__})


def _tagged(models: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Sizes and digests are of files that we do not have: zero and empty."""
    for each in models:
        details = {"format": "", "family": each["owned_by"], "families": [], "parameter_size": ""}
        yield {
            "name": each["id"],
            "model": each["id"],
            "modified_at": stamp(each["created"] or UNKNOWN_TIME),
            "size": 0,
            "digest": "",
            "details": details | {"quantization_level": ""},
        }
