"""A fake OpenAI-compatible upstream, as cheap as Python allows: `python -m bench.upstream --port N`.

How it behaves stands in the model's name, so that any target passes it on unchanged. 400 tokens, 50 ms apart, 100 ms
before the first: `bench:tokens=400:gap=50:delay=100`. It answers one way only (streamed), and checks nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import time
from dataclasses import dataclass
from typing import Any, cast

import httptools
import uvloop

from bench.loops import fail_loudly
from bench.marks import MARK_FORMAT, WINDOW_US, now_us
from bench.pacer import Pacer

BACKLOG = 4096
DEFAULT_TOKENS = 20
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\nx-request-id: req_bench\r\n\r\n"
)
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LAST = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one answer is like. Times are in microseconds; a gap of 0 is as fast as the target takes it."""

    tokens: int = DEFAULT_TOKENS
    gap: int = 0
    delay: int = 0

    @property
    def model(self) -> str:
        """The model's name that asks for this behaviour."""
        return f"bench:tokens={self.tokens}:gap={self.gap / 1000:g}:delay={self.delay / 1000:g}"

    @classmethod
    def of(cls, model: str) -> Behaviour:
        """Read back from a model's name; what it does not name has its default."""
        given = dict(part.split("=", 1) for part in model.split(":") if "=" in part)
        return cls(
            tokens=int(given.get("tokens", DEFAULT_TOKENS)),
            gap=round(float(given.get("gap", 0)) * 1000),
            delay=round(float(given.get("delay", 0)) * 1000),
        )


def chunk(payload: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


@dataclass(frozen=True, slots=True)
class Script:
    """The pieces of one answer, ready to send. `token` is a format with one place, for the mark's number."""

    opening: bytes
    token: bytes
    closing: bytes


def script(model: str, *, usage: bool, tokens: int) -> Script:
    """The answer of a model in the shape and size that OpenAI's API gives it."""
    about: dict[str, Any] = {
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
    }

    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _line(about | {"choices": [choice]})

    # Marks are of one length, so a chunk's size is known before its mark is.
    sized = chunk(event({"content": "~00000000"}))
    closing = chunk(event({}, "stop"))
    if usage:
        counted = {"prompt_tokens": 24, "completion_tokens": tokens, "total_tokens": tokens + 24}
        closing += chunk(_line(about | {"choices": [], "usage": counted}))
    return Script(
        opening=chunk(event({"role": "assistant", "content": ""})),
        token=sized.replace(b"~00000000", MARK_FORMAT),
        closing=closing + LAST,
    )


def _line(shown: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(shown, separators=(",", ":")).encode() + b"\n\n"


class Connection(asyncio.Protocol):
    """One connection of a target: requests one after another, each answered with its stream."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._open = True
        self._sending = True  # False while the kernel's buffer is full
        self._left = 0
        self._parser = httptools.HttpRequestParser(self)
        self._body = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class does not derive from it
        self._transport.set_write_buffer_limits(0)
        self._fd = transport.get_extra_info("socket").fileno()

    def connection_lost(self, _: Exception | None) -> None:
        self._open = False

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.write(REFUSAL)
            self._transport.close()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        asked = json.loads(self._body)
        self._body.clear()
        behaviour = Behaviour.of(asked["model"])
        usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        self._script = script(asked["model"], usage=usage, tokens=behaviour.tokens)
        self._left, self._gap = behaviour.tokens, behaviour.gap
        self._due = now_us() + behaviour.delay
        self._send(HEAD + self._script.opening)
        if behaviour.delay:
            self._pacer.schedule(self._due, self)
        else:
            self._go_on()

    def pause_writing(self) -> None:
        self._sending = False

    def resume_writing(self) -> None:
        self._sending = True
        if self._left:
            self._go_on()

    def advance(self, now: int) -> int | None:
        """Send the tokens that are due, one write each; when the next is due, or None where no timer is needed."""
        if not self._gap:
            self._burst()
            return None
        while self._left and self._due <= now and self._sending and self._open:
            due, self._due = self._due, self._due + self._gap
            self._token(due)
        return self._due if self._left and self._sending and self._open else None

    def _go_on(self) -> None:
        following = self.advance(now_us())
        if following is not None:
            self._pacer.schedule(following, self)

    def _burst(self) -> None:
        while self._left and self._sending and self._open:
            self._token(now_us())

    def _token(self, due: int) -> None:
        self._left -= 1
        data = self._script.token % (due % WINDOW_US)
        self._send(data if self._left else data + self._script.closing)

    def _send(self, data: bytes) -> None:
        """Straight to the kernel, as one write each; the transport would join the writes of one turn of the loop."""
        if not self._sending:
            self._transport.write(data)
            return
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._open = False
            self._transport.abort()
            return
        if sent < len(data):
            self._transport.write(data[sent:])  # which pauses us at once where the kernel takes no more


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    fail_loudly()
    loop = asyncio.get_running_loop()
    pacer = Pacer(loop)
    server = await loop.create_server(lambda: Connection(pacer), "127.0.0.1", port, backlog=BACKLOG)
    async with server:
        await server.serve_forever()


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.upstream", description=__doc__)
    options.add_argument("--port", type=int, required=True)
    gc.disable()  # nothing here makes cycles that matter, and a pause would be measured as the target's
    uvloop.run(serve(options.parse_args().port))


if __name__ == "__main__":
    main()
