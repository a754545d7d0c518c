"""A stream in a content encoding, flushed with each batch: a compressed event arrives when a plain one would."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

from headrace.common.streams.chat import SSEStream
from headrace.stream.compression import compressor


class CompressedStream:
    """One reader's stream through one compressor; iterate over it once, in either way. Closing it closes the stream."""

    def __init__(self, stream: SSEStream, encoding: str) -> None:
        self.encoding = encoding
        self._stream = stream
        self._compressor = compressor(encoding)
        self._delivery = stream.delivery

    def close(self) -> None:
        self._stream.close()

    def _fed(self, data: bytes) -> bytes:
        sent = self._compressor.feed(data)
        saved = len(data) - len(sent)
        self._delivery.saved_bytes += saved
        return sent

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            async for data in self._stream:
                yield self._fed(data)
            yield self._compressor.close()
        finally:
            self.close()

    def __iter__(self) -> Generator[bytes, None, None]:
        parts = iter(self._stream)
        return self._blocking(parts)

    def _blocking(self, parts: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        try:
            for data in parts:
                yield self._fed(data)
            yield self._compressor.close()
        finally:
            parts.close()
