"""What an ASGI server's start and end mean here: the shared journal gets to work, and no stream ends without an end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from headrace.common.streams.runtime import close_clients, drain_streams, streams

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def serve_lifespan(receive: Receive, send: Send) -> None:
    """Answer the server's two events; the second one when everything has been let go."""
    await receive()
    journal = streams().journal
    await journal.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await drain_streams(0)
    await close_clients()
    await journal.close()
    await send({"type": "lifespan.shutdown.complete"})
