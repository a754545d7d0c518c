"""Bytes in, lines out, wherever the network cut them. Refuses to decode: Unicode's own separators end no line."""

from __future__ import annotations

from headrace.errors import FramingError

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line. Models that draw send an image as base64 in one line, up to some 14 MB; more is a runaway."""

LF, CR = b"\n\r"
"""As numbers: looking for one in bytes is ten times as fast as looking for `b"\\n"`."""
BOM = b"\xef\xbb\xbf"


class NewlineFolder:
    """Turns CR and CRLF into LF. A CR ends its line at once; the LF of a pair that was cut apart is swallowed."""

    __slots__ = ("after_cr",)

    def __init__(self) -> None:
        self.after_cr = False

    def feed(self, data: bytes) -> bytes:
        if not data:
            return data
        if self.after_cr:
            self.after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" not in data:
            return data
        self.after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class LineSplitter:
    """Splits at LF, or with `universal` at CR, LF and CRLF; a byte order mark before the first line is dropped.

    A line over `limit` raises FramingError(upstream_limit), after the lines before it were returned: at once where
    there are none, else from the next call. So the outcome does not depend on how the bytes were cut.
    """

    __slots__ = ("_failed", "_folder", "_limit", "_pending", "_start")

    def __init__(self, limit: int = MAX_LINE, *, universal: bool = True) -> None:
        self._limit = limit
        self._folder = NewlineFolder() if universal else None
        self._pending = bytearray()
        self._start = True
        self._failed = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._failed:
            raise self._fault()
        if self._folder is not None and (self._folder.after_cr or CR in data):
            data = self._folder.feed(data)
        lines: list[bytes] = []
        if LF in data:
            lines = data.split(b"\n")
            data = lines.pop()
            self._complete(lines)
        if data and not self._failed:
            self._pending += data
            self._failed = len(self._pending) > self._limit
        if self._failed and not lines:
            raise self._fault()
        return lines

    def close(self) -> bytes:
        """The bytes after the last line end, if any."""
        if self._failed:
            raise self._fault()
        rest = bytes(self._pending)
        self._pending.clear()
        return rest.removeprefix(BOM) if self._start else rest

    def _complete(self, lines: list[bytes]) -> None:
        if self._pending:
            lines[0] = bytes(self._pending) + lines[0]
            self._pending.clear()
        if max(map(len, lines)) > self._limit:
            self._failed = True
            del lines[next(n for n, line in enumerate(lines) if len(line) > self._limit) :]
        if self._start and lines:
            self._start = False
            lines[0] = lines[0].removeprefix(BOM)

    def _fault(self) -> FramingError:
        self._pending.clear()
        return FramingError(f"a line is longer than {self._limit} bytes", code="upstream_limit")
