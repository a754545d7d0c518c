"""What a scripted upstream can be told to do, as values; and the answers that tests send most."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Send:
    """Writes `data`, `times` over, as fast as the client takes it."""

    data: bytes
    times: int = 1


@dataclass(frozen=True, slots=True)
class Drip:
    """Writes `data` in pieces of `size` bytes, `every` so many seconds."""

    data: bytes
    size: int = 1
    every: float = 0.02


@dataclass(frozen=True, slots=True)
class Repeat:
    """Writes `data` now and `every` so many seconds, until the client leaves."""

    data: bytes
    every: float = 1.0


@dataclass(frozen=True, slots=True)
class Sleep:
    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Does nothing more, with the connection open, until the client leaves."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Ends the connection with a TCP reset."""


@dataclass(frozen=True, slots=True)
class Close:
    """Ends the connection in good order (FIN)."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing listens on the port."""


@dataclass(frozen=True, slots=True)
class Blackhole:
    """Connecting never comes to an end."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """The upstream has a name, and its resolver answers so: `nxdomain`, `servfail`, `timeout`, or a list of
    `good` (where it listens) and `dead` (where nothing does), such as `dead,good`."""

    answer: str = "good"


@dataclass(frozen=True, slots=True)
class Secure:
    """It speaks TLS, with a certificate that is `good`, `self-signed`, for the `wrong-host`, `expired`; or it does
    not, though its address says so: `plain-http-on-tls-port`. `host`: the certificate is for this name, which a proxy
    leads here."""

    certificate: str = "good"
    host: str = ""


Step = Send | Drip | Repeat | Sleep | Hold | Reset | Close
Setting = Refuse | Blackhole | Resolve | Secure
Script = Sequence[Step | Setting]


def read_steps(raw: Iterable[Sequence[Any]]) -> list[Step | Setting]:
    """Steps in their form as JSON: `["send_b64", data]`, `["drip_b64", data, size, ms]`, `["rst"]` and so on."""
    return [_read_step(*step) for step in raw]


def _read_step(name: str, *given: Any) -> Step | Setting:
    match name:
        case "send_b64":
            return Send(b64decode(given[0]))
        case "send_repeat_b64":
            return Send(b64decode(given[0]), int(given[1]))
        case "drip_b64":
            return Drip(b64decode(given[0]), int(given[1]), given[2] / 1000)
        case "every_ms":
            return Repeat(b64decode(given[1]), given[0] / 1000)
        case "sleep_ms":
            return Sleep(given[0] / 1000)
        case "hold":
            return Hold()
        case "rst":
            return Reset()
        case "fin":
            return Close()
        case "refuse":
            return Refuse()
        case "blackhole":
            return Blackhole()
        case "dns":
            return Resolve(given[0])
        case "tls":
            return Secure(given[0])
    raise ValueError(f"no such step: {name!r}")


def response(
    body: bytes = b"", *, status: str = "200 OK", content_type: str = "text/event-stream", headers: str = ""
) -> bytes:
    """A whole HTTP/1.1 answer, kept alive. `headers` are more lines, each ended by CRLF."""
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    ).encode() + body


def stream_head(content_type: str = "text/event-stream", headers: str = "") -> bytes:
    """The head of an answer in chunks."""
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n{headers}\r\n".encode()


def chunk(data: bytes) -> bytes:
    """One chunk; of no data, the end of the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def sse(*events: Mapping[str, Any] | str) -> bytes:
    """Server-sent events, each with one line of data: JSON of a mapping, a string as it is."""
    lines = (event if isinstance(event, str) else json.dumps(event, ensure_ascii=False) for event in events)
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def chat_answer(*texts: str, protocol: str = "openai-sse") -> bytes:
    """A good streamed answer of these deltas, in OpenAI's dialect or in Ollama's (`ollama-ndjson`)."""
    if protocol == "ollama-ndjson":
        rows: list[dict[str, Any]] = [{"message": {"content": text}, "done": False} for text in texts]
        rows.append({"message": {"content": ""}, "done": True, "done_reason": "stop"})
        body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        return response(body, content_type="application/x-ndjson")
    deltas = [_delta({"content": text}) for text in texts]
    return response(sse(*deltas, _delta({}, "stop"), "[DONE]"))


def _delta(delta: Mapping[str, str], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c1", "object": "chat.completion.chunk", "choices": [choice]}
