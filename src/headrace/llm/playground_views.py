"""The playground's chats: start one and stream it, or answer it whole.

Plain Django views for any `urls.py`. Everything that can be wrong with a request is answered before a stream starts.
"""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from headrace.backends.journal import JournalAwayError, UnknownStreamError
from headrace.common.callers import let_go, user_of
from headrace.common.chats import Chat
from headrace.common.conf import get_settings
from headrace.common.guard import guarded
from headrace.common.hooks import GivenHook, Hooks, site_hooks
from headrace.common.http import json_response, read_body, wrong_method
from headrace.common.identity import allows
from headrace.common.monitoring.tracing import carried_by
from headrace.common.room import check_room, held_room
from headrace.common.services.llm_streaming import create_streaming_response
from headrace.common.streams.chat import EventStream, SSEStream
from headrace.common.streams.runtime import loop_for, streams
from headrace.llm.idempotency import Started, key_of, start_once
from headrace.llm.schemas import parse_chat
from headrace.llm.stream_views import journal_away
from headrace.projects.finding import check_allowed, find_project
from headrace.stream.answer import Answer, gather
from headrace.stream.wire import SSEFace, citation_object, failure_object, usage_object

TIMEOUTS = frozenset(
    {
        "upstream_connect_timeout",
        "upstream_first_byte_timeout",
        "upstream_idle_timeout",
        "upstream_total_timeout",
        "upstream_timeout",
    }
)


@allows(POST="chat")
@guarded
async def playground_chat_stream(request: HttpRequest, project_id: str, **hooks: GivenHook) -> HttpResponseBase:
    """Start a chat; the answer is its event stream (`docs/protocol.md`).

    `hooks` (`authorize=…`, from the third argument of `path`) stand in for the settings' ones here and below.
    """
    if request.method != "POST":
        return wrong_method(request, "POST")
    check_room(request)
    chat, started = await _start(request, project_id, site_hooks(**hooks))
    await let_go(request)
    chosen = chat.settings
    stream = SSEStream(
        streams().journal,
        started.stream_id,
        live=started.live,
        idle=get_settings().keepalive_seconds,
        face=SSEFace(ids=chosen.include_ids, finish=chosen.shows_finish),
    )
    stream.start(loop_for(wsgi=not hasattr(request, "scope")))
    return create_streaming_response(stream, request=request, headers=_told(started))


@allows(POST="chat")
@guarded
async def playground_chat(request: HttpRequest, project_id: str, **hooks: GivenHook) -> HttpResponseBase:
    """The same chat, answered once: JSON `{content, reasoning, toolCalls, finishReason, usage}`."""
    if request.method != "POST":
        return wrong_method(request, "POST")
    with held_room(request):
        return await _answered(request, project_id, site_hooks(**hooks))


async def _answered(request: HttpRequest, project_id: str, hooks: Hooks) -> HttpResponse:
    _, started = await _start(request, project_id, hooks)
    answer = Answer(stream_id=started.stream_id)
    stream = EventStream(streams().journal, started.stream_id, live=started.live, idle=0)
    try:
        stream.start(loop_for(wsgi=not hasattr(request, "scope")))
        async for event in stream:
            gather(answer, event)
    except (JournalAwayError, UnknownStreamError):  # another worker's, joined by its key
        raise journal_away() from None
    finally:
        stream.close()
    response = _whole(answer)
    for name, value in _told(started).items():
        response.headers[name] = value
    return response


async def _start(request: HttpRequest, project_id: str, hooks: Hooks) -> tuple[Chat, Started]:
    key = key_of(request)
    chat = replace(parse_chat(read_body(request)), carried=carried_by(request.META))
    project = await find_project(request, project_id, hooks)
    await check_allowed(request, project, chat, hooks)
    caller = await user_of(request)
    name = str(caller.pk) if caller is not None else ""
    try:
        return chat, await start_once(chat, project, caller=name, key=key, hooks=hooks)
    except JournalAwayError:
        raise journal_away() from None


def _told(started: Started) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if started.replayed else {}


def _whole(answer: Answer) -> HttpResponse:
    failure = answer.failure
    if failure is None:
        finish = answer.finish
        body = {
            "content": answer.content,
            "reasoning": answer.reasoning,
            "toolCalls": answer.tool_calls,
            "finishReason": answer.finish_reason,
            "usage": usage_object(finish) if finish else None,
        }
        if answer.citations:
            body["citations"] = [citation_object(citation) for citation in answer.citations]
        return json_response(body, headers={"X-Stream-Id": answer.stream_id})
    status = 504 if failure.code in TIMEOUTS else 429 if failure.code == "upstream_rate_limited" else 502
    body = failure_object(failure) | {
        "status": failure.status,
        "content": answer.content,
        "reasoning": answer.reasoning,
    }
    headers = {"X-Stream-Id": answer.stream_id}
    if failure.retry_after is not None or status == 429:
        headers["Retry-After"] = str(max(1, round(failure.retry_after or 1)))
    return json_response(body, status, headers)
