"""One request's answer: its head, then its body as it arrives, and every way it can end as one typed error.

It parses (llhttp), bounds and times; it knows nothing of sockets, pools, retries, or what a status means.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import httptools

from headrace.backends.http_inflate import Inflater, inflater
from headrace.errors import ErrorCode, UpstreamError

LINGER = 1.0  # seconds that the last bytes of an answer may take which nobody waits for any more
TLS_RECORDS = frozenset({0x15, 0x16})  # the first byte of an alert, of a handshake


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upstream may take of us. Going over one is UpstreamError(upstream_limit)."""

    head: int = 32 * 1024
    """Bytes without a body byte among them: heads, interim heads, chunk extensions, trailers. Servers send 2 KiB."""
    headers: int = 200
    """Fields in one head; the known providers send 40 at most."""
    unread: int = 256 * 1024
    """Bytes that wait for the reader before the socket is left to TCP's own back-pressure."""
    body: int = 64 * 1024 * 1024
    """Bytes of one answer, packed and unpacked. 128k tokens, each an event of its own, are about 45 MB."""


class Line(Protocol):
    """What an exchange asks of the connection that it runs over."""

    @property
    def origin(self) -> str: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def abort(self) -> None: ...
    def finish(self, *, reusable: bool) -> None: ...


class UnansweredError(UpstreamError):
    """The connection ended before one byte of an answer. A kept-alive one that had gone stale looks so."""


class _StopError(Exception):
    """Stops the parser in the middle of a piece; what is wrong stands in the exchange."""


class Exchange:
    """The answer to one request: fed by its connection, read by one reader, closed or released by that reader."""

    def __init__(self, line: Line, limits: Limits, *, deadline: float, idle: float) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._line: Line | None = line
        self._origin = line.origin
        self._limits = limits
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._last_byte = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._settling: asyncio.Future[None] | None = None
        self._timer = self._call_at(deadline)
        self._chunks: list[bytes] = []
        self.on_body = self._chunks.append  # straight from the parser: no Python frame for each chunk
        self._parser: httptools.HttpResponseParser | None = _parser(self)
        self._inflater: Inflater | None = None
        self._total = self._unread = self._dry = self._fields = 0
        self._started = self._head = self._complete = False
        self._until_close = self._reusable = self._paused = self._lingering = False
        self._refusal: UpstreamError | None = None
        self._error: UpstreamError | None = None

    # The reader's side.

    async def head(self) -> None:
        """Returns when status and headers have arrived."""
        while not self._head:
            if self._error is not None:
                raise self._error
            await self._arrival()

    async def read(self) -> bytes:
        """All that has arrived since, at least one byte; b"" at the proper end. Raises UpstreamError and nothing else.

        What arrived before an error is handed out before the error is raised. A cancelled read loses nothing.
        """
        while True:
            if self._chunks:
                data = self._take()
            elif self._inflater is not None and self._inflater.pending:
                data = b""
            elif self._error is not None:
                raise self._error
            elif self._complete:
                return self._end()
            else:
                await self._arrival()
                continue
            if self._inflater is not None:
                data = self._inflate(data)
            if data:
                return data

    def close(self) -> None:
        """Abandons the answer: closes its connection at once, unless the body is complete."""
        if self._line is not None:
            self._fail("upstream_reset", "was left from this side")

    async def settle(self, seconds: float) -> None:
        """Lets the bytes of a fast answer gather this long; returns at once when it has ended, or much waits unread."""
        if self._line is None or self._paused:
            return
        self._settling = self._loop.create_future()
        timer = self._loop.call_later(seconds, _resolve, self._settling, context=Context())
        try:
            await self._settling
        finally:
            self._settling = None
            timer.cancel()

    def release(self) -> None:
        """For an answer whose own end was seen: its connection may serve again once the last bytes are in.

        Those are often still on their way; they get `LINGER` seconds.
        """
        self._chunks.clear()
        if self._line is not None and not self._lingering:
            self._lingering = True
            self._timer.cancel()
            self._timer = self._call_at(self._loop.time() + LINGER)
            self._resume()

    async def __aenter__(self) -> Exchange:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _arrival(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter

    def _take(self) -> bytes:
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._unread = self._dry = 0
        if self._paused:
            self._resume()
        return data

    def _inflate(self, data: bytes) -> bytes:
        assert self._inflater is not None
        try:
            return self._inflater.feed(data)
        except UpstreamError as error:
            self._inflater = None
            self._stop(error)
            raise

    def _end(self) -> bytes:
        if self._inflater is not None:
            self._inflater.close()
        return b""

    # The connection's side.

    def feed(self, data: memoryview) -> None:
        """One socket read."""
        parser = self._parser
        if parser is None:
            return
        size = len(data)
        self._last_byte = self._loop.time()
        self._total += size
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._broken(error, data)
        if self._complete:
            self._finish()
        elif self._error is None:
            self._weigh(size)
        self._wake()

    def ended(self, error: Exception | None) -> None:
        """The connection is over; `error` is None for an orderly end."""
        if self._head and self._until_close and error is None:
            self._complete = True
            self._finish()
            self._wake()
        elif self._head:
            self._cut(error)
        elif self._total:
            self._fail(
                "upstream_protocol", "closed the connection within its answer's head", retryable=not self._started
            )
        else:
            words = f"{self._origin} closed the connection without an answer"
            self._stop(UnansweredError("upstream_protocol", words, retryable=True))

    def _cut(self, error: Exception | None) -> None:
        if error is None:
            self._fail("upstream_truncated", "closed the connection before the answer's end")
        else:
            self._fail("upstream_reset", "broke the connection off within the answer")

    def _weigh(self, size: int) -> None:
        if self._lingering:
            self._chunks.clear()
        if self._chunks:
            self._unread += size
            if self._unread > self._limits.unread and not self._paused and self._line is not None:
                self._paused = True
                self._line.pause()
                _resolve(self._settling)
        else:
            self._dry += size
            if self._dry > self._limits.head:
                self._fail("upstream_limit", f"sent {self._dry} bytes around its answer and nothing of it")
        if self._total > self._limits.body:
            self._fail("upstream_limit", f"sent more than {self._limits.body} bytes in one answer")

    def _broken(self, error: httptools.HttpParserError, data: memoryview) -> None:
        if self._complete:
            self._reusable = False  # bytes after the end: whose answer would they be?
        elif self._refusal is not None:
            self._stop(self._refusal)
        elif not self._started and data[0] in TLS_RECORDS:
            self._fail("upstream_protocol", "answers in TLS: its address should begin with https://")
        else:
            self._fail("upstream_protocol", f"broke the rules of HTTP ({str(error)[:80]})")

    def _resume(self) -> None:
        if self._paused and self._line is not None:
            self._paused = False
            self._last_byte = self._loop.time()  # the silence so far was ours
            self._line.resume()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        _resolve(waiter)

    def _finish(self) -> None:
        self._resume()
        line = self._detach()
        if line is not None:
            line.finish(reusable=self._reusable)

    def _fail(self, code: ErrorCode, words: str, *, retryable: bool = False) -> None:
        self._stop(UpstreamError(code, f"{self._origin} {words}", retryable=retryable))

    def _stop(self, error: UpstreamError) -> None:
        self._error = error
        line = self._detach()
        if line is not None:
            line.abort()
        self._wake()

    def _detach(self) -> Line | None:
        line, self._line = self._line, None
        self._parser = None  # it holds on to this object: a circle for each answer otherwise
        _resolve(self._settling)
        self._timer.cancel()
        return line

    # Time. One timer, moved on only when it fires: a byte costs one reading of the clock.

    def _call_at(self, when: float) -> asyncio.TimerHandle:
        # A context of its own: the caller's would be kept alive until the timer is forgotten.
        return self._loop.call_at(when, self._tick, context=Context())

    def _tick(self) -> None:
        now = self._loop.time()
        due = (now if self._paused else self._last_byte) + self._idle
        if self._lingering:
            self.close()
        elif not self._head:
            self._fail("upstream_first_byte_timeout", "did not begin to answer in time")
        elif due > now:
            self._timer = self._call_at(due)
        else:
            self._fail("upstream_idle_timeout", f"sent nothing for {self._idle:g} s")

    # The parser's side.

    def on_message_begin(self) -> None:
        if self._complete:
            raise _StopError
        self.headers = {}  # what an interim answer said is not this answer's

    def on_status(self, _reason: bytes) -> None:
        self._started = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._started = True
        if self._head:
            return  # a trailer
        self._fields += len(name) + len(value)
        if len(self.headers) >= self._limits.headers or self._fields > self._limits.head:
            self._refuse("upstream_limit", "sent too many headers, or too long ones")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self._started = True
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status == 101:
            self._refuse("upstream_protocol", "wants to speak another protocol")
        if status < 200:
            return
        coding = self.headers.get("transfer-encoding", "")
        if coding.lower() not in ("", "chunked"):
            self._refuse("upstream_protocol", f"sent its answer in the transfer coding {coding[:40]!r}")
        self.status, self._head = status, True
        self._until_close = not coding and "content-length" not in self.headers
        self._inflater = inflater(self.headers.get("content-encoding", ""), max_size=self._limits.body)
        self._timer.cancel()
        self._timer = self._call_at(self._last_byte + self._idle)

    def on_message_complete(self) -> None:
        if self._head and self._parser is not None:
            self._complete = True
            self._reusable = self._parser.should_keep_alive()

    def _refuse(self, code: ErrorCode, words: str) -> None:
        self._refusal = UpstreamError(code, f"{self._origin} {words}")
        raise _StopError


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _parser(exchange: Exchange) -> httptools.HttpResponseParser:
    parser = httptools.HttpResponseParser(exchange)
    # Servers in the wild do these two; where an answer ends is as clear with them.
    parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
    return parser
