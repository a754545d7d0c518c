"""What every API of other people's does here with a request that it has read: whom it asks, and how its stream begins.

The head of a streamed answer waits for its first event, so that what fails before it has a real status. Whom the
caller's key stands for is the access guard's business; it is never sent to a provider.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, Protocol

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from headrace.common.callers import let_go, user_of
from headrace.common.chats import Chat
from headrace.common.database import in_database
from headrace.common.hooks import Hooks, site_hooks
from headrace.common.identity import project_asked
from headrace.common.monitoring.tracing import carried_by
from headrace.common.requests import StreamSettings
from headrace.common.services.llm_streaming import create_streaming_response
from headrace.common.streams.chat import EventStream, SSEStream
from headrace.common.streams.runtime import loop_for, streams
from headrace.gateway.names import model_named
from headrace.llm.idempotency import Started, key_of, start_once
from headrace.projects.finding import check_allowed, find_project
from headrace.providers.base import ChatRequest
from headrace.stream.answer import Answer, gather
from headrace.stream.events import Failure


class Asked(Protocol):
    """A request that was read: the model by its name, and the question before its dialect is known."""

    @property
    def model(self) -> str: ...
    @property
    def stream(self) -> bool: ...
    @property
    def settings(self) -> StreamSettings: ...

    def question(self, dialect: str) -> ChatRequest:
        """The question for a model that speaks `dialect`. RequestError names what is wrong in the API's own words."""


async def start(request: HttpRequest, asked: Asked) -> Started:
    """The stream of this request, not yet asking; a RequestError for what is known to be wrong beforehand."""
    key = key_of(request)
    hooks = site_hooks()
    project = await _project(request, hooks)
    named = await in_database(lambda: model_named(project, asked.model))
    caller = await user_of(request)
    chat = Chat(named.model, asked.question(named.dialect), asked.settings, carried=carried_by(request.META))
    await check_allowed(request, project, chat, hooks)
    name = str(caller.pk) if caller is not None else ""
    return await start_once(chat, project, caller=name, key=key, hooks=hooks)


async def read_project(request: HttpRequest) -> Any:
    """The project whose models are listed; the site's own say is heard."""
    hooks = site_hooks()
    project = await _project(request, hooks)
    await check_allowed(request, project, None, hooks)
    return project


async def streamed(request: HttpRequest, stream: SSEStream) -> HttpResponseBase | Failure:
    """The streaming response, once the first event has come; the failure, where that is one."""
    try:
        stream.start(loop_for(wsgi=not hasattr(request, "scope")))
        failure = await _failed_at_once(stream.stream_id)
    except BaseException:  # the client has left: so has this reader
        stream.close()
        raise
    if failure is not None:
        stream.close()
        return failure
    await let_go(request)
    return create_streaming_response(stream, request=request)


async def gathered(request: HttpRequest, started: Started) -> Answer:
    """The whole answer, broken or not."""
    answer = Answer(stream_id=started.stream_id)
    stream = EventStream(streams().journal, started.stream_id, live=started.live, idle=0)
    try:
        stream.start(loop_for(wsgi=not hasattr(request, "scope")))
        async for event in stream:
            gather(answer, event)
    finally:
        stream.close()
    return answer


async def _project(request: HttpRequest, hooks: Hooks) -> Any:
    """The project that the header names, else the token's own, else `default`; a foreign one is a 404."""
    return await find_project(request, project_asked(request, await user_of(request), {}), hooks)


async def _failed_at_once(stream_id: str) -> Failure | None:
    async with aclosing(streams().journal.read(stream_id, idle=0)) as batches:  # type: ignore[type-var]
        async for batch in batches:
            first = batch.entries[0]
            return first if isinstance(first, Failure) else None
    return None
