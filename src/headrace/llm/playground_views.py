"""The playground's endpoints: start a chat and stream it, answer it whole, join or stop a stream that runs.

Plain Django views for any `urls.py`. Everything that can be wrong with a request is answered before a stream starts.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from headrace.backends.journal import UnknownStreamError
from headrace.backends.log import CursorError, Log
from headrace.common.conf import get_settings
from headrace.common.guard import guarded
from headrace.common.http import error_response, json_response, read_body
from headrace.common.services.llm_service import Answer, gather
from headrace.common.services.llm_streaming import create_streaming_response
from headrace.common.streams.chat import EventStream, SSEStream
from headrace.common.streams.live import LiveStream
from headrace.common.streams.runtime import loop_for, streams
from headrace.errors import RequestError
from headrace.llm.chats import start_chat
from headrace.llm.schemas import Chat, parse_chat
from headrace.projects.access import aproject_of, user_of
from headrace.stream.events import Finish
from headrace.stream.wire import SSEFace, failure_object, usage_object

TIMEOUTS = frozenset(
    {
        "upstream_connect_timeout",
        "upstream_first_byte_timeout",
        "upstream_idle_timeout",
        "upstream_total_timeout",
        "upstream_timeout",
    }
)
MAX_LISTED = 200  # streams in one list: more than a page shows, less than a megabyte


@guarded
async def playground_chat_stream(request: HttpRequest, project_id: str) -> HttpResponseBase:
    """Start a chat; the answer is its event stream (`docs/protocol.md`)."""
    if request.method != "POST":
        return _only(request, "POST")
    chat, live = await _start(request, project_id)
    chosen = chat.settings
    stream = SSEStream(
        streams().journal,
        live.id,
        live=live,
        idle=get_settings().keepalive_seconds,
        face=SSEFace(ids=chosen.include_ids, finish=chosen.include_usage),
    )
    stream.start(loop_for(wsgi=not hasattr(request, "scope")))
    return create_streaming_response(stream, request=request)


@guarded
async def playground_chat(request: HttpRequest, project_id: str) -> HttpResponseBase:
    """The same chat, answered once: JSON `{content, reasoning, toolCalls, finishReason, usage}`."""
    if request.method != "POST":
        return _only(request, "POST")
    _, live = await _start(request, project_id)
    answer = Answer(stream_id=live.id)
    stream = EventStream(streams().journal, live.id, live=live, idle=0)
    try:
        stream.start(loop_for(wsgi=not hasattr(request, "scope")))
        async for event in stream:
            gather(answer, event)
    finally:
        stream.close()
    return _whole(answer)


@guarded
async def playground_stream(request: HttpRequest, project_id: str, stream_id: str) -> HttpResponseBase:
    """GET joins or resumes a stream after the given number; DELETE stops it."""
    if request.method not in ("GET", "DELETE"):
        return _only(request, "GET, DELETE")
    await _owned(request, project_id, stream_id)
    if request.method == "DELETE":
        await streams().journal.cancel(stream_id)
        return HttpResponse(status=204)
    return _resumed(request, stream_id)


@guarded
async def playground_streams(request: HttpRequest, project_id: str) -> HttpResponseBase:
    """The project's live and recent streams, newest first, with their figures."""
    if request.method != "GET":
        return _only(request, "GET")
    project = await aproject_of(request, project_id)
    found = streams().journal.find(project=project.public_id)[:MAX_LISTED]
    return json_response({"streams": [_listed(stream_id, log) for stream_id, log in found]})


async def _start(request: HttpRequest, project_id: str) -> tuple[Chat, LiveStream]:
    chat = parse_chat(read_body(request))
    project = await aproject_of(request, project_id)
    caller = await user_of(request)
    return chat, await start_chat(chat, project, caller=str(caller.pk) if caller is not None else "")


async def _owned(request: HttpRequest, project_id: str, stream_id: str) -> Log:
    """The stream's log, if it is this project's. Unknown, expired and foreign ones are the same 404."""
    project = await aproject_of(request, project_id)
    try:
        log = streams().journal.log(stream_id)
    except UnknownStreamError:
        log = None
    if log is None or log.about.get("project") != project.public_id:
        message = (
            "There is no such stream here: it never was, has expired, or runs on a worker without a shared journal."
        )
        raise RequestError(message, field="streamId", code="stream_not_found", status=404)
    return log


def _resumed(request: HttpRequest, stream_id: str) -> HttpResponseBase:
    registry = streams()
    after = _cursor(request)
    try:
        registry.journal.log(stream_id).check(after)
    except CursorError as error:
        status = 410 if error.code == "cursor_expired" else 400
        return error_response(str(error), status, code=error.code, field="after")
    stream = SSEStream(
        registry.journal,
        stream_id,
        live=registry.get(stream_id),
        after=after,
        idle=get_settings().keepalive_seconds,
        face=SSEFace(ids=True, finish=_flag(request, "includeUsage")),
    )
    return create_streaming_response(stream, request=request)


def _cursor(request: HttpRequest) -> int:
    """The number after which to read: the header wins over the query."""
    header = request.headers.get("Last-Event-ID")
    text = header if header is not None else request.GET.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        where = "Last-Event-ID" if header is not None else "after"
        raise RequestError(
            f"{where} must be the number of the last event read, such as 12; got {text[:40]!r}", field=where
        )
    return int(text)


def _flag(request: HttpRequest, name: str) -> bool:
    return request.GET.get(name, "").lower() in ("1", "true", "yes")


def _listed(stream_id: str, log: Log) -> dict[str, Any]:
    about = log.about
    last = log.last_entry
    return {
        "streamId": stream_id,
        "provider": about.get("provider"),
        "model": about.get("model"),
        "created": about.get("created"),
        "metadata": about.get("metadata") or {},
        "events": log.total,
        "state": "finished" if log.ended else "running",
        "finishReason": last.reason if isinstance(last, Finish) else None,
        "usage": usage_object(last) if isinstance(last, Finish) else None,
    }


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


def _only(request: HttpRequest, methods: str) -> HttpResponse:
    message = f"{request.method} is not answered here; use {methods}."
    return error_response(message, 405, headers={"Allow": methods})
