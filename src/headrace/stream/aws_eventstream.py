"""Amazon's binary event stream (`application/vnd.amazon.eventstream`): bytes in, frames out.
https://smithy.io/2.0/aws/amazon-eventstream.html

Pure and bounded. Refuses every message whose two checksums, lengths and headers do not agree with each other: a flipped
bit is an error or waits for bytes that never come, and is never shown.
"""

from __future__ import annotations

import struct
from typing import TypeAlias
from zlib import crc32

import msgspec

from headrace.errors import FramingError
from headrace.stream.framing import Frame

HeaderValue: TypeAlias = bool | int | str | bytes
"""Integers of every width and timestamps (milliseconds since the epoch) are int; byte arrays and UUIDs are bytes."""

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes of one message. Amazon's own readers allow 24 MB, a chat's events have a few hundred bytes."""
MAX_HEADERS = 128 * 1024
"""Bytes of a message's headers: the format's own limit."""

_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_SMALLEST = _PRELUDE.size + _CHECKSUM.size
_NUMBERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q")}
_NUMBERS[8] = _NUMBERS[5]
_LENGTH = struct.Struct(">H")
_TRUE, _FALSE, _BYTES, _STRING, _UUID = 0, 1, 6, 7, 9
_UUID_SIZE = 16

_REMEMBERED = 64
"""Blocks of headers whose name is remembered: a stream has about six kinds of events, each with the same headers."""
_REMEMBERED_SIZE = 512


class Message(msgspec.Struct, frozen=True):
    """One message with its headers typed."""

    headers: dict[str, HeaderValue]
    payload: bytes


class AWSEventStreamDecoder:
    """Incremental, used once, in linear time.

    A frame's `name` is its event type; for an exception `exception:` and its type, for an error `error:` and its code.
    What was complete before a fault is returned first; the fault is raised by the next call. `close` raises
    FramingError(upstream_truncated) where the body ended inside a message; with `forgive_tail` that rest is dropped.
    """

    def __init__(self, *, max_message: int = MAX_MESSAGE, forgive_tail: bool = False) -> None:
        self._max_message = max_message
        self._forgive_tail = forgive_tail
        self._pending = bytearray()
        self._needed = _PRELUDE.size
        self._names: dict[bytes, str] = {}
        self._fault: FramingError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        if self._fault is not None:
            raise self._fault
        if self._pending:
            self._pending += data
            if len(self._pending) < self._needed:
                return []
            data = bytes(self._pending)
            self._pending.clear()
        frames: list[Frame] = []
        try:
            at = self._take_all(data, frames)
        except FramingError as fault:
            self._fault = fault
            if not frames:
                raise
        else:
            self._pending += data[at:]
        return frames

    def close(self) -> list[Frame]:
        if self._fault is not None:
            raise self._fault
        left = len(self._pending)
        self._pending.clear()
        if left and not self._forgive_tail:
            raise FramingError(f"the body ended {left} bytes into a message", code="upstream_truncated")
        return []

    def _take_all(self, data: bytes, frames: list[Frame]) -> int:
        """Every whole message in `data` as a frame; where the first one begins that is not whole."""
        at, names = 0, self._names
        while True:
            self._needed = _PRELUDE.size
            if len(data) - at < _PRELUDE.size:
                return at
            size, headers_size, checksum = _PRELUDE.unpack_from(data, at)
            if crc32(data[at : at + 8]) != checksum:
                raise FramingError("the checksum of a message's lengths is wrong")
            self._check_lengths(size, headers_size)
            end = at + size
            if len(data) < end:
                self._needed = size
                return at
            if crc32(data[at + 8 : end - 4], checksum) != _CHECKSUM.unpack_from(data, end - 4)[0]:
                raise FramingError("the checksum of a message is wrong")
            block_end = at + _PRELUDE.size + headers_size
            block, payload = data[at + _PRELUDE.size : block_end], data[block_end : end - 4]
            name = names.get(block) if payload else None
            frames.append(self._frame(block, payload) if name is None else Frame(payload, name))
            at = end

    def _check_lengths(self, size: int, headers_size: int) -> None:
        if headers_size > MAX_HEADERS or size < _SMALLEST + headers_size:
            raise FramingError("the lengths of a message do not fit each other")
        if size > self._max_message:
            raise FramingError(f"a message is longer than {self._max_message} bytes", code="upstream_limit")

    def _frame(self, block: bytes, payload: bytes) -> Frame:
        """A frame whose headers were not seen before, or one without a payload: an error's message is in a header."""
        headers = _headers(block)
        name = _name(headers)
        if len(self._names) < _REMEMBERED and len(block) <= _REMEMBERED_SIZE:
            self._names[block] = name
        if not payload and (said := _said(headers, ":error-message")):
            payload = msgspec.json.encode({"message": said})
        return Frame(payload, name)


def read_message(data: bytes) -> Message:
    """One whole message with its headers; FramingError where `data` is anything else, two messages too."""
    decoder = AWSEventStreamDecoder()
    frames = decoder.feed(data)
    decoder.close()
    if len(frames) != 1:
        raise FramingError(f"{len(frames)} messages where one was to be")
    headers_size = _PRELUDE.unpack_from(data)[1]
    end = _PRELUDE.size + headers_size
    return Message(_headers(data[_PRELUDE.size : end]), data[end : -_CHECKSUM.size])


def _name(headers: dict[str, HeaderValue]) -> str:
    kind = _said(headers, ":message-type") or "event"
    if kind == "exception":
        return f"exception:{_said(headers, ':exception-type')}"
    if kind == "error":
        return f"error:{_said(headers, ':error-code')}"
    return _said(headers, ":event-type")


def _said(headers: dict[str, HeaderValue], name: str) -> str:
    value = headers.get(name)
    return value if isinstance(value, str) else ""


def _headers(block: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            name, at = _text(block, at + 1, block[at])
            if not name or name in headers:
                raise FramingError(f"a header without a name, or twice: {name!r}")
            headers[name], at = _value(block, at)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise FramingError("the headers of a message are malformed") from error
    return headers


def _value(block: bytes, at: int) -> tuple[HeaderValue, int]:
    kind, at = block[at], at + 1
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if (number := _NUMBERS.get(kind)) is not None:
        value: int = number.unpack_from(block, at)[0]
        return value, at + number.size
    if kind == _UUID:
        return _slice(block, at, _UUID_SIZE)
    if kind not in (_BYTES, _STRING):
        raise FramingError(f"a header of the unknown type {kind}")
    (length,) = _LENGTH.unpack_from(block, at)
    return (_text if kind == _STRING else _slice)(block, at + _LENGTH.size, length)


def _text(block: bytes, at: int, length: int) -> tuple[str, int]:
    data, at = _slice(block, at, length)
    return data.decode(), at


def _slice(block: bytes, at: int, length: int) -> tuple[bytes, int]:
    data = block[at : at + length]
    if len(data) < length:
        raise FramingError("a header goes on beyond the headers")
    return data, at + length
