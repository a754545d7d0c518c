"""A client of Headrace's servers, for threads and for coroutines: typed events, resumed by itself, stopped when asked.

It speaks the wire of `docs/protocol.md` and knows nothing of the server's inside. `docs/clients.md` shows it in use.
"""

from __future__ import annotations

from headrace.client.asynchronous import AsyncChatStream, AsyncClient
from headrace.client.following import StreamLostError
from headrace.client.patience import Patience
from headrace.client.synchronous import ChatStream, Client
from headrace.stream.answer import Answer, StreamEvent

__all__ = [
    "Answer",
    "AsyncChatStream",
    "AsyncClient",
    "ChatStream",
    "Client",
    "Patience",
    "StreamEvent",
    "StreamLostError",
]
