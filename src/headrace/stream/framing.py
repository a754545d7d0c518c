"""Bytes in, frames out: Server-Sent Events and newline-delimited JSON, wherever the network cut the bytes.

Pure and bounded. Refuses to know what the frames mean: data stays bytes, and only a message that the end of the body
cut off is looked at, to tell a whole one from a torn one.
"""

from __future__ import annotations

import re
from typing import Protocol

import msgspec

from headrace.errors import FramingError
from headrace.stream.lines import BOM, CR, LF, MAX_LINE, LineSplitter, NewlineFolder
from headrace.stream.payload import is_whole

__all__ = ["MAX_EVENT", "MAX_LINE", "Decoder", "Frame", "FramingError", "LineSplitter", "NDJSONDecoder", "SSEDecoder"]

MAX_EVENT = MAX_LINE
"""Bytes kept of one event. Many short lines of data need no more room than one long one."""

_FIELDS = (b"data", b"event", b"id", b"retry")
_USUAL = re.compile(rb"(?:id: ?([^\n\0]*+)\n)?+(?:event: ?([^\n]*+)\n)?+(:[^\n]*+\n)?+data: ?([^\n]*+)\n\n")
"""An event with one line of data, and at most an id, a type and a comment before it."""
_RETRY_DIGITS = 15
"""A longer `retry` is no time that anyone waits, and `int` refuses some thousands of digits."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message of a framing. `name` is the SSE event type and `id` the SSE last event id, each "" if none."""

    data: bytes
    name: str = ""
    id: str = ""


class Decoder(Protocol):
    """Incremental, used once. Both methods raise FramingError and nothing else.

    What was complete before a fault is returned first; the fault is raised by the next call. So the frames do not
    depend on how the bytes were cut.
    """

    def feed(self, data: bytes) -> list[Frame]: ...
    def close(self) -> list[Frame]: ...


class SSEDecoder:
    """The WHATWG interpretation of an event stream, without reconnection.

    `max_line` bounds every line, ignored ones too; `max_event` bounds what is kept of one event: its data, and the
    line of a known field that is being read. Going over either is FramingError(upstream_limit).

    The standard discards an event without its blank line at the end of the body. Providers leave that line out, so
    with `deliver_tail` such an event is delivered by `close`, if its data is whole: `[DONE]` or one JSON object or
    array. Torn data is discarded even then.
    """

    def __init__(self, *, max_line: int = MAX_LINE, max_event: int = MAX_EVENT, deliver_tail: bool = False) -> None:
        self.last_event_id = ""
        self.retry: int | None = None
        """The last `retry` field, in milliseconds."""
        self.comments = 0
        self.unterminated = False
        """After `close`: the body ended inside a line or an event, delivered or not."""
        self._max_line = max_line
        self._max_event = max_event
        self._limit = min(max_line, max_event)
        self._deliver_tail = deliver_tail
        self._folder = NewlineFolder()
        self._start = True
        self._pending: bytes | bytearray = b""
        self._open = False
        self._data: bytes | None = None
        self._more = bytearray()
        self._kept = 0
        self._name = ""
        self._id = ""
        self._failure = ""

    def feed(self, data: bytes) -> list[Frame]:
        if self._failure:
            raise self._fault()
        if self._folder.after_cr or CR in data:
            data = self._folder.feed(data)
        frames: list[Frame] = []
        if LF not in data:
            self._hold(data)
        else:
            if self._start or self._pending:
                data = self._resume(data)
            is_short = not self._open and len(data) <= self._limit
            if is_short and data[:6] == b"data: " and (plain := self._plain(data)) is not None:
                return plain
            if is_short and not (data := self._usual(data, frames)):
                return frames
            lines = data.split(b"\n")
            rest = lines.pop()
            if lines:
                frames += self._mixed(lines)
            if not self._failure:
                self._hold(rest)
        if self._failure and not frames:
            raise self._fault()
        return frames

    def close(self) -> list[Frame]:
        if self._failure:
            raise self._fault()
        self.unterminated = bool(self._pending or self._open)
        tail = self._tail() if self._deliver_tail else []
        self._pending = b""
        self._reset()
        return tail

    def _plain(self, data: bytes) -> list[Frame] | None:
        """Events of one `data: …` line each, with least work where there are many. None for any other."""
        lines = data.split(b"\n")
        rest = lines.pop()
        if len(lines) % 2 or any(lines[1::2]):
            return None
        last_id = self._id
        frames = []
        for line in lines[::2]:
            if line[:6] != b"data: ":
                return None
            frames.append(Frame(line[6:], "", last_id))
        self._pending = rest
        return frames

    def _usual(self, data: bytes, frames: list[Frame]) -> bytes:
        """The events that have at most a type, an id and a comment beside their data; what follows is returned."""
        match, at = _USUAL.match, 0
        while (found := match(data, at)) is not None:
            last_id, name, comment, value = found.groups()
            if last_id is not None:
                self._id = last_id.decode("utf-8", "replace")
            if comment is not None:
                self.comments += 1
            frames.append(Frame(value, name.decode("utf-8", "replace") if name else "", self._id))
            at = found.end()
        if at:
            self.last_event_id = self._id
        return data[at:]

    def _mixed(self, lines: list[bytes]) -> list[Frame]:
        """Any other. The first line of an event's data stays as it is; most events have no other."""
        frames: list[Frame] = []
        for line in lines:
            if not line:
                if self._open:
                    self._dispatch(frames)
                continue
            field, _, value = line.partition(b":")
            if len(line) > self._limit - self._kept and self._too_long(field, len(line)):
                break
            if not field:
                self.comments += 1
                continue
            if value[:1] == b" ":
                value = value[1:]
            if field == b"data":
                self._open = True
                self._kept += len(value) + 1
                if self._data is None:
                    self._data = value
                else:
                    self._more += b"\n"
                    self._more += value
            elif field == b"event":
                self._name = value.decode("utf-8", "replace")
                self._open = True
            else:
                self._reconnection(field, value)
        return frames

    def _reconnection(self, field: bytes, value: bytes) -> None:
        if field == b"id" and 0 not in value:
            self._id = value.decode("utf-8", "replace")
            self._open = True
        elif field == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self.retry = int(value)

    def _dispatch(self, frames: list[Frame]) -> None:
        self.last_event_id = self._id
        if self._data is not None:
            frames.append(Frame(self._data + self._more if self._more else self._data, self._name, self._id))
        self._reset()

    def _reset(self) -> None:
        self._open = False
        self._name = ""
        self._data = None
        self._kept = 0
        if self._more:
            self._more.clear()

    def _hold(self, data: bytes) -> None:
        """Keeps the start of a line whose end has not come."""
        if not self._pending:
            self._pending = data
        elif isinstance(self._pending, bytes):
            self._pending = bytearray(self._pending) + data
        else:
            self._pending += data
        if len(self._pending) > self._limit - self._kept:
            if self._start:
                self._start = False
                self._pending = self._pending.removeprefix(BOM)
            self._too_long(_field_of(bytes(self._pending[:16])), len(self._pending))

    def _resume(self, data: bytes) -> bytes:
        """`data` with the start of its first line before it, and without the mark before the first line of all."""
        data = b"".join((self._pending, data))
        self._pending = b""
        if self._start:
            self._start = False
            data = data.removeprefix(BOM)
        return data

    def _too_long(self, field: bytes, length: int) -> bool:
        if length > self._max_line:
            self._fail("a line", self._max_line)
        elif field in _FIELDS and length + self._kept > self._max_event:
            self._fail("an event", self._max_event)
        return bool(self._failure)

    def _fail(self, what: str, limit: int) -> None:
        self._failure = f"{what} is longer than {limit} bytes"
        self._pending = b""
        self._reset()

    def _fault(self) -> FramingError:
        return FramingError(self._failure, code="upstream_limit")

    def _tail(self) -> list[Frame]:
        """The event that the end of the body cut off: with its torn last line if that makes it whole, else without."""
        line = bytes(self._pending)
        field, _, value = (line.removeprefix(BOM) if self._start else line).partition(b":")
        kept = b"" if self._data is None else self._data + self._more
        tails = [kept]
        if field == b"data":
            value = value.removeprefix(b" ")
            tails.insert(0, value if self._data is None else kept + b"\n" + value)
        return next(([Frame(tail, self._name, self._id)] for tail in tails if is_whole(tail)), [])


class NDJSONDecoder:
    """One JSON text a line, split at LF alone; blank lines are passed over.

    The last line needs no LF. If it begins as a JSON object or array and is not whole it is discarded: the body was
    torn, and what is left of it is not for a parser.
    """

    def __init__(self, *, max_line: int = MAX_LINE) -> None:
        self.unterminated = False
        """After `close`: the body ended without the LF of its last line, delivered or not."""
        self._lines = LineSplitter(max_line, universal=False)

    def feed(self, data: bytes) -> list[Frame]:
        return [Frame(line) for line in self._lines.feed(data) if line and not line.isspace()]

    def close(self) -> list[Frame]:
        rest = self._lines.close()
        self.unterminated = bool(rest.strip())
        torn = rest.lstrip().startswith((b"{", b"[")) and not is_whole(rest)
        return [Frame(rest)] if self.unterminated and not torn else []


def _field_of(head: bytes) -> bytes:
    """The field that a line belongs to by its first bytes; the only one it can still become, where that is open."""
    field, colon, _ = head.partition(b":")
    if colon:
        return field
    return next((name for name in _FIELDS if name.startswith(field)), b"?")
