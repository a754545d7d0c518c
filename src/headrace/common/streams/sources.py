"""Where a stream's events come from: a provider over HTTP, with its attempts, budgets and retries.

A source yields lists of events, one list for each socket read, and raises `UpstreamError` for what went wrong before
anything was shown. It never writes to a journal and never decides whether anybody still reads.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from headrace.backends.http import HTTPAnswer, HTTPClient
from headrace.common.streams.adjustments import AdjustmentMemory
from headrace.common.streams.capture import Capture
from headrace.errors import UpstreamError
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.decoder import StreamDecoder
from headrace.providers.failures import MAX_BODY_READ, failure_of_error, read_failure
from headrace.providers.presets import think_style
from headrace.providers.refusals import explain
from headrace.stream.events import Answered, Event, Failure, Usage
from headrace.stream.retry import RetryPolicy

OUT_OF_TIME = frozenset({"upstream_connect_timeout", "upstream_first_byte_timeout"})
FAST_GAP = 0.01  # seconds between reads below which a model counts as fast (about 100 events a second)
FAILURE_BODY_SECONDS = 2.0  # for the words of an error, once its status is known
MAX_MOMENTS = 64  # kept of one stream: a reader may resume without end
GROUP_GAP = 0.02  # a fast model's reads are grouped over this long: half the cost, not visible to a person

TraceKind = Literal["retry", "fallback", "resumed"]


@dataclass(slots=True)
class Trace:
    """What happened on the way, for figures and logs. `shown` forbids a retry: text would come twice.

    `moments` are event-loop time, kind and error code of each retry, fallback and resumption; `on_moment` is told too.
    """

    attempts: int = 0
    shown: bool = False
    usage: Usage | None = None
    moments: list[tuple[float, TraceKind, str]] = field(default_factory=list)
    answered: Answered | None = None
    wire: Capture | None = None
    on_moment: Callable[[TraceKind, str], None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """What a provider is sent besides, so that its spans belong to ours."""

    def note(self, kind: TraceKind, detail: str = "") -> None:
        """Keep that this happened now. Only on the loop that produces the stream."""
        if len(self.moments) < MAX_MOMENTS:
            self.moments.append((asyncio.get_running_loop().time(), kind, detail))
        if self.on_moment is not None:
            self.on_moment(kind, detail)


class Source(Protocol):
    """`provider` and `model` name it in logs and figures; `secrets` must never be shown."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...

    def events(self, trace: Trace) -> AsyncGenerator[list[Event], None]: ...

    @property
    def secrets(self) -> tuple[str, ...]: ...


@dataclass(slots=True)
class HTTPSource:
    """One question to one provider. `timeout` and `max_duration` are the contract's, in seconds."""

    provider_row: Provider
    resolve: Callable[[], Awaitable[Endpoint]]
    request: ChatRequest
    client: Callable[[], HTTPClient]
    model: str = ""
    base_url: str = ""
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    memory: AdjustmentMemory | None = None
    ready: HTTPRequest | None = field(default=None, repr=False)

    def prepare(self) -> None:
        """Write the request before the stream starts. RequestError for what the provider's dialect has no words for."""
        row = self.provider_row
        self.ready = row.adapter.build(self.request, Endpoint(self.base_url, self.model, self.key), row)

    @property
    def provider(self) -> str:
        return self.provider_row.name

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.provider_row.adapter.secrets(self.key)

    async def events(self, trace: Trace) -> AsyncGenerator[list[Event], None]:
        attempts = _Attempts(self, trace)
        while True:
            try:
                answer = await attempts.ask()
                try:
                    async with aclosing(attempts.decode(answer)) as batches:
                        async for events in batches:
                            yield events
                finally:
                    answer.close()
                return
            except UpstreamError as error:
                if trace.wire is not None:
                    trace.wire.failed(error)
                if trace.shown:
                    raise
                await attempts.recover(error)


class _Attempts:
    """The attempts at one question, inside one budget."""

    def __init__(self, source: HTTPSource, trace: Trace) -> None:
        self._source = source
        self._trace = trace
        self._request = source.request
        self._deadline = asyncio.get_running_loop().time() + source.timeout
        self._endpoint: Endpoint | None = None
        self._failed = 0
        self._earlier: UpstreamError | None = None

    async def ask(self) -> HTTPAnswer:
        """Ask once; an answer that is no stream raises its `UpstreamError`, like everything that kept one away."""
        self._trace.attempts += 1
        answer = await self._send()
        if self._trace.wire is not None:
            self._trace.wire.answered(answer.status, answer.headers)
        if 200 <= answer.status < 300 and answer.status != 204:
            return answer
        try:
            raise await self._failure(answer)
        finally:
            answer.close()

    async def recover(self, error: UpstreamError) -> None:
        """Wait, or change what was refused, so that the next attempt may do better; raises what cannot be mended."""
        if self._adjust(error):
            return
        self._failed += 1
        loop = asyncio.get_running_loop()
        delay = self._source.policy.delay(self._failed, error, self._deadline - loop.time(), random.random())  # noqa: S311
        if delay is None:
            raise explain(self._telling(error), self._request)
        self._earlier = error
        self._trace.note("retry", error.code)
        await asyncio.sleep(delay)

    def _telling(self, error: UpstreamError) -> UpstreamError:
        """The error to show: one that only says that a retry had no time left tells less than what it retried."""
        return self._earlier if self._earlier is not None and error.code in OUT_OF_TIME else error

    def _adjust(self, error: UpstreamError) -> bool:
        """Drop or lower a default of ours that this model refuses; remembered for the model."""
        if self._source.memory is None or self._endpoint is None or error.status is None:
            return False
        request = self._source.memory.learn(self._endpoint, self._request, error)
        if request is None:
            return False
        self._request = request
        self._trace.note("retry", "adjusted")
        return True

    async def _send(self) -> HTTPAnswer:
        source = self._source
        if self._endpoint is None:
            self._endpoint = await source.resolve()
            if source.memory is not None:
                self._request = source.memory.apply(self._endpoint, self._request)
        row = source.provider_row
        request = self._written(row, self._endpoint)
        if row.adapter.sign is not None:
            request = row.adapter.sign(request, self._endpoint, time.time())
        if self._trace.headers:
            request = replace(request, headers={**request.headers, **self._trace.headers})
        if self._trace.wire is not None:
            self._trace.wire.asked(request, self._secrets())
        return await source.client().send(request, deadline=self._deadline, idle=source.timeout)

    def _written(self, row: Provider, endpoint: Endpoint) -> HTTPRequest:
        """The request that was made ready, if it is still the one to be asked; it is large, and kept no longer."""
        ready, self._source.ready = self._source.ready, None
        if ready is not None and self._request is self._source.request:
            return ready
        return row.adapter.build(self._request, endpoint, row)

    async def _failure(self, answer: HTTPAnswer) -> UpstreamError:
        """The error that a refusing answer tells; what its body does not say in time is left out."""
        body = b""
        with suppress(UpstreamError, TimeoutError):  # the status is the news: a body that breaks off changes nothing
            async with asyncio.timeout(min(self._source.timeout, FAILURE_BODY_SECONDS)):
                while len(body) < MAX_BODY_READ and (data := await answer.read()):
                    body += data
        if self._trace.wire is not None:
            self._trace.wire.read(body)
        return read_failure(answer.status, answer.headers, body, secrets=self._secrets(), now=time.time())

    async def decode(self, answer: HTTPAnswer) -> AsyncGenerator[list[Event], None]:
        """The answer's events. A fast model's reads are grouped; the first one and the end never wait."""
        row = self._source.provider_row
        decoder = StreamDecoder(row, think=think_style(row, self._source.model), secrets=self._secrets())
        loop = asyncio.get_running_loop()
        last = loop.time()
        try:
            while True:
                events = await _step(answer, decoder, self._trace.wire)
                if events:
                    yield self._shown(events)
                if decoder.done:
                    if len(events) < 2 or type(events[-2]) is not Failure:
                        answer.release()
                    return
                if self._trace.shown and loop.time() - last < FAST_GAP:
                    await answer.settle(GROUP_GAP)
                last = loop.time()
        finally:
            self._trace.usage = decoder.usage

    def _shown(self, events: list[Event]) -> list[Event]:
        """These events, about to be shown: from now on nothing is tried again. A failure before any may be."""
        first = events[0]
        if type(first) is Failure and not self._trace.shown:
            raise UpstreamError(
                first.code,
                first.message,
                status=first.status,
                retryable=first.retryable,
                retry_after=first.retry_after,
            )
        self._trace.shown = True
        return events

    def _secrets(self) -> tuple[str, ...]:
        key = self._endpoint.key if self._endpoint else ""
        return self._source.provider_row.adapter.secrets(key) if key else self._source.secrets


async def _step(answer: HTTPAnswer, decoder: StreamDecoder, wire: Capture | None) -> list[Event]:
    """The events of what arrives next; once the connection has ended, the ones that end the answer."""
    try:
        data = await answer.read()
    except UpstreamError as error:
        return decoder.abort(failure_of_error(error))
    if wire is not None:
        wire.read(data)
    return decoder.feed(data) if data else decoder.close()
