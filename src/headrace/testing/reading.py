"""What a client sees of a streaming response of Django's test clients, checked to have ended as it should."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Any, cast

from django.http.response import HttpResponseBase

from headrace.common.streams.runtime import streams

PATIENCE = 10.0  # seconds for what is done with a stream when it has ended
LOOK_AGAIN = 0.002
BRACKETS = ("<think>", "</think>")


class StreamedEvents(list[dict[str, Any]]):
    """The events in order, as JSON has them, without `[DONE]`."""

    stream_id: str = ""

    @property
    def content(self) -> str:
        """The answer."""
        return "".join(event["content"] for event in self if event.get("type") == "content")

    @property
    def reasoning(self) -> str:
        """The thoughts, without the brackets around them."""
        texts = (event["content"] for event in self if event.get("type") == "reasoning")
        return "".join(text for text in texts if text not in BRACKETS)

    @property
    def error(self) -> dict[str, Any] | None:
        """The error that the stream ended with, if it did."""
        return next((event for event in self if "error" in event), None)

    def __await__(self) -> Generator[Any, None, StreamedEvents]:
        """For type checkers: what a coroutine is given is awaited."""
        yield from ()
        return self


def read_events(response: HttpResponseBase) -> StreamedEvents:
    """Read a stream to its end: `read_events(response)` in a test, `await read_events(response)` in a coroutine.

    AssertionError if it is no stream or did not end with exactly one `[DONE]`. It returns when `after_stream` has been
    called, too.
    """
    if asyncio._get_running_loop() is not None:
        return cast(StreamedEvents, _aread(response))
    _check(response)
    data = b"".join(cast(Iterable[bytes], response))
    response.close()
    found = _events(response, data)
    _wait_for_end(found.stream_id)
    return found


async def _aread(response: HttpResponseBase) -> StreamedEvents:
    _check(response)
    data = b""
    async for part in cast(AsyncIterator[bytes], response):
        data += part
    response.close()
    found = _events(response, data)
    await asyncio.to_thread(_wait_for_end, found.stream_id)
    return found


def _wait_for_end(stream_id: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while streams().get(stream_id) is not None and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN)


def _check(response: HttpResponseBase) -> None:
    kind = response.headers.get("Content-Type", "")
    if not response.streaming or not kind.startswith("text/event-stream"):
        shown = getattr(response, "content", b"")[:500].decode("utf-8", "replace")
        raise AssertionError(f"no stream but {response.status_code} {kind}: {shown}")
    if encoding := response.headers.get("Content-Encoding"):
        raise AssertionError(f"the stream is compressed ({encoding}): ask without Accept-Encoding")


def _events(response: HttpResponseBase, data: bytes) -> StreamedEvents:
    lines = [line[6:] for line in data.decode().split("\n") if line.startswith("data: ")]
    if not lines or lines[-1] != "[DONE]" or lines.count("[DONE]") != 1:
        raise AssertionError(f"the stream did not end with one [DONE]: …{data[-200:].decode('utf-8', 'replace')!r}")
    found = StreamedEvents(json.loads(line) for line in lines[:-1])
    found.stream_id = response.headers.get("X-Stream-Id", "")
    return found
