"""`LLMService`: ask a model, over HTTP or through a LangChain model instance, and get typed events.

The chain of thought and the answer are kept apart by type. It needs no Django app, no migration and no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headrace.common.conf import get_settings
from headrace.common.requests import chat_request, model_ref, stream_settings
from headrace.common.streams.asked import question_text, text_size
from headrace.common.streams.build import source_for
from headrace.common.streams.chat import EventStream
from headrace.common.streams.live import StreamOptions
from headrace.common.streams.runtime import streams
from headrace.providers.base import Message
from headrace.stream.answer import Answer, gather

__all__ = ["Answer", "LLMService", "gather"]


class LLMService:
    """Chats with one model.

    `model` is a model configuration (`{"providerId", "endpoint", "apiKey", "modelId"}`, camelCase or snake_case;
    `{"providerId": "local"}` is the model that comes with Headrace), a LangChain chat model instance, or a name that
    LangChain's `init_chat_model` knows, such as `"openai:gpt-4o"`.
    LangChain's `ChatOpenAI` drops reasoning before we can see it; the HTTP way does not.
    """

    def __init__(self, model: Any) -> None:
        self._model = _model_of(model)

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


def _model_of(model: Any) -> Any:
    if isinstance(model, str):
        from headrace.common.streams.langchain import named_model

        return named_model(model)
    return model_ref(model) if isinstance(model, Mapping) else model
