"""A chat that is about to be asked, and what became of it: the two values that hooks and signals are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.common.requests import StreamSettings, chat_request, model_ref, stream_settings
from headrace.providers.base import ChatRequest, Message
from headrace.stream.events import Citation, Failure, Finish, Usage

_ASKED = [{"role": "user", "content": ""}]
_REQUEST_FIELDS = frozenset(ChatRequest.__dataclass_fields__) - {"messages", "defaulted", "stream", "learned"}


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as asked for, checked. `request` is the question, `settings` is about the stream.

    `project` is the key of the project it belongs to and `caller` that of who asks, empty where there is none.
    """

    model: Any
    request: ChatRequest
    settings: StreamSettings
    project: str = ""
    caller: str = ""
    carried: Mapping[str, str] = field(default_factory=dict)
    """The caller's `traceparent` and `tracestate`, where there are any."""

    @property
    def messages(self) -> list[Message]:
        return self.request.messages

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.settings.metadata

    def changed(self, *, model: Any = None, messages: Iterable[Message] | None = None, **options: Any) -> Chat:
        """This chat with another model, other messages, or other options, in the words of `LLMService.stream_chat`.

        Raises `RequestError` for what is wrong with them.
        """
        asked = chat_request(list(messages) if messages is not None else _ASKED, options)
        about = stream_settings(options)
        given = {_snake(name) for name in options}
        question = {name: getattr(asked, name) for name in given & _REQUEST_FIELDS}
        if messages is not None:
            question["messages"] = asked.messages
        kept = {name: getattr(about, name) for name in given & {"timeout", "max_duration", "metadata"}}
        if "stream_options" in given:
            kept |= {name: getattr(about, name) for name in StreamSettings.__dataclass_fields__ if _is_shown(name)}
        return replace(
            self,
            model=self.model if model is None else model_ref(model) if isinstance(model, Mapping) else model,
            request=replace(self.request, **question, defaulted=self.request.defaulted - given),
            settings=replace(self.settings, **kept),
        )


@dataclass(frozen=True, slots=True)
class StreamResult:
    """What became of a stream. `outcome` is an error's code, or the finish reason (`stop`, `cancelled`, …).

    What had arrived is there whatever the outcome. `messages` is what was asked, `metadata` the caller's own.
    """

    stream_id: str
    outcome: str
    content: str = ""
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    usage: Usage | None = None
    finish: Finish | None = None
    failure: Failure | None = None
    messages: list[Message] = field(default_factory=list)
    metadata: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    caller: str = ""
    provider: str = ""
    model: str = ""


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _is_shown(name: str) -> bool:
    """Whether this is one of the `streamOptions`."""
    return name.startswith("include_") or name == "on_disconnect"
