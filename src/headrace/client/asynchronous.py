"""The client for coroutines. Cancelling a task that reads a stream leaves it; `stop` ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any

from headrace.client.following import (
    STOP_ATTEMPTS,
    Following,
    PassingError,
    Place,
    chat_body,
    is_passing,
    is_stream,
    refusal_of,
)
from headrace.client.patience import Patience
from headrace.client.transport import DEFAULT_API, LOCAL_MODEL, httpx, is_stopped, timeouts
from headrace.stream.answer import Answer, StreamEvent, gather


class AsyncClient:
    """Chats in one project of a Headrace server.

    `api` is where the server's API is, `headers` go with every request (`Authorization`, …). A client of your own
    (`http`) brings its proxies, certificates and cookies, and stays open.
    """

    def __init__(
        self,
        api: str = DEFAULT_API,
        *,
        project: str = "default",
        headers: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._place = Place(api, project)
        self._headers = dict(headers or {})
        self._patience = patience or Patience()
        self._http = http or httpx.AsyncClient(limits=httpx.Limits(max_connections=None))
        self._own = http is None

    def stream(
        self, messages: Iterable[Mapping[str, Any]], model: Mapping[str, Any] = LOCAL_MODEL, **fields: Any
    ) -> AsyncChatStream:
        """A chat, begun when it is first read. `fields` are the contract's (`temperature`, `max_tokens`, …)."""
        return self._stream(Following(self._place, self._patience, body=chat_body(messages, model, fields)))

    def join(self, stream_id: str, *, after: int = 0) -> AsyncChatStream:
        """Follow a stream that runs, or has ended a short while ago, after event number `after`."""
        return self._stream(Following(self._place, self._patience, id=stream_id, position=after))

    async def stop(self, stream_id: str) -> None:
        """End a stream at the server; harmless when it has ended. RequestError or an httpx error if it cannot be."""
        for attempt in range(1, STOP_ATTEMPTS + 1):
            try:
                response = await self._http.delete(
                    self._place.stream(stream_id), headers=self._headers, timeout=timeouts(self._patience)
                )
            except httpx.TransportError:
                if attempt == STOP_ATTEMPTS:
                    raise
            else:
                if is_stopped(response.status_code):
                    return
                if attempt == STOP_ATTEMPTS or not is_passing(response.status_code):
                    raise refusal_of(response.status_code, response.content)
            await asyncio.sleep(self._patience.first * 2 ** (attempt - 1))

    async def close(self) -> None:
        if self._own:
            await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _stream(self, following: Following) -> AsyncChatStream:
        return AsyncChatStream(self, self._http, self._headers, following)


class AsyncChatStream:
    """One answer: iterate over its events, once, or take it whole with `answer()`.

    What is wrong with the request raises `RequestError`, a stream that is lost `StreamLostError`; what goes wrong with
    the answer is a `Failure` among its events. Leaving it (`close`, the end of `with`) leaves it running at the server.
    """

    def __init__(
        self, client: AsyncClient, http: httpx.AsyncClient, headers: Mapping[str, str], following: Following
    ) -> None:
        self._client = client
        self._http = http
        self._headers = headers
        self._following = following
        self._left = asyncio.Event()
        self._stopping = False
        self._events = self._follow()

    @property
    def id(self) -> str | None:
        """Known once the server has answered."""
        return self._following.id

    @property
    def position(self) -> int:
        """The number of the last event that was handed out: `join` goes on after it."""
        return self._following.position

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self._events

    async def answer(self) -> Answer:
        """All of it, gathered. A broken answer is returned with its `failure`, not raised."""
        answer = Answer()
        async for event in self:
            gather(answer, event)
        answer.stream_id = self.id or ""
        return answer

    async def stop(self) -> None:
        """End it at the server; the iteration then comes to its end, with `cancelled`."""
        self._stopping = True
        if self.id is not None:
            await self._client.stop(self.id)

    async def close(self) -> None:
        """Leave it running: `join` with its `id` and `position` goes on.

        Another task that reads it is let go with the next bytes, at the latest with the server's next comment.
        """
        self._left.set()
        with suppress(RuntimeError):  # what another task waits in cannot be closed
            await self._events.aclose()

    async def __aenter__(self) -> AsyncChatStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _follow(self) -> AsyncGenerator[StreamEvent]:
        following = self._following
        while not following.ended and not self._left.is_set():
            if self._stopping and not following.asked:
                return  # nothing was asked; what was may run, and is found again to be stopped
            began = time.monotonic()
            reason: object = "the connection ended before the stream did"
            try:
                async with aclosing(self._read()) as events:
                    async for event in events:
                        yield event
            except (httpx.TransportError, httpx.DecodingError) as error:
                reason = str(error) or type(error).__name__
            except PassingError as error:
                reason = error
            if not following.ended and not self._left.is_set():
                wait = following.wait(following.broken or reason, time.monotonic() - began)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._left.wait(), wait)

    async def _read(self) -> AsyncGenerator[StreamEvent]:
        following, ask = self._following, self._following.request()
        named = following.id is not None
        headers = {**self._headers, **ask.headers}
        waits = timeouts(following.patience)
        async with self._http.stream(
            ask.method, ask.url, headers=headers, content=ask.content, timeout=waits
        ) as response:
            body = b"" if is_stream(response.status_code, response.headers) else await response.aread()
            following.opened(response.status_code, response.headers, body, time.time())
            if self._stopping and not named and following.id:
                await self._client.stop(following.id)
            async for data in response.aiter_bytes():
                for event in following.feed(data):
                    yield event
                if following.ended or following.broken or self._left.is_set():
                    return
