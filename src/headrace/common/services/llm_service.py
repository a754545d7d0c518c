"""`LLMService`: ask a model, over HTTP or through a LangChain model instance, and get typed events.

The chain of thought and the answer are kept apart by type. It needs no Django app, no migration and no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from headrace.backends.loops import background_loop
from headrace.common.chats import Chat
from headrace.common.conf import get_settings
from headrace.common.hooks import GivenHook, Hooks, abefore, before, site_hooks
from headrace.common.owners import project_key
from headrace.common.requests import chat_request, model_ref, stream_settings
from headrace.common.stream_options import options_of
from headrace.common.streams.build import source_for
from headrace.common.streams.chat import EventStream
from headrace.common.streams.runtime import streams
from headrace.errors import HeadraceError
from headrace.providers.base import Message
from headrace.stream.answer import Answer, gather

__all__ = ["Answer", "LLMService", "NoSharedJournalError", "gather"]


class NoSharedJournalError(HeadraceError):
    """A stream was to be read in another process than the one that produces it, and the two share no journal."""


class LLMService:
    """Chats with one model.

    `model` is a model configuration (`{"providerId", "endpoint", "apiKey", "modelId"}`, camelCase or snake_case;
    `{"providerId": "local"}` is the model that comes with Headrace), a LangChain chat model instance, or a name that
    LangChain's `init_chat_model` knows, such as `"openai:gpt-4o"`.
    LangChain's `ChatOpenAI` drops reasoning before we can see it; the HTTP way does not.

    `before_stream` and `after_stream` stand in for the settings' hooks of these names; None is none at all.
    """

    def __init__(self, model: Any, *, before_stream: GivenHook = UNSET, after_stream: GivenHook = UNSET) -> None:
        self._model = _model_of(model)
        self._given = {"before_stream": before_stream, "after_stream": after_stream}

    def stream_chat(self, messages: Iterable[Message], *, project: Any = "", **options: Any) -> EventStream:
        """The answer's events, for `async for` or, where no event loop runs, a plain `for`.

        `options` are the contract's request fields in either spelling (`temperature`, `max_tokens` or `maxTokens`,
        `timeout` in seconds, `tools`, …). Raises `RequestError` at once for what is wrong with them; everything later
        is a `Failure` event, and the last event is always a `Finish`. With a `project` (its key, or what
        `resolve_project` gives) browsers may join the stream by its id.

        A `before_stream` hook is waited for; in a coroutine, `astream_chat` waits without holding up the event loop.
        """
        hooks = self._hooks()
        return self._stream(before(self._chat(messages, project, options), hooks), hooks)

    async def astream_chat(self, messages: Iterable[Message], *, project: Any = "", **options: Any) -> EventStream:
        """`stream_chat` for a coroutine. It differs only where there is a `before_stream` hook."""
        hooks = self._hooks()
        return self._stream(await abefore(self._chat(messages, project, options), hooks), hooks)

    def start(self, messages: Iterable[Message], *, project: Any, **options: Any) -> EventStream:
        """Ask now, in this process, for readers in others: they join by the `stream_id` of what is returned.

        For task queues and management commands. The stream goes on without readers; it ends with its process, so
        iterate over it, which waits for its end. Raises `NoSharedJournalError` where no reader could find it.
        """
        if not getattr(streams().journal, "shared", False):
            raise NoSharedJournalError(
                "start() runs a stream for readers in other processes, and none can find it: streams are kept in the "
                "memory of this process. Name the server that all of them share: HEADRACE_REDIS_URL=redis://HOST:PORT/0"
            )
        hooks, chat = self._hooks(), self._chat(messages, project, options)
        chat = before(replace(chat, settings=replace(chat.settings, on_disconnect="continue")), hooks)
        stream = self._stream(chat, hooks, orphan_seconds=chat.settings.max_duration)
        stream.start(background_loop())
        return stream

    def _hooks(self) -> Hooks:
        return site_hooks(**self._given)

    def _chat(self, messages: Iterable[Message], project: Any, options: Mapping[str, Any]) -> Chat:
        request, chosen = chat_request(list(messages), options), stream_settings(options)
        return Chat(self._model, request, chosen, project=project_key(project) if project else "")

    def _stream(self, chat: Chat, hooks: Hooks, orphan_seconds: float | None = None) -> EventStream:
        registry, options = streams(), options_of(chat, hooks)
        if orphan_seconds is not None:
            options = replace(options, orphan_seconds=orphan_seconds)
        source = source_for(chat.model, chat.request, timeout=chat.settings.timeout, memory=registry.memory)
        live = registry.create(source, options)
        return EventStream(registry.journal, live.id, live=live, idle=get_settings().keepalive_seconds)

    async def achat(self, messages: Iterable[Message], **options: Any) -> Answer:
        """The whole answer at once, in a coroutine. A broken answer is returned with its `failure`, not raised."""
        stream = await self.astream_chat(messages, **options)
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
