"""What a client knows of one stream: the request to make next, what is new in the bytes, when to give up.

No I/O: the two clients do that, each in its own world.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from headrace.client.patience import Backoff, Patience
from headrace.client.wire import DONE, BadEventError, read_event
from headrace.errors import FramingError, HeadraceError, RequestError
from headrace.stream.answer import StreamEvent
from headrace.stream.framing import Frame, SSEDecoder
from headrace.stream.retry import parse_retry_after

PASSING = frozenset({408, 425, 429})
"""Beside all from 500 on. A later attempt may succeed: the server is busy or restarting, or out of a proxy's reach."""
START_ATTEMPTS = 3
"""A server that is not there should be said to be so, not waited for."""
STOP_ATTEMPTS = 4
LONGEST_MESSAGE = 500
"""Characters. A proxy's page is no message."""
_STREAM_OPTIONS = ("stream_options", "streamOptions")


class StreamLostError(HeadraceError):
    """A stream cannot be followed to its end. What had been read is good up to `position`.

    `code` is the server's word (`stream_not_found`, `cursor_expired`, …), or `unreachable` (never connected),
    `gave_up` (broken, and not back in time), `not_a_stream`, `bad_event`, `not_resumable`.
    """

    def __init__(
        self, code: str, message: str, *, status: int | None = None, stream_id: str | None = None, position: int = 0
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.stream_id = stream_id
        self.position = position


class PassingError(Exception):
    """The server cannot answer now; it may later."""

    def __init__(self, error: RequestError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to make."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project's playground is."""

    api: str
    project: str

    @property
    def start(self) -> str:
        return f"{self._playground}/chat/stream/"

    def stream(self, stream_id: str) -> str:
        return f"{self._playground}/streams/{quote(stream_id, safe='')}/"

    @property
    def _playground(self) -> str:
        return f"{self.api.rstrip('/')}/projects/{quote(self.project, safe='')}/playground"


def chat_body(messages: Iterable[Mapping[str, Any]], model: Mapping[str, Any], fields: Mapping[str, Any]) -> bytes:
    """The request with what resuming needs. What the caller chose stays."""
    chosen = dict(fields)
    given: dict[str, Any] = {}
    for name in _STREAM_OPTIONS:
        given |= chosen.pop(name, None) or {}
    options = {"includeUsage": True, "onDisconnect": "continue"} | given | {"includeIds": True}
    request = {"messages": [dict(message) for message in messages], "model": dict(model)}
    return msgspec.json.encode({**request, **chosen, "streamOptions": options})


@dataclass(slots=True)
class Following:
    """`body` starts a stream, `id` joins one. `position` is the number of the last event that has come."""

    place: Place
    patience: Patience
    body: bytes | None = None
    id: str | None = None
    position: int = 0
    ended: bool = False
    """`[DONE]` has come."""
    broken: str = ""
    """What is wrong with this connection; the rest is to be asked for on another."""
    _attempts: int = 0
    _began: bool = False
    _heard: bool = False
    _key: str = field(default_factory=lambda: secrets.token_hex(16))
    _backoff: Backoff = field(init=False)
    _decoder: SSEDecoder = field(default_factory=SSEDecoder)

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.patience)
        self._began = self.id is not None

    @property
    def asked(self) -> bool:
        """Whether the server may know of it."""
        return self._attempts > 0 or self.id is not None

    def request(self) -> Ask:
        """The request that brings what has not come yet. A start that is sent twice is one stream: it has a key."""
        self._attempts += 1
        self._decoder, self.broken = SSEDecoder(), ""
        accept = {"Accept": "text/event-stream"}
        if self.id is not None:
            cursor = {"Last-Event-ID": str(self.position)} if self.position else {}
            return Ask("GET", f"{self.place.stream(self.id)}?includeUsage=true&includeIds=true", accept | cursor)
        start = {"Content-Type": "application/json", "Idempotency-Key": self._key}
        return Ask("POST", self.place.start, accept | start, self.body)

    def opened(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """The head of an answer, with its whole body where it is no stream. Raises what ends it."""
        if status != 200:
            raise self._refusal(status, headers, body, now)
        if not is_stream(status, headers):
            raise self._page(status)
        self.id = self.id or headers.get("X-Stream-Id")
        self._began = True

    def feed(self, data: bytes) -> Iterator[StreamEvent]:
        """What these bytes bring that has not come before; `position` is the number of the one yielded last."""
        try:
            frames = self._decoder.feed(data)
            if self._decoder.retry is not None:
                self._backoff.suggest(self._decoder.retry / 1000)
            self._backoff.progress()
            self._heard = True
            yield from self._fresh(frames)
        except (FramingError, BadEventError) as error:
            raise self.lost("bad_event", str(error)) from error

    def wait(self, reason: object, lasted: float) -> float:
        """Seconds until the next attempt. Where there is none: StreamLostError, or a start's last refusal."""
        if self._began and self.id is None:
            raise self.lost("not_resumable", "The connection broke, and the server has not named the stream.")
        retry_after = (reason.error.retry_after or 0.0) if isinstance(reason, PassingError) else 0.0
        wait = self._backoff.next(lasted, random.random(), retry_after)  # noqa: S311 - it spreads clients, no more
        if wait is None or (not self._began and self._attempts >= START_ATTEMPTS):
            if self._began:
                raise self.lost("gave_up", f"The stream broke off and could not be joined again: {reason}")
            if isinstance(reason, PassingError):
                raise reason.error
            raise self.lost("unreachable", f"The server cannot be reached: {reason}")
        return wait

    def lost(self, code: str, message: str, status: int | None = None) -> StreamLostError:
        return StreamLostError(code, message, status=status, stream_id=self.id, position=self.position)

    def _fresh(self, frames: Iterable[Frame]) -> Iterator[StreamEvent]:
        for frame in frames:
            if frame.data == DONE:
                self.ended = True
                return
            number = int(frame.id) if frame.id.isdecimal() else self.position + 1
            if number <= self.position:
                continue
            if number != self.position + 1:
                self.broken = f"event {self.position + 1} is missing: {number} came"
                return
            event = read_event(frame.data)
            self.position = number
            if event is not None:
                yield event

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> Exception:
        if 300 <= status < 400:
            return self._page(status)
        error = refusal_of(status, body, parse_retry_after(headers.get("Retry-After"), now))
        if is_passing(status):
            return PassingError(error)
        return self.lost(error.code, error.message, status) if self._began else error

    def _page(self, status: int) -> Exception:
        """What a page, or the way to one, is: on the way back to a stream, a network that wants a login first."""
        message = "The server's answer is no event stream."
        if self._heard:
            return PassingError(RequestError(message, code="not_a_stream", status=status))
        return self.lost("not_a_stream", message, status)


def is_passing(status: int) -> bool:
    return status >= 500 or status in PASSING


def is_stream(status: int, headers: Mapping[str, str]) -> bool:
    return status == 200 and headers.get("Content-Type", "").startswith("text/event-stream")


def refusal_of(status: int, body: bytes, retry_after: float | None = None) -> RequestError:
    """What an answer that is no stream says, in its own words where it is one of ours."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = None
    told = told if isinstance(told, dict) else {}
    message = str(told.get("error") or f"The server answered {status}.")[:LONGEST_MESSAGE]
    code, name = str(told.get("code") or f"http_{status}"), str(told.get("field") or "")
    return RequestError(message, field=name, code=code, status=status, retry_after=retry_after)
