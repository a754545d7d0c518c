"""What a provider is: a way to ask, a framing, and a way to read the answer. Pure: no I/O, no clock here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import msgspec

from headrace.errors import RequestError
from headrace.stream.events import Event, Usage
from headrace.stream.framing import Decoder, Frame
from headrace.stream.thinking import ThinkStyle

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one model is asked. `key` never appears in a `repr`."""

    base_url: str
    model: str
    key: str = field(default="", repr=False)

    def key_header(self, name: str = "authorization", scheme: str = "Bearer ") -> dict[str, str]:
        """The header that carries the key, or none without a key; RequestError for what no header can carry."""
        key = self.key.strip()
        if not key:
            return {}
        if not key.isascii() or not key.isprintable():
            raise RequestError("The API key holds a character that no key has: copy it again.", field="model.apiKey")
        return {name: scheme + key}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question in our own words; each dialect's `build` translates it.

    `messages` are in OpenAI's shape (role, content: a string or parts, tool_calls, tool_call_id). An option that is
    None is not sent. `defaulted` names those of ours that the caller did not give: they may be dropped on refusal.
    """

    messages: list[Message]
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] | None = None
    seed: int | None = None
    tools: list[Mapping[str, Any]] | None = None
    tool_choice: str | Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None
    reasoning_effort: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    defaulted: frozenset[str] = frozenset()
    stream: bool = True
    learned: frozenset[str] = frozenset()
    """Quirks of this one model that its refusals taught us (`refusals`); they count like the provider's own."""


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """A POST that is ready to send. `headers` may hold the key, so they never appear in a `repr`."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @classmethod
    def json(cls, url: str, body: object, headers: Mapping[str, str]) -> HTTPRequest:
        accepted = "text/event-stream, application/x-ndjson, application/json"
        fixed = {"content-type": "application/json", "accept": accepted}
        return cls(url, fixed | dict(headers), _encode(body))


def _encode(body: object) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        text = json.dumps(body, ensure_ascii=False)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _whole_key(key: str) -> tuple[str, ...]:
    return (key,) if key else ()


class Parser(Protocol):
    """Reads one answer, frame by frame. Stateful, used once.

    `feed` raises `FramingError` for a frame that is no valid message of the dialect, and nothing else. `close` is
    called when the body ended: it yields what was held back and, where the dialect's evidence of an end was seen
    but not yet told, the `Finish`. A parser that has no evidence yields no `Finish`; `StreamDecoder` then says
    `upstream_truncated`. After a `Failure` nothing more is fed.
    """

    provider_reason: str
    """The provider's own word for why it stopped, as far as it has been seen; empty before."""

    def feed(self, frame: Frame) -> Iterable[Event]: ...
    def close(self) -> Iterable[Event]: ...


@runtime_checkable
class CountingParser(Parser, Protocol):
    """A parser whose provider reports usage with every piece: it yields no `Usage`, and is asked when it is needed."""

    def counted(self) -> Usage | None: ...


@dataclass(frozen=True, slots=True)
class Adapter:
    """One wire dialect, written once and shared by every provider that speaks it."""

    name: str
    framing: Callable[[], Decoder]
    build: Callable[[ChatRequest, Endpoint, Provider], HTTPRequest]
    parser: Callable[[], Parser]
    whole: Callable[[bytes], Iterable[Event]]
    """Reads a complete (not streamed) JSON answer; raises FramingError when it is none."""
    json_lines: bool = False
    """Whether a body that begins with `{` is this dialect's stream, one JSON text a line."""
    json_array: bool = False
    """Whether a body that begins with `[` is this dialect's stream, one array of messages."""
    sign: Callable[[HTTPRequest, Endpoint, float], HTTPRequest] | None = None
    """Signs a request that is ready to send, at this time in seconds since the epoch; the key stays out of it."""
    secrets: Callable[[str], tuple[str, ...]] = _whole_key
    """The parts of a key that must never be shown."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the registry: who speaks which dialect, where, and with which habits."""

    name: str
    adapter: Adapter
    base_url: str = ""
    title: str = ""
    think: ThinkStyle | None = None
    key_variable: str = ""
    quirks: frozenset[str] = frozenset()
    docs_url: str = ""
