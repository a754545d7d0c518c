"""A stream as one span of OpenTelemetry, after its conventions for generative AI. Never text, never a key.

Imported only where somebody wants spans.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from headrace.backends.metrics import OPERATION
from headrace.common.monitoring.tracing import headers_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

    from headrace.common.streams.records import StreamRecord
    from headrace.stream.events import Failure

FIRST_TOKEN = "headrace.first_token"  # noqa: S105 - of a model, not of a caller
RESUME = "headrace.resume"
FINISH = "headrace.finish"


class StreamSpan:
    """One stream's span, from its question on. `headers` are what its provider is sent; `model` is as it may be shown.

    It ends where the stream did, however long afterwards its record is made.
    """

    def __init__(self, tracer: Tracer, parent: Context, stream_id: str, model: tuple[str, str], started: float) -> None:
        self._latest = int(started * 1e9)
        self._span = tracer.start_span(
            f"{OPERATION} {model[1]}", context=parent, kind=SpanKind.CLIENT, start_time=self._latest
        )
        self.headers = headers_of(set_span_in_context(self._span, parent))
        self._span.set_attributes(
            {
                "gen_ai.operation.name": OPERATION,
                "gen_ai.provider.name": model[0],
                "gen_ai.request.model": model[1],
                "gen_ai.request.stream": True,
                "headrace.stream.id": stream_id,
            }
        )

    def first_token(self) -> None:
        """The answer begins."""
        self._add(FIRST_TOKEN)

    def again(self, kind: Literal["retry", "fallback"], code: str) -> None:
        """The question is asked again, or put to another model, because of this."""
        self._add(f"headrace.{kind}", {"error.type": code})

    def resume(self) -> None:
        """A reader came back."""
        self._add(RESUME)

    def end(self, record: StreamRecord, model: tuple[str, str], failure: Failure | None) -> None:
        """The stream has ended: how, with what tokens, and which model answered it."""
        ended = max(int(record.ended * 1e9), self._latest)  # the loop's clock is coarser than the system's
        self._span.add_event(FINISH, {"headrace.outcome": record.outcome}, timestamp=ended)
        self._span.set_attributes(
            {
                "gen_ai.provider.name": model[0],
                "gen_ai.response.model": model[1],
                "gen_ai.response.finish_reasons": ["error" if failure else record.outcome],
                **_measured(record),
            }
        )
        if failure is not None:
            self._span.set_attribute("error.type", failure.code)
            self._span.set_status(Status(StatusCode.ERROR, failure.code))
        self._span.end(ended)

    def _add(self, name: str, about: dict[str, str] | None = None) -> None:
        self._latest = time.time_ns()
        self._span.add_event(name, about, timestamp=self._latest)


def _measured(record: StreamRecord) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if record.ttft_ms is not None:
        found["gen_ai.response.time_to_first_chunk"] = record.ttft_ms / 1000
    if record.usage_source:
        found["gen_ai.usage.input_tokens"] = record.input_tokens
        found["gen_ai.usage.output_tokens"] = record.output_tokens
    if record.reasoning_tokens:
        found["gen_ai.usage.reasoning.output_tokens"] = record.reasoning_tokens
    if record.cached_tokens:
        found["gen_ai.usage.cache_read.input_tokens"] = record.cached_tokens
    return found
