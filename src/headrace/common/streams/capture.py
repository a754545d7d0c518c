"""What went over the wire for one stream, kept beside it where its caller asked for that: with times, within bounds.

Keys are not in it: of a request's headers only those that never hold one are kept, and all text is scrubbed when it
is shown, frame by frame, so that a key that came in two reads is found too.
"""

from __future__ import annotations

import base64
import re
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from headrace.common.streams.capture_room import ROOM
from headrace.errors import UpstreamError
from headrace.providers.base import HTTPRequest
from headrace.providers.scrubbing import scrub
from headrace.stream.digest import Writer
from headrace.stream.events import Entry

MOST_OF_ONE = 2 * 1024 * 1024
"""Bytes of one stream: some ten thousand frames, more than anybody looks at."""
READ_COST = 120
"""Bytes that a read or a time counts for beside its data."""
HIDDEN = "[hidden]"
LEAST_SECRET = 4
"""Characters: shorter ones stand in ordinary words, and scrubbing takes them where they are whole ones."""

_SHOWN = frozenset({"accept", "content-type", "anthropic-version", "anthropic-beta", "openai-beta", "user-agent"})
_SECRETIVE = frozenset({"set-cookie", "authorization", "proxy-authenticate", "www-authenticate"})
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE = re.compile(rb"\n")


@dataclass(slots=True)
class _Asked:
    """One attempt: a request, and what came of it. Times are seconds since the stream began."""

    at: float
    url: str
    sent: Mapping[str, str]
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    answered: float | None = None
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    reads: list[tuple[float, bytes]] = field(default_factory=list, repr=False)
    failed: tuple[str, str] | None = None


class Capture:
    """Written by one producer, read by anybody. Beyond its bounds it takes no more, and says so: `cut`."""

    def __init__(self, project: str = "") -> None:
        self.project = project
        self.cut = False
        self._began = time.monotonic()
        self._asked: list[_Asked] = []
        self._now_asked: _Asked | None = None
        self._shown: list[tuple[float, int, int]] = []
        self._size = 0
        self._events = 0

    def __del__(self) -> None:
        ROOM.give(self)

    def let_go(self) -> None:
        """Drop everything: others need the room."""
        self.cut, self._now_asked = True, None
        self._asked, self._shown = [], []

    def begin(self) -> None:
        """The stream begins now: its times count from here."""
        self._began = time.monotonic()

    def asked(self, request: HTTPRequest, secrets: tuple[str, ...]) -> None:
        """A request is about to be sent: a new attempt begins."""
        self._now_asked = None
        sent = {name.lower(): _sent(name, value) for name, value in request.headers.items()}
        if self._takes(len(request.body) + len(request.url) + _size(sent)):
            self._now_asked = _Asked(self._now(), request.url, sent, request.body, secrets)
            self._asked.append(self._now_asked)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of the answer has arrived."""
        if (asked := self._now_asked) is not None:
            asked.answered, asked.status = self._now(), status
            asked.headers = dict(headers) if self._takes(_size(headers)) else {}

    def read(self, data: bytes) -> None:
        """These bytes of its body have arrived."""
        if (asked := self._now_asked) is not None and self._takes(len(data)):
            asked.reads.append((self._now(), data))

    def failed(self, error: UpstreamError) -> None:
        """The attempt failed with this error."""
        if self._now_asked is not None:
            self._now_asked.failed = (error.code, error.message)

    def shown(self, count: int) -> None:
        """The stream's next `count` events are shown now."""
        first, self._events = self._events + 1, self._events + count
        if self._takes(0):
            self._shown.append((self._now(), first, self._events))

    def told(self) -> dict[str, Any]:
        """All of it as JSON can say it, without keys: `{cut, attempts, events}` (docs/protocol.md)."""
        events = [{"atMs": _ms(at), "first": first, "last": last} for at, first, last in tuple(self._shown)]
        return {"cut": self.cut, "attempts": [_attempt(asked) for asked in tuple(self._asked)], "events": events}

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _takes(self, count: int) -> bool:
        cost = count + READ_COST
        if self.cut or self._size + cost > MOST_OF_ONE or not ROOM.take(self, cost):
            self.cut = True
            return False
        self._size += cost
        return True


class CapturingWriter:
    """Passes entries on to `writer`, and notes when that was."""

    def __init__(self, writer: Writer, capture: Capture) -> None:
        self._writer = writer
        self._capture = capture

    def append(self, entries: Sequence[Entry]) -> None:
        self._writer.append(entries)
        self._capture.shown(len(entries))


def _attempt(asked: _Asked) -> dict[str, Any]:
    secrets, failed = asked.secrets, asked.failed
    return {
        "atMs": _ms(asked.at),
        "request": {
            "method": "POST",
            "url": scrub(asked.url, secrets),
            "headers": {name: scrub(value, secrets) for name, value in asked.sent.items()},
            "body": scrub(asked.body.decode("utf-8", "replace"), secrets),
        },
        "response": _response(asked),
        "frames": [] if asked.answered is None else list(_frames(asked)),
        "error": {"code": failed[0], "message": scrub(failed[1], secrets)} if failed else None,
    }


def _size(headers: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in headers.items())


def _sent(name: str, value: str) -> str:
    return value if name.lower() in _SHOWN else HIDDEN


def _response(asked: _Asked) -> dict[str, Any] | None:
    if asked.answered is None:
        return None
    headers = {
        name: HIDDEN if name in _SECRETIVE else scrub(value, asked.secrets) for name, value in asked.headers.items()
    }
    return {"atMs": _ms(asked.answered), "status": asked.status, "headers": headers}


def _frames(asked: _Asked) -> Iterator[dict[str, Any]]:
    """The body in the pieces of its framing, each with the time at which its last byte was there."""
    reads = tuple(asked.reads)
    kind = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = _masked(b"".join(data for _, data in reads), asked.secrets)
    ends = list(accumulate(len(data) for _, data in reads))
    binary = "eventstream" in kind
    start = 0
    for end in ends if binary else _boundaries(body, kind):
        at, piece = reads[bisect_left(ends, end)][0], body[start:end]
        start = end
        if binary:
            yield {"atMs": _ms(at), "base64": scrub(base64.b64encode(piece).decode(), asked.secrets)}
        else:
            yield {"atMs": _ms(at), "text": scrub(piece.decode("utf-8", "replace"), asked.secrets)}


def _masked(body: bytes, secrets: tuple[str, ...]) -> bytes:
    """The body with each secret overwritten by as many asterisks, also where it spans two reads or frames."""
    for secret in secrets:
        if len(secret) >= LEAST_SECRET:
            body = body.replace(secret.encode(), b"*" * len(secret.encode()))
    return body


def _boundaries(body: bytes, kind: str) -> Iterator[int]:
    """Where each frame ends. A body that is neither events nor lines is one frame."""
    mark = _BLANK_LINE if kind == "text/event-stream" else _LINE if "ndjson" in kind or "jsonl" in kind else None
    end = 0
    for found in mark.finditer(body) if mark else ():
        end = found.end()
        yield end
    if end < len(body):
        yield len(body)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
