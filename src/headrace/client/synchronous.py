"""The client for plain threads. A stream belongs to the thread that iterates it; any may call `stop` and `close`."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
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


class Client:
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
        http: httpx.Client | None = None,
    ) -> None:
        self._place = Place(api, project)
        self._headers = dict(headers or {})
        self._patience = patience or Patience()
        self._http = http or httpx.Client(limits=httpx.Limits(max_connections=None))
        self._own = http is None

    def stream(
        self, messages: Iterable[Mapping[str, Any]], model: Mapping[str, Any] = LOCAL_MODEL, **fields: Any
    ) -> ChatStream:
        """A chat, begun when it is first read. `fields` are the contract's (`temperature`, `max_tokens`, …)."""
        return self._stream(Following(self._place, self._patience, body=chat_body(messages, model, fields)))

    def join(self, stream_id: str, *, after: int = 0) -> ChatStream:
        """Follow a stream that runs, or has ended a short while ago, after event number `after`."""
        return self._stream(Following(self._place, self._patience, id=stream_id, position=after))

    def stop(self, stream_id: str) -> None:
        """End a stream at the server; harmless when it has ended. RequestError or an httpx error if it cannot be."""
        for attempt in range(1, STOP_ATTEMPTS + 1):
            try:
                response = self._http.delete(
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
            time.sleep(self._patience.first * 2 ** (attempt - 1))

    def close(self) -> None:
        if self._own:
            self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stream(self, following: Following) -> ChatStream:
        return ChatStream(self, self._http, self._headers, following)


class ChatStream:
    """One answer: iterate over its events, once, or take it whole with `answer()`.

    What is wrong with the request raises `RequestError`, a stream that is lost `StreamLostError`; what goes wrong with
    the answer is a `Failure` among its events. Leaving it (`close`, the end of `with`) leaves it running at the server.
    """

    def __init__(self, client: Client, http: httpx.Client, headers: Mapping[str, str], following: Following) -> None:
        self._client = client
        self._http = http
        self._headers = headers
        self._following = following
        self._left = threading.Event()
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

    def __iter__(self) -> Iterator[StreamEvent]:
        return self._events

    def answer(self) -> Answer:
        """All of it, gathered. A broken answer is returned with its `failure`, not raised."""
        answer = Answer()
        for event in self:
            gather(answer, event)
        answer.stream_id = self.id or ""
        return answer

    def stop(self) -> None:
        """End it at the server; the iteration then comes to its end, with `cancelled`."""
        self._stopping = True
        if self.id is not None:
            self._client.stop(self.id)

    def close(self) -> None:
        """Leave it running: `join` with its `id` and `position` goes on.

        Another thread that reads it is let go with the next bytes, at the latest with the server's next comment.
        """
        self._left.set()
        with suppress(ValueError):  # what another thread waits in cannot be closed
            self._events.close()

    def __enter__(self) -> ChatStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self) -> Generator[StreamEvent]:
        following = self._following
        while not following.ended and not self._left.is_set():
            if self._stopping and not following.asked:
                return  # nothing was asked; what was may run, and is found again to be stopped
            began = time.monotonic()
            reason: object = "the connection ended before the stream did"
            try:
                yield from self._read()
            except (httpx.TransportError, httpx.DecodingError) as error:
                reason = str(error) or type(error).__name__
            except PassingError as error:
                reason = error
            if not following.ended and not self._left.is_set():
                self._left.wait(following.wait(following.broken or reason, time.monotonic() - began))

    def _read(self) -> Generator[StreamEvent]:
        following, ask = self._following, self._following.request()
        named = following.id is not None
        headers = {**self._headers, **ask.headers}
        waits = timeouts(following.patience)
        with self._http.stream(ask.method, ask.url, headers=headers, content=ask.content, timeout=waits) as response:
            body = b"" if is_stream(response.status_code, response.headers) else response.read()
            following.opened(response.status_code, response.headers, body, time.time())
            if self._stopping and not named and following.id:
                self._client.stop(following.id)
            for data in response.iter_bytes():
                yield from following.feed(data)
                if following.ended or following.broken or self._left.is_set():
                    return
