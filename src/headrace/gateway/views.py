"""`/v1/chat/completions` and `/v1/models` for clients of OpenAI's API."""

from __future__ import annotations

import time

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from headrace.backends.journal import JournalAwayError, UnknownStreamError
from headrace.common.conf import get_settings
from headrace.common.database import in_database
from headrace.common.guard import guarded
from headrace.common.http import json_response, read_body, wrong_method
from headrace.common.identity import allows
from headrace.common.room import check_room
from headrace.common.streams.chat import SSEStream
from headrace.common.streams.runtime import streams
from headrace.errors import RequestError
from headrace.gateway.asking import gathered, read_project, start, streamed
from headrace.gateway.body import read_completion
from headrace.gateway.chunks import ChunkFace, completion_body
from headrace.gateway.errors import failure_response, openai_shaped
from headrace.gateway.names import listed_models
from headrace.llm.idempotency import Started
from headrace.llm.stream_views import journal_away
from headrace.stream.events import Failure, Finish


@openai_shaped
@allows(POST="chat")
@guarded
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """Answer a chat in OpenAI's form, streamed or whole (`docs/openai-api.md`)."""
    if request.method != "POST":
        return wrong_method(request, "POST")
    check_room(request)
    asked = read_completion(read_body(request))
    try:
        started = await start(request, asked)
        face = ChunkFace(f"chatcmpl-{started.stream_id}", asked.model, int(time.time()), asked.settings.include_usage)
        response = await (_streamed if asked.stream else _whole)(request, started, face)
    except (JournalAwayError, UnknownStreamError):  # another worker's, joined by its key
        raise journal_away() from None
    if started.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


@openai_shaped
@allows(GET="read")
@guarded
async def models(request: HttpRequest) -> HttpResponseBase:
    """The models that can be asked by name."""
    if request.method not in ("GET", "HEAD"):
        return wrong_method(request, "GET")
    project = await read_project(request)
    return json_response({"object": "list", "data": await in_database(lambda: list(listed_models(project)))})


@openai_shaped
@allows(GET="read")
@guarded
async def model(request: HttpRequest, name: str) -> HttpResponseBase:
    """One of them."""
    if request.method not in ("GET", "HEAD"):
        return wrong_method(request, "GET")
    project = await read_project(request)
    found = await in_database(lambda: next((each for each in listed_models(project) if each["id"] == name), None))
    if found is None:
        message = f"the model {name[:200]!r} is not among those that GET /v1/models lists"
        raise RequestError(message, field="model", code="model_not_found", status=404)
    return json_response(found)


async def _streamed(request: HttpRequest, started: Started, face: ChunkFace) -> HttpResponseBase:
    idle = get_settings().keepalive_seconds
    stream = SSEStream(streams().journal, started.stream_id, live=started.live, idle=idle, face=face)
    response = await streamed(request, stream)
    return failure_response(response, started.stream_id) if isinstance(response, Failure) else response


async def _whole(request: HttpRequest, started: Started, face: ChunkFace) -> HttpResponseBase:
    answer = await gathered(request, started)
    if answer.failure is not None:
        return failure_response(answer.failure, started.stream_id)
    body = completion_body(face, answer, answer.finish or Finish())
    return json_response(body, headers={"X-Stream-Id": started.stream_id})
