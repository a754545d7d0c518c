"""Undoes a body's content coding piece by piece, within bounds. Pure.

We ask for identity; this is for upstreams that compress all the same. It hands out what each piece made at once,
and never more than `STEP` bytes in one go, so that a bomb cannot fill the memory before it is noticed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from headrace.errors import UpstreamError

STEP = 256 * 1024  # as much as one read may hold anyway
MAX_RATIO = 200  # events of one word repeated reach about 100; a bomb of zeros reaches 1,000
SLICE = 16 * 1024  # what a library copies once more at the end of each member
RATIO_FREE = 1024 * 1024  # below this size no ratio is a danger
MAX_ZSTD_WINDOW = 23  # log2, 8 MiB: what RFC 8878 asks every decoder to accept


class _Codec(Protocol):
    """One member (gzip) or frame (zstd). `hungry`: nothing more comes out before more goes in."""

    @property
    def eof(self) -> bool: ...
    @property
    def hungry(self) -> bool: ...
    @property
    def unused(self) -> bytes: ...
    def decompress(self, data: bytes, limit: int, /) -> bytes: ...


class Inflater:
    """Bytes in, the decoded bytes out. `feed` and `close` raise UpstreamError (decode, limit, truncated) only."""

    def __init__(self, codec: Callable[[], _Codec], *, max_size: int) -> None:
        self._new = codec
        self._codec = codec()
        self._max_size = max_size
        self._taken = 0
        self._made = 0
        self._queue = b""
        self._full = False
        self._error: UpstreamError | None = None

    @property
    def pending(self) -> bool:
        """Whether there may be more to be had by `feed(b"")`, an error too."""
        return self._full or bool(self._queue) or self._error is not None

    def feed(self, data: bytes) -> bytes:
        if self._error is not None:
            raise self._error
        self._taken += len(data)
        self._queue += data
        out = self._drain()
        if self._error is not None and not out:
            raise self._error
        return out

    def _drain(self) -> bytes:
        """What the queue makes, at most about STEP bytes; an error is kept until what came before it was handed out."""
        made: list[bytes] = []
        room = STEP
        at = 0
        while room > 0 and (at < len(self._queue) or not (self._codec.hungry or self._codec.eof)):
            piece = self._queue[at : at + SLICE] if self._codec.hungry or self._codec.eof else b""
            try:
                made.append(self._decompress(piece, room))
            except UpstreamError as error:
                self._error = error
                break
            at += len(piece) - len(self._codec.unused)
            room -= len(made[-1])
        self._queue = self._queue[at:]
        self._full = room <= 0
        return b"".join(made)

    def close(self) -> None:
        """The body is over: raises where the compressed data is not."""
        if self._taken and not self._codec.eof:
            raise UpstreamError("upstream_truncated", "the answer's compressed data stops in the middle")

    def _decompress(self, piece: bytes, limit: int) -> bytes:
        if self._codec.eof:  # some servers compress each event into a member of its own
            self._codec = self._new()
        try:
            out = self._codec.decompress(piece, limit)
        except UpstreamError:
            raise
        except Exception as error:
            # Each library has a class of error of its own, and nothing in it for the reader.
            raise UpstreamError("upstream_decode", "the answer's compression is broken") from error
        self._made += len(out)
        self._check_bounds()
        return out

    def _check_bounds(self) -> None:
        if self._made > self._max_size:
            raise UpstreamError("upstream_limit", f"the answer unpacks to more than {self._max_size} bytes")
        if self._made > RATIO_FREE and self._made > MAX_RATIO * self._taken:
            raise UpstreamError("upstream_limit", f"the answer unpacks to more than {MAX_RATIO} times its size")


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._tail = b""
        self.hungry = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, limit: int) -> bytes:
        out = self._inner.decompress(self._tail + data, limit)
        self._tail = self._inner.unconsumed_tail
        self.hungry = len(out) < limit  # at the limit it may hold more, even where no input is left over
        return out


class _Deflate(_Zlib):
    """`deflate` means zlib's format; some servers send it without zlib's header."""

    def __init__(self) -> None:
        super().__init__(zlib.MAX_WBITS)
        self._head: bytes | None = b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        if self._head is not None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return b""
            self._head = None
            if data[0] & 0x0F != zlib.DEFLATED or (data[0] << 8 | data[1]) % 31:
                self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        return super().decompress(data, limit)


class _Zstd:
    def __init__(self, module: Any) -> None:
        limit = {module.DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW}
        self._inner = module.ZstdDecompressor(options=limit)

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def hungry(self) -> bool:
        return bool(self._inner.needs_input)

    @property
    def unused(self) -> bytes:
        return bytes(self._inner.unused_data) if self._inner.eof else b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        return bytes(self._inner.decompress(data, limit))


class _Brotli:
    unused = b""

    def __init__(self, module: Any) -> None:
        self._inner = module.Decompressor()
        self.hungry = True

    @property
    def eof(self) -> bool:
        return bool(self._inner.is_finished())

    def decompress(self, data: bytes, limit: int) -> bytes:
        out = bytes(self._inner.process(data, output_buffer_limit=limit))
        self.hungry = len(out) < limit and self._inner.can_accept_more_data()
        return out


class _Unknown:
    """A coding that nothing here undoes: said when the body is read, so that the status is not lost."""

    eof = False
    hungry = True
    unused = b""

    def __init__(self, coding: str) -> None:
        self._coding = coding

    def decompress(self, _data: bytes, _limit: int) -> bytes:
        raise UpstreamError("upstream_decode", f"the answer is packed as {self._coding[:40]!r}, unknown here")


def inflater(coding: str, *, max_size: int) -> Inflater | None:
    """What undoes this `Content-Encoding`; None where there is nothing to undo."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return None
    return Inflater(_codec(coding) or (lambda: _Unknown(coding)), max_size=max_size)


def _codec(coding: str) -> Callable[[], _Codec] | None:
    match coding:
        case "gzip" | "x-gzip":
            return lambda: _Zlib(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Deflate
        case "zstd":
            module = _optional("compression.zstd") or _optional("backports.zstd")
            return module and (lambda: _Zstd(module))
        case "br":
            module = _optional("brotli")
            # Older ones have no bound on what one call gives out.
            bounded = module is not None and hasattr(module.Decompressor, "can_accept_more_data")
            return (lambda: _Brotli(module)) if bounded else None
    return None


def _optional(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None
