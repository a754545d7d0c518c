"""A stream in a content encoding, flushed with each batch: a compressed event arrives when a plain one would."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from typing import Protocol

from headrace.common.monitoring.counting import count_sent
from headrace.common.streams.figures import Delivery
from headrace.stream.compression import compressor


class ByteStream(Protocol):
    """What can be compressed: batches of bytes, in either way, and its end."""

    def close(self) -> None: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def __iter__(self) -> Generator[bytes, None, None]: ...


class CompressedStream:
    """One reader's stream through one compressor; iterate over it once, in either way. Closing it closes the stream.

    What compression saves is counted in `delivery`.
    """

    def __init__(self, stream: ByteStream, encoding: str, delivery: Delivery | None = None) -> None:
        self.encoding = encoding
        self._stream = stream
        self._compressor = compressor(encoding)
        self._delivery = delivery
        self._raw, self._sent = 0, 0

    def close(self) -> None:
        if self._sent and self._delivery is not None:
            count_sent(self.encoding, self._raw, self._sent)
        self._raw, self._sent = 0, 0
        self._stream.close()

    def _fed(self, data: bytes) -> bytes:
        sent = self._compressor.feed(data)
        self._raw += len(data)
        self._sent += len(sent)
        if self._delivery is not None:
            saved = len(data) - len(sent)
            self._delivery.saved_bytes += saved
        return sent

    def _last(self) -> bytes:
        sent = self._compressor.close()
        self._sent += len(sent)
        return sent

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            async for data in self._stream:
                yield self._fed(data)
            yield self._last()
        finally:
            self.close()

    def __iter__(self) -> Generator[bytes, None, None]:
        parts = iter(self._stream)
        return self._blocking(parts)

    def _blocking(self, parts: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        try:
            for data in parts:
                yield self._fed(data)
            yield self._last()
        finally:
            parts.close()
            self.close()
