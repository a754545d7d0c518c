"""The endpoints of a stream that was started: join or resume it, stop it, list a project's streams; on any worker.

Plain Django views for any `urls.py`. A stranger cannot tell a foreign stream from one that does not exist.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from headrace.backends.journal import JournalAwayError, UnknownStreamError
from headrace.backends.known import Known
from headrace.backends.log import CursorError
from headrace.common.callers import let_go
from headrace.common.conf import get_settings
from headrace.common.guard import guarded
from headrace.common.hooks import GivenHook, Hooks, site_hooks
from headrace.common.http import json_response, wrong_method
from headrace.common.identity import allows
from headrace.common.monitoring.watching import count_resume
from headrace.common.owners import project_key
from headrace.common.services.llm_streaming import create_streaming_response
from headrace.common.streams.chat import SSEStream
from headrace.common.streams.runtime import streams
from headrace.errors import RequestError
from headrace.projects.finding import check_allowed, find_project
from headrace.stream.wire import SSEFace, usage_object

_STREAM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def journal_away() -> RequestError:
    """The 503 for when the shared journal does not answer, so that nobody can say whether the stream exists."""
    message = "the journal that the workers share does not answer now; ask again in a moment"
    return RequestError(message, code="journal_away", status=503)


@allows(GET="read", DELETE="chat")
@guarded
async def playground_stream(
    request: HttpRequest, project_id: str, stream_id: str, **hooks: GivenHook
) -> HttpResponseBase:
    """GET joins or resumes a stream after the given number; DELETE stops it."""
    if request.method not in ("GET", "DELETE"):
        return wrong_method(request, "GET, DELETE")
    after = _cursor(request) if request.method == "GET" else 0
    try:
        known = await _owned(request, project_id, stream_id, site_hooks(**hooks))
        if request.method == "DELETE":
            await streams().journal.cancel(stream_id)
            return HttpResponse(status=204)
    except UnknownStreamError:  # it expired between the two questions
        raise _not_found() from None
    except JournalAwayError:
        raise journal_away() from None
    await let_go(request)
    return _resumed(request, known, after)


@allows(GET="read")
@guarded
async def playground_stream_wire(
    request: HttpRequest, project_id: str, stream_id: str, **hooks: GivenHook
) -> HttpResponseBase:
    """What went over the wire for a stream that was asked to keep it (`includeWire`), without keys."""
    if request.method != "GET":
        return wrong_method(request, "GET")
    try:
        known = await _owned(request, project_id, stream_id, site_hooks(**hooks))
        wire = await streams().journal.wire(known)
    except UnknownStreamError:
        raise _not_found() from None
    except JournalAwayError:
        raise journal_away() from None
    if wire is None:
        raise RequestError(_why_no_wire(known), field="streamId", code="wire_not_kept", status=404)
    return json_response({"streamId": stream_id, **wire})


@allows(GET="read")
@guarded
async def playground_streams(request: HttpRequest, project_id: str, **hooks: GivenHook) -> HttpResponseBase:
    """The project's live and recent streams, newest first, with their figures."""
    if request.method != "GET":
        return wrong_method(request, "GET")
    project = await _project_key(request, project_id, site_hooks(**hooks))
    found = await streams().journal.listing(project)
    return json_response({"streams": [_listed(known) for known in found]})


async def _project_key(request: HttpRequest, project_id: str, hooks: Hooks) -> str:
    """The key of a project whose streams this caller may read and stop."""
    project = await find_project(request, project_id, hooks)
    await check_allowed(request, project, None, hooks)
    return project_key(project)


async def _owned(request: HttpRequest, project_id: str, stream_id: str, hooks: Hooks) -> Known:
    """The stream, if it is this project's. Unknown, expired and foreign ones are the same 404."""
    project = await _project_key(request, project_id, hooks)
    if _STREAM_ID.fullmatch(stream_id) is None:
        raise _not_found()
    known = await streams().journal.known(stream_id)
    if known.about.get("project") != project:
        raise _not_found()
    return known


def _why_no_wire(known: Known) -> str:
    if not known.about.get("wire"):
        return "nothing of the wire was kept: ask with streamOptions.includeWire"
    if not known.ended:
        return "until it has ended, only the worker that asks can tell its wire; ask again then"
    return "its wire is kept no longer: its worker was lost, or there was no room"


def _not_found() -> RequestError:
    message = "there is no such stream here: it never was, or has expired"
    if not streams().journal.shared:
        message += ", or runs in another process, and none shares its streams with this one (REDIS_URL is not set)"
    return RequestError(message, field="streamId", code="stream_not_found", status=404)


def _resumed(request: HttpRequest, known: Known, after: int) -> HttpResponseBase:
    try:
        known.check(after)
    except CursorError as error:
        status = 410 if error.code == "cursor_expired" else 400
        raise RequestError(str(error), field="after", code=error.code, status=status) from None
    registry = streams()
    if after:
        count_resume()
    stream = SSEStream(
        registry.journal,
        known.stream_id,
        live=registry.get(known.stream_id),
        after=after,
        idle=get_settings().keepalive_seconds,
        face=SSEFace(ids=True, finish=_flag(request, "includeUsage") or _flag(request, "includeDigest")),
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


def _listed(known: Known) -> dict[str, Any]:
    about, finish = known.about, known.finish
    return {
        "streamId": known.stream_id,
        "provider": about.get("provider"),
        "model": about.get("model"),
        "created": about.get("created"),
        "metadata": about.get("metadata") or {},
        "events": known.total,
        "state": "finished" if known.ended else "running",
        "finishReason": finish.reason if finish else None,
        "usage": usage_object(finish) if finish else None,
    }
