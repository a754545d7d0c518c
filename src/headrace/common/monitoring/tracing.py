"""OpenTelemetry's tracer, where its SDK is installed and set up: by its standard variables, or by the site itself.

Elsewhere nothing of it is imported. Only `traceparent` and `tracestate` are taken from callers and passed on to
providers; what else a site carries along (baggage) stays here.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from headrace.backends.metrics import installed_version

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

INSTALL = 'pip install "headrace[otel]"'
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTERS = "OTEL_TRACES_EXPORTER"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
NAME = "headrace"
CARRIED = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
"""The headers of W3C's Trace Context, and where Django keeps them."""
MAX_CARRIED = 1024  # twice what the standard asks a server to keep

FLUSH_MILLISECONDS = 2000  # at a server's end: a collector that is away must not hold it up

_SDK = "opentelemetry.sdk.trace"
_GROUP = "opentelemetry_traces_exporter"
logger = logging.getLogger("headrace.tracing")


def tracer() -> Tracer | None:
    """What makes spans here; None where nobody wants any."""
    own = _own_provider()
    if own is not None:
        found: Tracer = own.get_tracer(NAME, installed_version())
        return found
    if _SDK not in sys.modules or _is_disabled():  # nor has the site set it up by itself
        return None
    from opentelemetry import trace

    return trace.get_tracer(NAME, installed_version())


def carried_by(meta: Mapping[str, Any]) -> dict[str, str]:
    """The trace that a request says it belongs to, as headers."""
    if "HTTP_TRACEPARENT" not in meta:
        return {}
    found = {name: str(meta.get(variable, "")) for name, variable in CARRIED.items()}
    return {name: value for name, value in found.items() if 0 < len(value) <= MAX_CARRIED}


def parent_of(carried: Mapping[str, str]) -> Context | None:
    """What a span that begins now belongs to: the site's own span, else the caller's. None where nobody wants spans."""
    if tracer() is None:
        return None
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if trace.get_current_span().get_span_context().is_valid:
        return context.get_current()
    return TraceContextTextMapPropagator().extract(carried, context=context.Context())


def headers_of(parent: Context) -> dict[str, str]:
    """What a provider is sent so that its spans belong to this one."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers, context=parent)
    return headers


def send_spans() -> None:
    """Send what has not been sent yet, within reason. It waits: not for an event loop."""
    if _own_provider.cache_info().currsize and (own := _own_provider()) is not None:
        own.force_flush(FLUSH_MILLISECONDS)


@lru_cache(maxsize=1)
def _own_provider() -> Any:
    """A provider of our own as the variables describe it; None where they do not, or the site has one already."""
    names = [] if _is_disabled() else list(_exporters())
    if not names:
        return None
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        logger.warning("OTEL_… asks for traces, and OpenTelemetry is not installed: %s", INSTALL)
        return None
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return None
    return _made(names)


def _made(names: list[str]) -> Any:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    about = {"service.version": installed_version()} | ({} if named else {"service.name": NAME})
    provider = TracerProvider(resource=Resource.create(about))
    for name in names:
        found = next(iter(entry_points(group=_GROUP, name=name)), None)
        if found is None:
            logger.warning("%s asks for the exporter %r, which is not installed: %s", EXPORTERS, name, INSTALL)
            continue
        provider.add_span_processor(BatchSpanProcessor(found.load()()))
    return provider


def _exporters() -> Iterator[str]:
    """The names under which exporters are registered that the variables ask for."""
    asked = os.environ.get(EXPORTERS, "otlp" if any(os.environ.get(name) for name in ENDPOINTS) else "")
    protocol = next((text for name in PROTOCOLS if (text := os.environ.get(name))), "http/protobuf")
    for name in (each.strip() for each in asked.split(",")):
        if name == "otlp":
            yield "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
        elif name not in ("", "none"):
            yield name


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
