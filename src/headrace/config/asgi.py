"""The server as an ASGI application. Bodies are bounded here: Django would write one of any size to the disk first."""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import django
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from django.urls import get_resolver

from headrace.common.conf import get_settings
from headrace.common.draining import serve_lifespan
from headrace.common.guard import SECURITY_HEADERS
from headrace.common.http import refused, too_large
from headrace.config.handler import StreamHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "headrace.config.settings")

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class _TooLargeError(Exception):
    """More of a body has come than may."""


class BodyLimit:
    """Answers 413 as soon as a body is known to be too large, by its announcement or by its bytes."""

    def __init__(self, application: Application, limit: int) -> None:
        self._application = application
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
        elif scope["type"] != "http":
            await self._application(scope, receive, send)
        elif _announced(scope) > self._limit:
            await self._refuse(send)
        else:
            try:
                await self._application(scope, self._counted(receive), send)
            except _TooLargeError:  # raised while Django still collects the body: nothing has been answered
                await self._refuse(send)

    def _counted(self, receive: Receive) -> Receive:
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise _TooLargeError
            return message

        return counted

    async def _refuse(self, send: Send) -> None:
        answer = refused(too_large(self._limit))
        headers = [*answer.headers.items(), *SECURITY_HEADERS.items(), ("Content-Length", str(len(answer.content)))]
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": encoded})
        await send({"type": "http.response.body", "body": answer.content})


def _announced(scope: Scope) -> int:
    text = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(text) if text.isdigit() and len(text) < 20 else 0


# Both run in a thread that Django would start for each request, before it is looked at; no request of this server finds
# a connection that an earlier one has left.
request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)

django.setup(set_prefix=False)
_ = get_resolver().url_patterns  # else the first request loads them, and holds up the heartbeat of the shared journal
application = BodyLimit(StreamHandler(), get_settings().max_body_bytes)

# A thousand open streams are some hundred thousand live objects, and looking through all of them after every 700 new
# ones took 13 % of the time. What is loaded now stays for good; circles are rare, and found a little later.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
