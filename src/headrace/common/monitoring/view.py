"""`/metrics`: this server's figures as Prometheus reads them, of all its workers. The access guard has its token."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from headrace.backends.metrics import INSTALL, Collected, Metrics, shared_folder
from headrace.common.conf import get_settings
from headrace.common.guard import guarded
from headrace.common.http import error_response, wrong_method
from headrace.common.identity import allows
from headrace.common.monitoring.counting import counting, sample
from headrace.common.streams.runtime import streams


@allows("public")
async def metrics_page(request: HttpRequest) -> HttpResponseBase:
    """The figures, in Prometheus' text form or OpenMetrics, as the `Accept` header asks."""
    if request.method not in ("GET", "HEAD"):
        return wrong_method(request, "GET")
    active = counting()
    if active is None:
        return _nothing_counted()
    sample(active, streams())
    text, kind = await asyncio.to_thread(_text, active, request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=kind)


metrics_page.headrace_metrics = True  # type: ignore[attr-defined]
metrics_page = guarded(metrics_page)


def _nothing_counted() -> HttpResponse:
    if not get_settings().metrics:
        return error_response("nothing is counted here (HEADRACE_METRICS=no)", 404)
    return error_response(f"figures need prometheus-client, which is not installed: {INSTALL}", 501, code="unavailable")


def _text(active: Metrics, accepted: str) -> tuple[bytes, str]:
    from prometheus_client.exposition import choose_encoder

    encode, kind = choose_encoder(accepted)
    with _undisturbed():
        return encode(Collected(active)), kind


def _undisturbed() -> AbstractContextManager[None]:
    folder = shared_folder()
    if not folder:
        return nullcontext()
    from headrace.backends.metric_files import reading

    return reading(folder)
