"""One answer, read from bytes that arrive in any pieces: the same status, body and end, or one documented error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.backends.http_exchange import Exchange, Limits, UnansweredError
from headrace.errors import ERROR_CODES, UpstreamError
from headrace.testing import chunk, response, stream_head
from tests.stream.cutting import CUTS, cut, every

HEAD = b"HTTP/1.1 200 OK\r\n"
SMALL = Limits(head=2000, headers=20, unread=4096, body=100_000)


@dataclass
class Wire:
    """Stands for the connection: remembers what the exchange asked of it."""

    origin: str = "a.test:443"
    asked: list[str] = field(default_factory=list)

    def pause(self) -> None:
        self.asked.append("pause")

    def resume(self) -> None:
        self.asked.append("resume")

    def abort(self) -> None:
        self.asked.append("abort")

    def finish(self, *, reusable: bool) -> None:
        self.asked.append("reuse" if reusable else "drop")


@dataclass
class Outcome:
    status: int
    headers: dict[str, str]
    body: bytes
    code: str
    last: str


async def read_pieces(pieces: Sequence[bytes], *, ended: bool = False, reset: bool = False) -> Outcome:
    """All pieces fed in one go, then read."""
    wire = Wire()
    exchange = Exchange(wire, SMALL, deadline=asyncio.get_running_loop().time() + 60, idle=60)
    for piece in pieces:
        exchange.feed(memoryview(piece))
    if (ended or reset) and not {"abort", "reuse", "drop"} & set(wire.asked):
        exchange.ended(ConnectionResetError() if reset else None)
    body, code = b"", ""
    try:
        async with asyncio.timeout(5):
            await exchange.head()
            while data := await exchange.read():
                body += data
    except UpstreamError as error:
        code = error.code
    exchange.close()
    return Outcome(exchange.status, exchange.headers, body, code, wire.asked[-1])


async def rest_of(exchange: Exchange) -> None:
    await exchange.head()
    while await exchange.read():
        pass


def outcome(pieces: Sequence[bytes], *, ended: bool = False, reset: bool = False) -> Outcome:
    return asyncio.run(read_pieces(pieces, ended=ended, reset=reset))


ANSWERS: dict[str, tuple[bytes, bool, Outcome]] = {
    "length": (response(b"hello"), False, Outcome(200, {}, b"hello", "", "reuse")),
    "chunks": (
        stream_head() + chunk(b"hel") + chunk(b"lo") + chunk(b""),
        False,
        Outcome(200, {}, b"hello", "", "reuse"),
    ),
    "until the close": (HEAD + b"\r\nhello", True, Outcome(200, {}, b"hello", "", "drop")),
    "close asked for": (
        response(b"hello", headers="connection: close\r\n"),
        False,
        Outcome(200, {}, b"hello", "", "drop"),
    ),
    "no body": (b"HTTP/1.1 204 No Content\r\n\r\n", False, Outcome(204, {}, b"", "", "reuse")),
    "interim": (
        b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + response(b"hello"),
        False,
        Outcome(200, {}, b"hello", "", "reuse"),
    ),
    "trailers": (
        stream_head() + chunk(b"hello") + b"0\r\nx-sum: 1\r\n\r\n",
        False,
        Outcome(200, {}, b"hello", "", "reuse"),
    ),
    "chunk extensions": (
        stream_head() + b"5;a=b\r\nhello\r\n0;c\r\n\r\n",
        False,
        Outcome(200, {}, b"hello", "", "reuse"),
    ),
    "bare line feeds": (b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello", False, Outcome(200, {}, b"hello", "", "reuse")),
    "blanks after a chunk size": (
        stream_head() + b"5  \r\nhello\r\n0\r\n\r\n",
        False,
        Outcome(200, {}, b"hello", "", "reuse"),
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nhello", True, Outcome(200, {}, b"hello", "", "drop")),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello", False, Outcome(200, {}, b"hello", "", "reuse")),
    "a second answer": (response(b"hello") + response(b"EVIL"), False, Outcome(200, {}, b"hello", "", "drop")),
    "stray bytes": (response(b"hello") + b"\0\0", False, Outcome(200, {}, b"hello", "", "drop")),
    "length, cut": (
        HEAD + b"content-length: 9\r\n\r\nhello",
        True,
        Outcome(200, {}, b"hello", "upstream_truncated", "abort"),
    ),
    "chunks, cut": (stream_head() + chunk(b"hello"), True, Outcome(200, {}, b"hello", "upstream_truncated", "abort")),
    "head, cut": (HEAD + b"content-le", True, Outcome(0, {}, b"", "upstream_protocol", "abort")),
    "status line, cut": (b"HTTP/1.1 2", True, Outcome(0, {}, b"", "upstream_protocol", "abort")),
    "not HTTP": (b"\0\x01SSH-2.0-x\r\n", True, Outcome(0, {}, b"", "upstream_protocol", "abort")),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x50", True, Outcome(0, {}, b"", "upstream_protocol", "abort")),
    "chunk size": (
        stream_head() + chunk(b"hello") + b"zz\r\n",
        False,
        Outcome(200, {}, b"hello", "upstream_protocol", "abort"),
    ),
    "two lengths": (
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        False,
        Outcome(0, {}, b"", "upstream_protocol", "abort"),
    ),
    "other transfer coding": (
        HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n",
        False,
        Outcome(0, {}, b"", "upstream_protocol", "abort"),
    ),
    "another protocol": (
        b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nPRI",
        False,
        Outcome(0, {}, b"", "upstream_protocol", "abort"),
    ),
    "unknown packing": (
        response(b"hello", headers="content-encoding: lzma\r\n"),
        False,
        Outcome(200, {}, b"", "upstream_decode", "reuse"),
    ),
    "too many headers": (
        HEAD + b"".join(b"x-%d: y\r\n" % n for n in range(30)) + b"\r\n",
        False,
        Outcome(0, {}, b"", "upstream_limit", "abort"),
    ),
    "too long a header": (
        HEAD + b"x: " + b"y" * 3000 + b"\r\n\r\n",
        False,
        Outcome(0, {}, b"", "upstream_limit", "abort"),
    ),
    "endless interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
        False,
        Outcome(0, {}, b"", "upstream_limit", "abort"),
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_ends_the_same_at_every_cut(name: str) -> None:
    data, ended, expected = ANSWERS[name]
    runs = [[data], every(data, 1), every(data, 3), [data[:40], data[40:]]]
    for pieces in runs:
        made = outcome([piece for piece in pieces if piece], ended=ended)
        assert (made.status, made.body, made.code) == (expected.status, expected.body, expected.code)
        if len(pieces) == 1 or name not in ("a second answer", "stray bytes"):  # what comes later comes to nobody
            assert made.last == expected.last


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(ANSWERS)), CUTS)
def test_any_cut_gives_the_same_body(name: str, points: list[int]) -> None:
    data, ended, expected = ANSWERS[name]
    made = outcome([piece for piece in cut(data, points) if piece], ended=ended)
    assert (made.status, made.body, made.code) == (expected.status, expected.body, expected.code)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(ANSWERS)), st.integers(0, 10_000), st.binary(max_size=30), CUTS, st.booleans())
def test_any_garbage_ends_in_one_documented_way(
    name: str, at: int, garbage: bytes, points: list[int], reset: bool
) -> None:
    data = ANSWERS[name][0]
    at %= len(data) + 1
    pieces = [piece for piece in cut(data[:at] + garbage + data[at:], points) if piece]
    made = outcome(pieces, ended=not reset, reset=reset)
    assert made.code == "" or made.code in ERROR_CODES
    assert made.last in ("abort", "reuse", "drop")
    assert "EVIL" not in made.body.decode("latin-1") or b"EVIL" not in data[:at] + garbage


@pytest.mark.parametrize(
    ("sent", "code", "retryable"),
    [
        (b"", "upstream_protocol", True),
        (b"HTTP/1.1 2", "upstream_protocol", True),
        (HEAD, "upstream_protocol", False),
        (HEAD + b"content-length: 3\r\n\r\na", "upstream_reset", False),
        (HEAD + b"\r\nuntil the clo", "upstream_reset", False),
    ],
)
async def test_a_reset_means_what_it_interrupts(sent: bytes, code: str, retryable: bool) -> None:
    exchange = Exchange(Wire(), SMALL, deadline=asyncio.get_running_loop().time() + 60, idle=60)
    if sent:
        exchange.feed(memoryview(sent))
    exchange.ended(ConnectionResetError())
    with pytest.raises(UpstreamError) as caught:
        await rest_of(exchange)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert isinstance(caught.value, UnansweredError) == (sent == b"")


async def test_a_reader_that_is_behind_stops_the_socket_and_starts_it_again() -> None:
    wire = Wire()
    exchange = Exchange(wire, SMALL, deadline=asyncio.get_running_loop().time() + 60, idle=60)
    exchange.feed(memoryview(stream_head()))
    while "pause" not in wire.asked:
        exchange.feed(memoryview(chunk(b"x" * 1000)))
    assert len(await exchange.read()) <= SMALL.unread + 1000
    assert wire.asked == ["pause", "resume"]


async def test_silence_while_the_reader_is_behind_is_not_the_upstreams() -> None:
    wire, idle = Wire(), 0.4
    loop = asyncio.get_running_loop()
    exchange = Exchange(wire, SMALL, deadline=loop.time() + 60, idle=idle)
    exchange.feed(memoryview(stream_head() + chunk(b"x" * 5000)))
    assert wire.asked == ["pause"]
    await asyncio.sleep(idle * 1.5)  # time passes: that is the case
    assert len(await exchange.read()) == 5000
    resumed = loop.time()
    with pytest.raises(UpstreamError, match=r"sent nothing for 0\.4 s"):
        await exchange.read()
    assert loop.time() - resumed > idle * 0.95


async def test_a_body_has_a_size() -> None:
    exchange = Exchange(Wire(), SMALL, deadline=asyncio.get_running_loop().time() + 60, idle=60)
    exchange.feed(memoryview(stream_head()))
    for size in range(0, SMALL.body - 3100, 3000):
        exchange.feed(memoryview(chunk(b"x" * 3000)))
        assert len(await exchange.read()) == 3000, size
    exchange.feed(memoryview(chunk(b"x" * 3000)))
    with pytest.raises(UpstreamError, match="in one answer") as caught:
        await rest_of(exchange)
    assert caught.value.code == "upstream_limit"


async def test_headers_sent_twice_are_joined_and_lower_case() -> None:
    made = await read_pieces([response(b"", headers="X-A: 1\r\nx-a: 2\r\nRetry-After: 7\r\n")])
    assert made.headers["x-a"] == "1, 2"
    assert made.headers["retry-after"] == "7"


async def test_a_cancelled_read_loses_nothing() -> None:
    exchange = Exchange(Wire(), SMALL, deadline=asyncio.get_running_loop().time() + 60, idle=60)
    exchange.feed(memoryview(stream_head()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await exchange.read()
    exchange.feed(memoryview(chunk(b"kept")))
    assert await exchange.read() == b"kept"
