"""The providers of the day, on loopback: what they once answered is replayed at their own addresses.

The server reaches them as behind an operator's proxy: the proxy is this, and so are they all. That way addresses,
dialects, TLS and prices are the real ones, and nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.testing import chunk, response, stream_head
from headrace.testing.certificates import server_context
from soak.day.plan import MODELS, Manner, Model, manner

WRONG_KEY = "sk-soak-mistyped"
LARGEST = 120_000  # bytes of a recording: longer ones take the processor from the others
SHORTEST, LONGEST = 0.5, 9.0  # seconds of one answer
PIECES = 80  # writes of one answer
SILENCE = 4.0  # seconds of a provider that falls silent in mid-answer
BUSY = json.dumps({"error": {"message": "Overloaded, try again.", "type": "overloaded_error"}}).encode()
REFUSED = json.dumps({"error": {"message": "The key is not valid.", "type": "authentication_error"}}).encode()
JSON = "application/json"
ANSWERS = {
    "overloaded": response(BUSY, status="503 Service Unavailable", content_type=JSON),
    "limited": response(BUSY, status="429 Too Many Requests", content_type=JSON, headers="retry-after: 1\r\n"),
    "wrong key": response(REFUSED, status="401 Unauthorized", content_type=JSON),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """`tokens` of its answer, thoughts included."""

    content_type: str
    pieces: Sequence[bytes]
    tokens: int

    def lasts(self, speed: float) -> float:
        """Seconds, at so many tokens a second."""
        return min(max(self.tokens / speed, SHORTEST), LONGEST)


class Providers:
    """`asked` counts the requests of each host, `faults` what went wrong with them."""

    def __init__(self, folder: Path, wire: Path, hour: Callable[[], int]) -> None:
        self._hour = hour
        self._recordings = {model.name: recordings(wire, model) for model in MODELS if model.recorded}
        self._turns: Counter[str] = Counter()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.bundle = folder / "authorities.pem"
        self._certify(folder)
        self.asked: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    async def __aenter__(self) -> Providers:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _certify(self, folder: Path) -> None:
        for host in sorted({model.host for model in MODELS if model.host}):
            (folder / host).mkdir()
            self._contexts[host], bundle = server_context(folder / host, "good", host)
            with self.bundle.open("ab") as file:
                file.write(Path(bundle or "").read_bytes())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._speak(reader, writer)
        writer.close()

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = ""
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"CONNECT "):
                host = head.split()[1].rpartition(b":")[0].decode()
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.start_tls(self._contexts[host])
                continue
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:")
            await self._answer(writer, host, head, await reader.readexactly(length))

    async def _answer(self, writer: asyncio.StreamWriter, host: str, head: bytes, body: bytes) -> None:
        how = manner(host, self._hour())
        if WRONG_KEY.encode() in head:
            how = Manner(0.2, fault="wrong key")
        self.asked[host] += 1
        self.faults[how.fault] += 1
        await asyncio.sleep(min(how.wait, 0.5) if how.fault in ANSWERS else how.wait)
        if how.fault in ANSWERS:
            writer.write(ANSWERS[how.fault])
            await writer.drain()
            return
        await self._replay(writer, self._next(_model(head, json.loads(body))), how)

    def _next(self, name: str) -> Recording:
        """This model's recordings, one after another."""
        self._turns[name] += 1
        found = self._recordings[name]
        return found[self._turns[name] % len(found)]

    async def _replay(self, writer: asyncio.StreamWriter, recording: Recording, how: Manner) -> None:
        writer.write(stream_head(recording.content_type))
        middle, pause = len(recording.pieces) // 2, recording.lasts(how.speed) / len(recording.pieces)
        for number, piece in enumerate(recording.pieces):
            if number == middle and how.fault == "reset":
                writer.transport.abort()
                return
            if number == middle and how.fault == "silent":
                await asyncio.sleep(SILENCE)
            writer.write(chunk(piece))
            await writer.drain()
            await asyncio.sleep(pause)
        writer.write(chunk(b""))
        await writer.drain()


def recordings(wire: Path, model: Model) -> list[Recording]:
    """What this model once answered, whole and with its usage. FileNotFoundError where there is nothing."""
    assert model.recorded
    folder, dialect = model.recorded
    found = [_recording(path) for path in sorted((wire / folder).glob("*.json")) if _is_good(path, dialect, model.name)]
    if not found:
        raise FileNotFoundError(f"no recordings of {model.name} in {wire / folder}")
    return found


def _is_good(path: Path, dialect: str, name: str) -> bool:
    expected = path.with_suffix(".expect.json")
    if not expected.is_file():
        return False
    about, told = _read(path), _read(expected)
    right = about["api"] == dialect and about["model"] == name and about["http_status"] == 200
    return bool(right and told["terminated"] and told["usage"] and told["content"] and about["bytes"] < LARGEST)


def _recording(path: Path) -> Recording:
    data, kind = path.with_suffix(".stream").read_bytes(), _read(path)["content_type"]
    lines = data.splitlines(keepends=True)
    together = -(-len(lines) // PIECES)
    pieces = [b"".join(lines[at : at + together]) for at in range(0, len(lines), together)]
    return Recording(kind, pieces, _read(path.with_suffix(".expect.json"))["usage"]["output_tokens"] or 0)


def _model(head: bytes, body: dict[str, Any]) -> str:
    """Which one is asked; Gemini's is in the address."""
    return str(body.get("model") or head.split()[1].decode().rpartition("/models/")[2].partition(":")[0])


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
