"""What one API's face is: how its request is read, its stream and its whole answer written, its errors shaped.

Pure. Unlike the contract's own face an `Encoder` has a memory (which block is open, which call is half said), so each
reader has one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from headrace.common.request_types import Message, Options
from headrace.common.requests import StreamSettings, request_of
from headrace.gateway.asking import Asked
from headrace.providers.base import ChatRequest
from headrace.stream.answer import Answer
from headrace.stream.events import Entry

to_json = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says of itself. `created` is in seconds since the epoch."""

    stream_id: str
    model: str
    created: float


class Encoder(Protocol):
    """Our entries in one API's stream, for one reader, from its first entry to its `Finish`. Stateful, used once."""

    def feed(self, entries: Sequence[Entry]) -> bytes:
        """The bytes of these entries, which may be none."""


@dataclass(frozen=True, slots=True)
class Face:
    """One API. `error` makes a body of message, status, code and field; `alive` is what a silent stream shows."""

    name: str
    read: Callable[[bytes], Asked]
    encoder: Callable[[Told], Encoder]
    whole: Callable[[Told, Answer], dict[str, Any]]
    """The answer as one JSON object. UpstreamError where the API has no way to say it."""
    error: Callable[[str, int, str, str], dict[str, Any]]
    alive: Callable[[Told], bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of a streamed answer, over those of an event stream."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Of error codes, where they are not OpenAI's."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request that was read, before it is known which dialect its model speaks.

    `own` is what only a model of the dialects `speaks` is told, as it came; `instead` are the options that say the
    same to every other model.
    """

    model: str
    stream: bool
    settings: StreamSettings
    messages: list[Message] = field(repr=False)
    options: Options = field(repr=False)
    speaks: frozenset[str] = frozenset()
    own: Mapping[str, Any] = field(default_factory=dict, repr=False)
    instead: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def question(self, dialect: str) -> ChatRequest:
        extra: Mapping[str, Any] = {"extra_body": dict(self.own)} if dialect in self.speaks else self.instead
        return request_of(self.messages, msgspec.structs.replace(self.options, **extra))
