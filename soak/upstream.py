"""A provider whose answers can be foretold: the question says how many events, how fast; each event names its place."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

from headrace.testing import chunk, sse, stream_head


def question(name: str, events: int, pause: float, first: float = 0) -> str:
    """What to ask for: `events` events, `pause` seconds between two, after `first` seconds."""
    return json.dumps({"name": name, "events": events, "pause": pause, "first": first})


def texts(name: str, events: int) -> list[str]:
    """What comes: every event differs from all others of all streams."""
    return [f"{name}:{number} " for number in range(1, events + 1)]


class Upstream:
    """Runs on a thread of its own; `asked` counts the questions for each name."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="soak-upstream", daemon=True)
        self._ready = threading.Event()
        self.url = ""

    def __enter__(self) -> Upstream:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # the last where we end
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:")
                body = json.loads(await reader.readexactly(length))
                await self._answer(writer, json.loads(body["messages"][-1]["content"]))
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, asked: dict[str, Any]) -> None:
        self.asked[asked["name"]] = self.asked.get(asked["name"], 0) + 1
        writer.write(stream_head())
        await asyncio.sleep(asked["first"])
        for text in texts(asked["name"], asked["events"]):
            writer.write(chunk(sse({"choices": [{"index": 0, "delta": {"content": text}}]})))
            await writer.drain()
            await asyncio.sleep(asked["pause"])
        writer.write(
            chunk(sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]")) + chunk(b"")
        )
        await writer.drain()
