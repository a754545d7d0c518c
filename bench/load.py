"""A load for streamed chat endpoints, as cheap as Python allows: `python -m bench.load --url … --model …`.

`--mode closed` keeps `--streams` requests running until `--requests` are answered; `--mode hold` opens `--streams`
over `--ramp` seconds, one request each. An answer is complete only with status 200, every token, `[DONE]` last and a
body that ended as HTTP says. It prints one line of JSON (`bench.tally.Summary`) and interprets nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

from bench.loops import fail_loudly
from bench.marks import MarkScanner, delay_us, now_us
from bench.tally import Summary, Tally

ENDING = b"data: [DONE]\n\n"
GZIP = 16  # zlib's mark for its frame
CONNECT_PATIENCE = 5.0  # on loopback a connect that takes longer is never answered


@dataclass(frozen=True, slots=True)
class Target:
    """Where, and what to send. `latencies`: whether each token's delay is worth keeping (it is when paced)."""

    host: str
    port: int
    request: bytes
    tokens: int
    latencies: bool
    coding: str = "identity"


class Answer:
    """One answer, judged as it comes."""

    __slots__ = ("_ending", "_inflate", "_scanner", "_started", "_tally", "_target", "status", "tokens")

    def __init__(self, target: Target, tally: Tally) -> None:
        self._target = target
        self._tally = tally
        self._scanner = MarkScanner()
        self._started = now_us()
        self._ending = b""
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | GZIP).decompress if target.coding == "gzip" else None
        self.status = 0
        self.tokens = 0

    def feed(self, body: bytes, now: int) -> None:
        self._tally.wire_bytes += len(body)
        if self._inflate is not None:
            body = self._inflate(body)
        self._tally.body_bytes += len(body)
        size = len(ENDING)
        self._ending = body[-size:] if len(body) >= size else (self._ending + body)[-size:]
        marks = self._scanner.feed(body)
        if not marks:
            return
        if not self.tokens:
            self._tally.first_tokens.append(now - self._started)
        self.tokens += len(marks)
        self._tally.tokens += len(marks)
        if self._target.latencies:
            self._tally.latencies.extend(delay_us(now, int(digits)) for digits in marks)

    def verdict(self) -> str:
        """What is wrong with an answer that HTTP calls complete; empty: nothing."""
        if self.status != 200:
            return f"status {self.status}"
        if self.tokens != self._target.tokens:
            return "tokens missing" if self.tokens < self._target.tokens else "tokens doubled"
        return "" if self._ending == ENDING else "no [DONE]"


class Client(asyncio.Protocol):
    """One connection. `following` says whether to ask again on it, `ended` that it will do no more."""

    def __init__(self, target: Target, tally: Tally, following: Callable[[], bool], ended: Callable[[], None]) -> None:
        self._target = target
        self._tally = tally
        self._following = following
        self._ended = ended
        self._answer: Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class does not derive from it
        self._ask()

    def _ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer = Answer(self._target, self._tally)
        self._transport.write(self._target.request)

    def data_received(self, data: bytes) -> None:
        self._now = now_us()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end("not HTTP")

    def on_headers_complete(self) -> None:
        if self._answer:
            self._answer.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if self._answer:
            self._answer.feed(body, self._now)

    def on_message_complete(self) -> None:
        if not self._answer:
            return
        wrong = self._answer.verdict()
        if wrong or not self._parser.should_keep_alive():
            self._end(wrong)
            return
        self._tally.complete += 1
        self._answer = None
        if self._following():
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if self._answer:
            self._end("connection lost")
        self._ended()

    def stop(self) -> None:
        """The time is up."""
        if self._answer:
            self._end("not in time")

    def _end(self, wrong: str) -> None:
        if wrong:
            self._tally.error(wrong)
        else:
            self._tally.complete += 1
        self._answer = None
        self._transport.abort()


class Load:
    """Opens connections and knows when it has had enough. `requests` None: one for each stream."""

    def __init__(self, target: Target, *, streams: int, requests: int | None, deadline: float) -> None:
        self.tally = Tally()
        self._target = target
        self._streams = streams
        self._left = requests
        self._deadline = deadline
        self._clients: set[Client] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._running = streams
        self._done = asyncio.Event()

    async def run(self, ramp: float) -> float:
        """Seconds that it took."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        for number in range(self._streams):
            loop.call_later(ramp * number / self._streams, self._open)
        try:
            await asyncio.wait_for(self._done.wait(), self._deadline)
        except TimeoutError:
            self._left = 0
            for client in list(self._clients):
                client.stop()
        return loop.time() - started

    def _open(self) -> None:
        if self._left is None or self._take():
            task = asyncio.ensure_future(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        else:
            self._leave()

    def _take(self) -> bool:
        """Whether there is another request to make; it is the caller's then."""
        if not self._left:
            return False
        self._left -= 1
        return True

    def _again(self) -> None:
        """A connection has ended. Another takes its place where requests are left."""
        if self._left:
            self._open()
        else:
            self._leave()

    def _leave(self) -> None:
        self._running -= 1
        if not self._running:
            self._done.set()

    async def _connect(self) -> None:
        client = Client(self._target, self.tally, self._take, self._again)
        self._clients.add(client)
        loop = asyncio.get_running_loop()
        connecting = loop.create_connection(lambda: client, self._target.host, self._target.port)
        try:
            await asyncio.wait_for(connecting, CONNECT_PATIENCE)
        except OSError:
            self.tally.error("no connection")
            self._again()


def request(url: str, body: str, coding: str = "identity") -> bytes:
    """A POST of JSON as bytes."""
    parts = urlsplit(url)
    payload = body.encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nAccept-Encoding: {coding}\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


async def measure(options: argparse.Namespace) -> Summary:
    fail_loudly()
    parts = urlsplit(options.url)
    target = Target(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 80,
        request=request(options.url, options.body, options.coding),
        tokens=options.tokens,
        coding=options.coding,
        latencies=options.mode == "hold",
    )
    hold = options.mode == "hold"
    load = Load(
        target,
        streams=options.streams,
        requests=None if hold else options.requests,
        deadline=options.deadline,
    )
    seconds = await load.run(options.ramp if hold else 0.0)
    return load.tally.summary(tokens_each=options.tokens, seconds=seconds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--body", required=True, help="the JSON to post")
    parser.add_argument("--mode", choices=("closed", "hold"), default="closed")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--requests", type=int, default=64, help="in all (closed mode)")
    parser.add_argument("--tokens", type=int, required=True, help="that a complete answer has")
    parser.add_argument("--ramp", type=float, default=2.0, help="seconds over which streams are opened (hold mode)")
    parser.add_argument("--coding", choices=("identity", "gzip"), default="identity", help="of the answers")
    parser.add_argument("--deadline", type=float, default=60.0, help="seconds after which what still runs is an error")
    options = parser.parse_args()
    gc.disable()  # a pause would be measured as the target's
    print(json.dumps(uvloop.run(measure(options))))


if __name__ == "__main__":
    main()
