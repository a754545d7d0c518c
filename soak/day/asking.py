"""One stream as whoever asks sees it, written down to be compared with its row."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from soak.client import Client, blocks
from soak.day.plan import PROJECTS, Asker, Model
from soak.day.providers import WRONG_KEY

KEY = "sk-soak-0123456789abcdef"
NOWHERE = "http://127.0.0.1:1"
"""Nobody listens there."""
FEW_TOKENS = 60  # of the models of this machine, which share its processor
PATIENCE = 90.0
QUESTION = [{"role": "user", "content": "What is a headrace, and what flows in it?"}]
NOBODY = Model("openai-compatible", "internal-llm")
HELD = {"resumes", "stops"}
"""Acts whose stream goes on without a reader."""


@dataclass(slots=True)
class Told:
    """What was seen of a stream. `first` is seconds to the first event; `finish` its last event, where one came."""

    asker: Asker
    model: Model | None
    act: str
    at: float
    stream_id: str = ""
    first: float | None = None
    failure: str = ""
    finish: Mapping[str, Any] = field(default_factory=dict)
    last: int = 0

    @property
    def ending(self) -> str:
        """As its row has it; empty where whoever asked did not stay to see it."""
        return self.failure or str(self.finish.get("reason", ""))


@dataclass(slots=True)
class Asking:
    """`heads` make each asker known; `stored` is a configuration with a fallback, of the first project."""

    client: Client
    heads: Mapping[str, str]
    ollama: str
    stored: str

    async def one(self, told: Told) -> Told:
        """Ask, and do what is to be done."""
        async with asyncio.timeout(PATIENCE):
            began = time.monotonic()
            reader, writer, head = await self._post(told)
            told.stream_id = head["x-stream-id"]
            leave_after = random.randint(1, 8) if told.act in ("leaves", "resumes", "stops") else 0
            async for _ in self._events(told, reader, began):
                if told.last == leave_after:
                    break
            if told.act == "stops" and not told.finish:
                await self._stop(told)
                async for _ in self._events(told, reader, began):
                    pass
            writer.transport.abort()
            if told.act == "resumes" and not told.finish:
                await self._resume(told, began)
            return told

    async def get(self, path: str, who: str) -> Any:
        reader, writer, head = await self.client.ask(None, f"GET {path}", f"{self.heads[who]}\r\n", b"")
        found = json.loads(await reader.readexactly(int(head["content-length"])))
        writer.transport.abort()
        return found

    async def store(self, configuration: Mapping[str, object], who: str) -> str:
        """The id of a configuration that is stored in the first project."""
        line = f"POST /api/projects/{PROJECTS[0]}/models/"
        reader, writer, head = await self._send(line, {"apiKey": KEY, **configuration}, who)
        found = json.loads(await reader.readexactly(int(head["content-length"])))
        writer.transport.abort()
        return str(found["configId"])

    async def _post(self, told: Told) -> Any:
        options: dict[str, object] = {"includeUsage": True, "includeIds": True}
        options["onDisconnect"] = "continue" if told.act in HELD else "cancel"
        asked = {"messages": QUESTION, "model": self._model(told), "timeout": 30, "streamOptions": options}
        if told.model and told.model.provider == "local":
            asked["maxTokens"] = FEW_TOKENS
        return await self._send(f"POST {_place(told)}/chat/stream/", asked, told.asker.name)

    def _model(self, told: Told) -> Mapping[str, str]:
        model = told.model
        if model is None:
            return {"configId": self.stored}
        if model is NOBODY:
            return {"providerId": model.provider, "modelId": model.name, "endpoint": f"{NOWHERE}/v1", "apiKey": KEY}
        found = {"providerId": model.provider, "modelId": model.name}
        if model.host:
            found["apiKey"] = WRONG_KEY if told.act == "wrong key" else KEY
        elif model.recorded:
            found["endpoint"] = self.ollama
        return found

    async def _send(self, line: str, asked: Mapping[str, Any], who: str) -> Any:
        body = json.dumps(asked).encode()
        head = f"{self.heads[who]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return await self.client.ask(None, line, head, body)

    async def _stop(self, told: Told) -> None:
        line = f"DELETE {_place(told)}/streams/{told.stream_id}/"
        _, writer, _ = await self.client.ask(None, line, f"{self.heads[told.asker.name]}\r\n", b"")
        writer.transport.abort()

    async def _resume(self, told: Told, began: float) -> None:
        head = f"{self.heads[told.asker.name]}\r\nLast-Event-ID: {told.last}\r\n"
        line = f"GET {_place(told)}/streams/{told.stream_id}/?includeUsage=true"
        reader, writer, _ = await self.client.ask(None, line, head, b"")
        async for _ in self._events(told, reader, began):
            pass
        writer.transport.abort()

    async def _events(self, told: Told, reader: asyncio.StreamReader, began: float) -> AsyncIterator[None]:
        """Goes on after each event, which is written down."""
        async for block in blocks(reader):
            _, _, data = block.partition("data: ")
            if data == "[DONE]":
                return
            event = json.loads(data)
            told.first = told.first or time.monotonic() - began
            told.last += 1
            if "error" in event:
                told.failure = event["code"]
            elif event["type"] == "finish":
                told.finish = event
            yield


def _place(told: Told) -> str:
    return f"/api/projects/{told.asker.project}/playground"
