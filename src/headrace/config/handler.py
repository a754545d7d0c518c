"""Django's ASGI handler, for a server whose answers are streams: one is finished without two threads made for it.

Django closes every response in a thread of the request's own, and makes another to wait for that one's end; together
they cost more than all the rest of a request here. What a stream closes is ours and never blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing, closing, suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_finished, request_started
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from headrace.common.responses import EventStreamResponse

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class StreamHandler(ASGIHandler):
    """Answers one HTTP request; a client that leaves cancels its view and its stream in every phase."""

    async def handle(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            if scope.get("root_path"):
                set_script_prefix(get_script_prefix(scope))
            await request_started.asend(sender=type(self), scope=scope)
            request, refusal = self.create_request(scope, body)
            answering = self._answer(request, send) if refusal is None else self._refuse(refusal, send)
            response = await self._while_present(answering, receive)
            if response is None:
                await request_finished.asend(sender=type(self))
            elif isinstance(response, EventStreamResponse):
                response.close_source()
            else:
                await sync_to_async(response.close)()

    def make_view_atomic(self, view: Any) -> Any:
        """No view of this server runs in a transaction of its request; looking through the databases finds that out."""
        return view

    async def _answer(self, request: Any, send: Send) -> HttpResponseBase:
        response: HttpResponseBase = await self.run_get_response(request)
        with suppress(asyncio.CancelledError):  # the client left while it was being answered: the response is closed
            await self.send_response(response, send)
        return response

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        """Django's, but a stream's batches go to the server as they are: cutting each to size costs one more layer."""
        if not isinstance(response, EventStreamResponse):
            await super().send_response(response, send)
            return
        await send({"type": "http.response.start", "status": response.status_code, "headers": _head(response)})
        async with aclosing(aiter(response)) as batches:
            async for batch in batches:
                await send({"type": "http.response.body", "body": batch, "more_body": True})
        await send({"type": "http.response.body"})

    async def _refuse(self, response: HttpResponseBase, send: Send) -> HttpResponseBase:
        await self.send_response(response, send)
        return response

    async def _while_present(
        self, answering: Coroutine[Any, Any, HttpResponseBase], receive: Receive
    ) -> HttpResponseBase | None:
        """What `answering` returns; it is cancelled when the client leaves, and None if it had no response by then."""
        answer = asyncio.create_task(answering)
        leaving = asyncio.create_task(self._left(receive))
        try:
            await asyncio.wait((answer, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answer, leaving):
                if not task.done():
                    task.cancel()
            await asyncio.wait((answer, leaving))
        return None if answer.cancelled() else answer.result()

    async def _left(self, receive: Receive) -> None:
        with suppress(RequestAborted):
            await self.listen_for_disconnect(receive)


def _head(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    fields = [*response.items(), *(("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values())]
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in fields]
