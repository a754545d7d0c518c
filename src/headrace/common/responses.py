"""A streaming response that streams under ASGI and WSGI alike, whatever the colour of its source.

Django alone collects the whole body where the colours differ; the client then waits for the last event.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from headrace.common.bridges import blocking, threaded
from headrace.common.compressed import CompressedStream
from headrace.common.streams.chat import SSEStream

Source = AsyncIterable[bytes | str] | Iterable[bytes | str]


class EventStreamResponse(StreamingHttpResponse):
    """`text/event-stream`, unbuffered. A source that has `close` is closed with the response, read or not."""

    def __init__(
        self,
        source: Source,
        *,
        request: HttpRequest | None = None,
        on_close: Callable[[], None] | None = None,
        **options: Any,
    ) -> None:
        self._asynchronous = hasattr(request, "scope") if request else asyncio._get_running_loop() is not None
        super().__init__(source, content_type="text/event-stream", **options)
        if on_close is not None:
            self._resource_closers.append(on_close)  # type: ignore[attr-defined]
        self.headers["Cache-Control"] = "no-cache"
        self.headers["X-Accel-Buffering"] = "no"
        if may_set_connection(request):
            self.headers["Connection"] = "keep-alive"

    def _set_streaming_content(self, value: Source) -> None:
        self._source: Any = value
        both = hasattr(value, "__aiter__") and hasattr(value, "__iter__")
        self.is_async = self._asynchronous if both else hasattr(value, "__aiter__")
        if (close := getattr(value, "close", None)) is not None:
            self._resource_closers.append(close)  # type: ignore[attr-defined]

    def close_source(self) -> None:
        """`close`, without telling Django's own parts that a request has ended: they held nothing for this one."""
        for close in self._resource_closers:  # type: ignore[attr-defined]
            close()
        self._resource_closers.clear()  # type: ignore[attr-defined]
        self.closed = True

    def replace_source(self, change: Callable[[Any], Any]) -> None:
        """Read from what `change` makes of the source; the source itself is still what is closed in the end."""
        self._source = change(self._source)

    @property
    def streaming_content(self) -> Any:
        return self.__aiter__() if self.is_async else iter(self)

    @streaming_content.setter
    def streaming_content(self, value: Any) -> None:
        self._set_streaming_content(value)

    def __iter__(self) -> Iterator[bytes]:
        source = self._source
        return map(self.make_bytes, source if isinstance(source, Iterable) else blocking(source))

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        source = self._source
        if isinstance(source, SSEStream | CompressedStream):
            return aiter(source)  # bytes already: one layer less for each event
        return self._converted(source if isinstance(source, AsyncIterable) else threaded(source))

    async def _converted(self, source: AsyncIterable[bytes | str]) -> AsyncGenerator[bytes, None]:
        iterator = aiter(source)
        try:
            async for part in iterator:
                yield part if type(part) is bytes else self.make_bytes(part)
        finally:
            if (aclose := getattr(iterator, "aclose", None)) is not None:
                await aclose()


def may_set_connection(request: HttpRequest | None) -> bool:
    """Whether the server takes a `Connection` header from an application: HTTP/1.1 only, and never wsgiref.

    Without a request the one sign of wsgiref is that Django's development server has been imported.
    """
    if request is None:
        return "django.core.servers.basehttp" not in sys.modules
    scope = getattr(request, "scope", None)
    if scope is not None:
        return bool(scope.get("http_version", "1.1") == "1.1")
    meta = request.META
    wsgiref = str(meta.get("SERVER_SOFTWARE", "")).startswith("WSGIServer")
    return meta.get("SERVER_PROTOCOL") == "HTTP/1.1" and not wsgiref
