"""`/v1/chat/completions` and `/v1/models` for clients of OpenAI's API.

The head of a streamed answer waits for its first event, so that what fails before it has a real status. Whom the
caller's bearer value stands for is the access guard's business; it is never sent to a provider.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from headrace.backends.journal import JournalAwayError, UnknownStreamError
from headrace.common.callers import let_go, user_of
from headrace.common.chats import Chat
from headrace.common.conf import get_settings
from headrace.common.database import in_database
from headrace.common.guard import guarded
from headrace.common.hooks import Hooks, site_hooks
from headrace.common.http import json_response, read_body, wrong_method
from headrace.common.identity import allows, project_asked
from headrace.common.monitoring.tracing import carried_by
from headrace.common.room import check_room
from headrace.common.services.llm_service import Answer, gather
from headrace.common.services.llm_streaming import create_streaming_response
from headrace.common.streams.chat import EventStream, SSEStream
from headrace.common.streams.runtime import loop_for, streams
from headrace.errors import RequestError
from headrace.gateway.body import Completion, read_completion
from headrace.gateway.chunks import ChunkFace, completion_body
from headrace.gateway.errors import failure_response, openai_shaped
from headrace.gateway.names import listed_models, model_named
from headrace.llm.idempotency import Started, key_of, start_once
from headrace.llm.stream_views import journal_away
from headrace.projects.finding import check_allowed, find_project
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
        started = await _start(request, asked)
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
    project = await _read_project(request)
    return json_response({"object": "list", "data": await in_database(lambda: list(listed_models(project)))})


@openai_shaped
@allows(GET="read")
@guarded
async def model(request: HttpRequest, name: str) -> HttpResponseBase:
    """One of them."""
    if request.method not in ("GET", "HEAD"):
        return wrong_method(request, "GET")
    project = await _read_project(request)
    found = await in_database(lambda: next((each for each in listed_models(project) if each["id"] == name), None))
    if found is None:
        message = f"the model {name[:200]!r} is not among those that GET /v1/models lists"
        raise RequestError(message, field="model", code="model_not_found", status=404)
    return json_response(found)


async def _start(request: HttpRequest, asked: Completion) -> Started:
    key = key_of(request)
    hooks = site_hooks()
    project = await _project(request, hooks)
    named = await in_database(lambda: model_named(project, asked.model))
    caller = await user_of(request)
    chat = Chat(named.model, asked.question(named.dialect), asked.settings, carried=carried_by(request.META))
    await check_allowed(request, project, chat, hooks)
    name = str(caller.pk) if caller is not None else ""
    return await start_once(chat, project, caller=name, key=key, hooks=hooks)


async def _project(request: HttpRequest, hooks: Hooks) -> Any:
    """The project that the header names, else the token's own, else `default`; a foreign one is a 404."""
    return await find_project(request, project_asked(request, await user_of(request), {}), hooks)


async def _read_project(request: HttpRequest) -> Any:
    """The project whose models are listed; the site's own say is heard."""
    hooks = site_hooks()
    project = await _project(request, hooks)
    await check_allowed(request, project, None, hooks)
    return project


async def _streamed(request: HttpRequest, started: Started, face: ChunkFace) -> HttpResponseBase:
    stream_id, idle = started.stream_id, get_settings().keepalive_seconds
    stream = SSEStream(streams().journal, stream_id, live=started.live, idle=idle, face=face)
    try:
        stream.start(loop_for(wsgi=not hasattr(request, "scope")))
        failure = await _failed_at_once(stream_id)
    except BaseException:  # the client has left: so has this reader
        stream.close()
        raise
    if failure is None:
        await let_go(request)
        return create_streaming_response(stream, request=request)
    stream.close()
    return failure_response(failure, stream_id)


async def _failed_at_once(stream_id: str) -> Failure | None:
    """Waits for the first event; the failure, if it is one."""
    async with aclosing(streams().journal.read(stream_id, idle=0)) as batches:  # type: ignore[type-var]
        async for batch in batches:
            first = batch.entries[0]
            return first if isinstance(first, Failure) else None
    return None


async def _whole(request: HttpRequest, started: Started, face: ChunkFace) -> HttpResponseBase:
    answer = Answer(stream_id=started.stream_id)
    stream = EventStream(streams().journal, started.stream_id, live=started.live, idle=0)
    try:
        stream.start(loop_for(wsgi=not hasattr(request, "scope")))
        async for event in stream:
            gather(answer, event)
    finally:
        stream.close()
    if answer.failure is not None:
        return failure_response(answer.failure, started.stream_id)
    body = completion_body(face, answer, answer.finish or Finish())
    return json_response(body, headers={"X-Stream-Id": started.stream_id})
