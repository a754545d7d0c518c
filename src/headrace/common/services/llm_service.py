"""`LLMService`: ask a model, over HTTP or through a LangChain model instance, and get typed events.

The chain of thought and the answer are kept apart by type. It needs no Django app, no migration and no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.common.conf import get_settings
from headrace.common.requests import chat_request, model_ref, stream_settings
from headrace.common.streams.asked import question_text, text_size
from headrace.common.streams.build import source_for
from headrace.common.streams.chat import EventStream, StreamEvent
from headrace.common.streams.live import StreamOptions
from headrace.common.streams.runtime import streams
from headrace.errors import UpstreamError
from headrace.providers.base import Message
from headrace.stream.events import Failure, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage


@dataclass(slots=True)
class Answer:
    """A whole answer. `failure` says what broke it off; what had arrived is kept beside it."""

    content: str = ""
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
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


class LLMService:
    """Chats with one model.

    `model` is a model configuration (`{"providerId", "endpoint", "apiKey", "modelId"}`, camelCase or snake_case;
    `{"providerId": "local"}` is the model that comes with Headrace) or a LangChain chat model instance.
    LangChain's `ChatOpenAI` drops reasoning before we can see it; the HTTP way does not.
    """

    def __init__(self, model: Any) -> None:
        self._model = model_ref(model) if isinstance(model, Mapping) else model

    def stream_chat(self, messages: Iterable[Message], **options: Any) -> EventStream:
        """The answer's events, for `async for` or, where no event loop runs, a plain `for`.

        `options` are the contract's request fields in either spelling (`temperature`, `max_tokens` or `maxTokens`,
        `timeout` in seconds, `tools`, …). Raises `RequestError` at once for what is wrong with them; everything later
        is a `Failure` event, and the last event is always a `Finish`.
        """
        settings = get_settings()
        listed = list(messages)
        request = chat_request(listed, options)
        chosen = stream_settings(options)
        registry = streams()
        source = source_for(self._model, request, timeout=chosen.timeout, memory=registry.memory)
        live = registry.create(
            source,
            StreamOptions(
                on_disconnect=chosen.on_disconnect,
                max_duration=chosen.max_duration,
                orphan_seconds=settings.orphan_seconds,
                metadata=chosen.metadata,
                include_digest=chosen.include_digest,
                input_bytes=text_size(listed),
                question=question_text(listed) if settings.log_text else None,
            ),
        )
        return EventStream(registry.journal, live.id, live=live, idle=settings.keepalive_seconds)

    async def achat(self, messages: Iterable[Message], **options: Any) -> Answer:
        """The whole answer at once, in a coroutine. A broken answer is returned with its `failure`, not raised."""
        stream = self.stream_chat(messages, **options)
        answer = Answer(stream_id=stream.stream_id)
        async for event in stream:
            gather(answer, event)
        return answer

    def chat(self, messages: Iterable[Message], **options: Any) -> Answer:
        """`achat` for a plain thread: blocks until the answer is whole."""
        stream = self.stream_chat(messages, **options)
        answer = Answer(stream_id=stream.stream_id)
        for event in stream:
            gather(answer, event)
        return answer


def gather(answer: Answer, event: StreamEvent) -> None:
    """Add one event to the whole."""
    match event:
        case TextDelta(text):
            answer.content += text
        case ReasoningDelta(text):
            answer.reasoning += text
        case ToolCallDelta():
            _gather_call(answer.tool_calls, event)
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
