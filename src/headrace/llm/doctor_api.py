"""What examines the way between this server and its readers: a stream of timed events, and the judgement of what came.

The command reads it with a client of its own; the page reads it in the browser and has the server judge.
"""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Query, Router
from pydantic import Field

from headrace.common.compressed import CompressedStream
from headrace.common.conf import get_settings
from headrace.common.delivery import Delivery, Heard, Tick
from headrace.common.delivery_words import Language
from headrace.common.identity import allows
from headrace.common.rest import ErrorAnswer, WireSchema
from headrace.common.services.llm_streaming import create_streaming_response
from headrace.common.timed_events import EVENTS, MAX_SILENCE, TimedEvents
from headrace.stream.compression import choose_encoding

router = Router(tags=["doctor"], by_alias=True)
MAX_STREAMS = 8
MAX_TEXT = 200
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]


class About(WireSchema):
    """What the server said in the first event of a stream."""

    protocol: Text = ""
    scheme: Text = ""
    accepted: Text = ""
    coding: Text = ""
    workers: Text = ""
    keep_alive_seconds: Seconds = 0


class TickSeen(WireSchema):
    sent: Annotated[Seconds, Field(description="As the event says.")]
    arrived: Annotated[Seconds, Field(description="Seconds after the request, by the reader's clock.")]


class StreamSeen(WireSchema):
    """One stream of timed events as a reader saw it."""

    about: About
    ticks: Annotated[list[TickSeen], Field(max_length=EVENTS + 1)]
    head_at: Seconds
    ended_at: Seconds
    complete: Annotated[bool, Field(description="Whether `[DONE]` came.")]
    asked: Annotated[Text, Field(description="The codings that it would take; identity: none.")] = "gzip"
    coding: Annotated[Text, Field(description="The field Content-Encoding.")] = ""
    server: Annotated[Text, Field(description="The fields Server and Via.")] = ""
    silence: Annotated[float, Field(ge=0, le=MAX_SILENCE, description="What was asked for.")] = 0


class DeliverySeen(WireSchema):
    streams: Annotated[list[StreamSeen], Field(max_length=MAX_STREAMS)]
    secure: Annotated[bool, Field(description="Whether it was asked by https.")] = False
    language: Annotated[Language, Field(description="Of the findings' texts.")] = "en"


class FindingAnswer(WireSchema):
    level: Literal["good", "note", "bad"]
    code: str
    text: str
    line: Annotated[str, Field(description="The configuration that mends it, if there is one.")]


class Judgement(WireSchema):
    good: bool
    verdict: str
    findings: list[FindingAnswer]


class Examination(WireSchema):
    """What there is to read."""

    headrace: Literal[True]
    events: int
    keep_alive_seconds: float


@router.get("/doctor/", response=Examination, summary="What can be examined", operation_id="examination")
@allows("known")
async def examination(request: HttpRequest) -> dict[str, object]:  # noqa: ARG001 - Ninja names it so
    """By this `headrace doctor` knows a server of ours."""
    return {"headrace": True, "events": EVENTS, "keep_alive_seconds": get_settings().keepalive_seconds}


@router.get("/doctor/stream/", summary="Timed events", operation_id="timedEvents", response={503: ErrorAnswer})
@allows("known")
async def timed_events(
    request: HttpRequest, silence: Annotated[int, Query(ge=0, le=MAX_SILENCE, description="Seconds, at the end.")] = 0
) -> HttpResponseBase:
    """20 events, 0.1 s apart, which say when they were sent; then the silence that was asked for, and `[DONE]`."""
    accepted = request.headers.get("Accept-Encoding", "")
    coding = choose_encoding(accepted or None) if get_settings().compression else None
    events = TimedEvents(_about(request, accepted, coding or ""), silence)
    source = CompressedStream(events, coding) if coding else events
    headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": coding} if coding else {})
    return create_streaming_response(source, request=request, headers=headers)


@router.post("/doctor/", response=Judgement, summary="Judge what arrived", operation_id="judge")
@allows("known")
async def judge(request: HttpRequest, seen: DeliverySeen) -> dict[str, object]:  # noqa: ARG001 - Ninja names it so
    """Names what holds streams back, with the line of configuration that mends it."""
    delivery = Delivery(tuple(map(_heard, seen.streams)), secure=seen.secure, language=seen.language)
    return {"good": delivery.good, "verdict": delivery.verdict(), "findings": delivery.findings}


def _heard(seen: StreamSeen) -> Heard:
    return Heard(
        about=seen.about.model_dump(by_alias=True),
        ticks=tuple(Tick(tick.sent, tick.arrived) for tick in seen.ticks),
        head_at=seen.head_at,
        ended_at=seen.ended_at,
        complete=seen.complete,
        asked=seen.asked,
        coding=seen.coding,
        server=seen.server,
        silence=seen.silence,
    )


def _about(request: HttpRequest, accepted: str, coding: str) -> dict[str, object]:
    """The request as it reached us."""
    scope = getattr(request, "scope", None)
    meta = request.META
    protocol = scope.get("http_version", "") if scope else str(meta.get("SERVER_PROTOCOL", "")).removeprefix("HTTP/")
    workers = "async" if scope is not None else "threads" if meta.get("wsgi.multithread") else "sync"
    return {
        "protocol": protocol,
        "scheme": request.scheme,
        "accepted": accepted[:MAX_TEXT],
        "coding": coding,
        "workers": workers,
        "keepAliveSeconds": get_settings().keepalive_seconds,
    }
