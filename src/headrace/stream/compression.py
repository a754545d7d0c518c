"""Content encodings for a stream. Each flush can be decoded at once: a compressed event arrives when a plain one would.

One compressor serves one response. It never starts a second gzip member or zstd frame: browsers read the first only.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol


def _first_installed(*modules: str) -> Any:
    for module in modules:
        try:
            return import_module(module)
        except ImportError:
            continue
    return None


_zlib = _first_installed("zlib_ng.zlib_ng") or zlib
_zstd = _first_installed("compression.zstd", "backports.zstd")
_brotli = _first_installed("brotli")

IDENTITY = "identity"
PREFERENCE = ("gzip", "zstd", "br")  # at equal q: gzip has the best ratio for small events, brotli costs most
ALIASES = MappingProxyType({"x-gzip": "gzip"})  # RFC 9110, section 8.4.1.3

GZIP_LEVEL = 1
GZIP_WINDOW_BITS = 12  # 4 KiB: events repeat their frame, seldom their text; 15 bits cost 200 KiB a stream
GZIP_MEMORY_LEVEL = 5
ZSTD_LEVEL = 1
ZSTD_WINDOW_LOG = 14
BROTLI_QUALITY = 5
BROTLI_WINDOW_LOG = 16

_GZIP_FORMAT = 16  # zlib's flag for a gzip header and trailer


class Compressor(Protocol):
    """`feed` gives bytes from which everything fed so far can be decoded; `close` ends the encoding, once."""

    def feed(self, data: bytes) -> bytes: ...
    def close(self) -> bytes: ...


class Gzip:
    """RFC 1952, one member."""

    __slots__ = ("_context",)

    def __init__(self) -> None:
        self._context = _zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT + GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL)

    def feed(self, data: bytes) -> bytes:
        if not data:
            return b""
        flushed: bytes = self._context.compress(data) + self._context.flush(zlib.Z_SYNC_FLUSH)
        return flushed

    def close(self) -> bytes:
        ended: bytes = self._context.flush(zlib.Z_FINISH)
        return ended


class Zstd:
    """RFC 8878, one frame; its window is far below the 8 MiB that RFC 9659 allows on the web."""

    __slots__ = ("_context",)

    def __init__(self) -> None:
        parameter = _zstd.CompressionParameter
        self._context = _zstd.ZstdCompressor(
            options={parameter.compression_level: ZSTD_LEVEL, parameter.window_log: ZSTD_WINDOW_LOG}
        )

    def feed(self, data: bytes) -> bytes:
        if not data:
            return b""
        flushed: bytes = self._context.compress(data, self._context.FLUSH_BLOCK)
        return flushed

    def close(self) -> bytes:
        ended: bytes = self._context.flush(self._context.FLUSH_FRAME)
        return ended


class Brotli:
    """RFC 7932."""

    __slots__ = ("_context",)

    def __init__(self) -> None:
        self._context = _brotli.Compressor(quality=BROTLI_QUALITY, lgwin=BROTLI_WINDOW_LOG)

    def feed(self, data: bytes) -> bytes:
        if not data:
            return b""
        flushed: bytes = self._context.process(data) + self._context.flush()
        return flushed

    def close(self) -> bytes:
        ended: bytes = self._context.finish()
        return ended


def _installed() -> dict[str, Callable[[], Compressor]]:
    found: dict[str, Callable[[], Compressor]] = {"gzip": Gzip}
    if _zstd is not None:
        found["zstd"] = Zstd
    if _brotli is not None:
        found["br"] = Brotli
    return found


_COMPRESSORS: Mapping[str, Callable[[], Compressor]] = MappingProxyType(_installed())
AVAILABLE: tuple[str, ...] = tuple(_COMPRESSORS)
"""The encodings that this installation can write, by preference."""


def compressor(encoding: str) -> Compressor:
    """A new context for one response. `encoding` is one of `AVAILABLE`."""
    return _COMPRESSORS[encoding]()


def choose_encoding(header: str | None, available: Collection[str] = AVAILABLE) -> str | None:
    """The encoding for this `Accept-Encoding` (RFC 9110, section 12.5.3), or None to send the bytes as they are.

    None also where the client forbids that and takes nothing we have: an answer it may refuse is better than none.
    """
    if header is None:
        return None
    wanted = _parse(header)
    fallback = wanted.get("*", 0.0)
    best, best_quality = None, 0.0
    for encoding in PREFERENCE:
        quality = wanted.get(encoding, fallback)
        if encoding in available and quality > best_quality:
            best, best_quality = encoding, quality
    plain = wanted.get(IDENTITY, fallback)
    return best if best_quality >= plain else None


def _parse(header: str) -> dict[str, float]:
    """Each named coding with its quality. An item that is malformed counts as not sent; of two, the lower counts."""
    wanted: dict[str, float] = {}
    for item in header.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = _quality(parameters)
        if name and quality is not None:
            name = ALIASES.get(name, name)
            wanted[name] = min(quality, wanted.get(name, quality))
    return wanted


def _quality(parameters: list[str]) -> float | None:
    quality = 1.0
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if name.rstrip() != "q" or not equals:
            continue
        number = value.lstrip()
        if len(number) > 5 or number.strip("0123456789.") or number.count(".") > 1 or not number.strip("."):
            return None
        quality = float(number)
    return quality if quality <= 1 else None
