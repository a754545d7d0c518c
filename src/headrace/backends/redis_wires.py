"""What went over the wire for streams that have ended, on the shared server: any worker may be asked for it.

It is written once, when the stream has ended, off its path, and expires with it. There is no key in it.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from typing import Any

import msgspec

from headrace.backends import redis_keys as rk
from headrace.backends.journal import JournalAwayError
from headrace.backends.known import Known
from headrace.backends.log import Log, Wire

LEVEL = 1  # of compression: a tenth of the size in a fraction of the time

logger = logging.getLogger("headrace.journal")

Ask = Callable[..., Awaitable[Any]]


class Wires:
    """`ask` puts a command to the shared server; it raises `JournalAwayError` where that does not answer."""

    def __init__(self, keys: rk.Keys, ask: Ask, replay_seconds: float) -> None:
        self._keys = keys
        self._ask = ask
        self._replay_ms = int(replay_seconds * 1000)
        self._sharing: set[asyncio.Task[None]] = set()

    def share(self, stream_id: str, log: Log) -> None:
        """Begin to write this log's wire there. On an event loop."""
        if log.wire is not None:
            sharing = self._share(stream_id, str(log.about.get("project") or ""), log.wire)
            task = asyncio.get_running_loop().create_task(sharing, context=Context())
            self._sharing.add(task)
            task.add_done_callback(self._sharing.discard)

    async def shared(self, within: float) -> None:
        """Returns when all that was begun is written, or after so many seconds."""
        if self._sharing:
            await asyncio.wait(list(self._sharing), timeout=within)

    async def find(self, known: Known) -> Mapping[str, Any] | None:
        """The wire of a stream of another worker. One that has just ended may take a moment."""
        for pause in (*(rk.LOOK_AGAIN_SECONDS if known.about.get("wire") and known.ended else ()), None):
            data = await self._ask("GET", self._keys.wire(known.stream_id))
            if data is not None:
                return await asyncio.to_thread(_unpacked, data)
            if pause is not None:
                await asyncio.sleep(pause)
        return None

    async def _share(self, stream_id: str, project: str, wire: Wire) -> None:
        data = await asyncio.to_thread(_packed, wire)
        keys = self._keys.wire_books
        bounds = self._replay_ms, rk.WIRES_BYTES, rk.WIRE_LEAST
        try:
            await self._ask("EVAL", rk.KEEP_WIRE.text, len(keys), *keys, stream_id, project, data, *bounds)
        except JournalAwayError as error:
            logger.warning("a stream's wire could not be shared: %s", error, extra={"stream_id": stream_id})


def _packed(wire: Wire) -> bytes:
    return zlib.compress(msgspec.json.encode(wire.told()), LEVEL)


def _unpacked(data: bytes) -> dict[str, Any]:
    return msgspec.json.decode(zlib.decompress(data), type=dict[str, Any])
