"""A whole answer, gathered from its events. It judges nothing: a broken answer keeps what had come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.errors import UpstreamError
from headrace.stream.events import Citation, Failure, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage

StreamEvent = TextDelta | ReasoningDelta | ToolCallDelta | Citation | Failure | Finish
"""What a stream yields to its readers: the journal's entries without the brackets, which the types already say."""


@dataclass(slots=True)
class Answer:
    """A whole answer. `failure` says what broke it off; what had arrived is kept beside it."""

    content: str = ""
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    finish: Finish | None = None
    failure: Failure | None = None
    stream_id: str = ""

    @property
    def usage(self) -> Usage | None:
        return self.finish.usage if self.finish else None

    @property
    def finish_reason(self) -> str:
        return self.finish.reason if self.finish else "error"

    def raise_for_failure(self) -> None:
        """Raise `UpstreamError` if the answer is broken."""
        if (failure := self.failure) is not None:
            raise UpstreamError(
                failure.code,
                failure.message,
                status=failure.status,
                retryable=failure.retryable,
                retry_after=failure.retry_after,
            )


def gather(answer: Answer, event: StreamEvent) -> None:
    """Add one event to the whole."""
    match event:
        case TextDelta(text):
            answer.content += text
        case ReasoningDelta(text):
            answer.reasoning += text
        case ToolCallDelta():
            _gather_call(answer.tool_calls, event)
        case Citation():
            answer.citations.append(event)
        case Failure():
            answer.failure = event
        case Finish():
            answer.finish = event


def _gather_call(calls: list[dict[str, Any]], delta: ToolCallDelta) -> None:
    while len(calls) <= delta.index:
        calls.append({"id": "", "name": "", "arguments": ""})
    call = calls[delta.index]
    call["id"] = call["id"] or delta.id
    call["name"] = call["name"] or delta.name
    call["arguments"] += delta.arguments
