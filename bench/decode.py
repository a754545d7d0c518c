"""CPU that each dialect's decoder takes for one event, against OpenAI's in the same run: `python -m bench.decode`.

In process and without a network: it compares parsers, not servers. Refuses to pass where a dialect takes more than
`ALLOWED` times as long.
"""

from __future__ import annotations

import argparse
import base64
import json
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headrace.providers.decoder import StreamDecoder
from headrace.providers.presets import PRESETS

EVENTS = 2_000
ROUNDS = 15
ALLOWED = 1.5
"""Times the CPU of OpenAI's dialect: the goal for every other."""
YARDSTICK = "openai-chat"
WORDS = (" streaming", " of", " an", " answer", ",")
ABOUT = {
    "id": "chatcmpl-9f3c1b7ae2",
    "object": "chat.completion.chunk",
    "created": 1764000000,
    "model": "model-large-1",
}


def word(number: int) -> str:
    return WORDS[number % len(WORDS)]


def sse(value: Any, name: str = "") -> bytes:
    event = f"event: {name}\n" if name else ""
    return f"{event}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def amazon(name: str, payload: bytes) -> bytes:
    """One message of Amazon's event stream, with its two checksums."""
    named = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack(">B", len(key)) + key.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for key, value in named.items()
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def chat(number: int) -> bytes:
    return sse(
        {
            **ABOUT,
            "choices": [{"index": 0, "delta": {"content": word(number)}, "logprobs": None, "finish_reason": None}],
        }
    )


def completion(number: int) -> bytes:
    return sse({**ABOUT, "choices": [{"text": word(number), "index": 0, "logprobs": None, "finish_reason": None}]})


def response(number: int) -> bytes:
    kind = "response.output_text.delta"
    place = {"item_id": "msg_68c2e7054ae481938354ab3e4e77abad", "output_index": 0, "content_index": 0}
    return sse({"type": kind, "sequence_number": number, **place, "delta": word(number), "logprobs": []}, kind)


def anthropic(number: int) -> bytes:
    kind = "content_block_delta"
    return sse({"type": kind, "index": 0, "delta": {"type": "text_delta", "text": word(number)}}, kind)


def gemini(number: int) -> bytes:
    part = {"content": {"parts": [{"text": word(number)}], "role": "model"}, "index": 0}
    counts = {"promptTokenCount": 12, "candidatesTokenCount": number, "totalTokenCount": 12 + number}
    usage = counts | {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}]}
    return sse({"candidates": [part], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash", "responseId": "a1b2"})


def ollama(number: int) -> bytes:
    message = {"role": "assistant", "content": word(number)}
    return line({"model": "qwen3", "created_at": "2026-01-01T00:00:00.000000Z", "message": message, "done": False})


def generate(number: int) -> bytes:
    return line(
        {"model": "qwen3", "created_at": "2026-01-01T00:00:00.000000Z", "response": word(number), "done": False}
    )


def cohere(number: int) -> bytes:
    delta = {"message": {"content": {"text": word(number)}}}
    return sse({"type": "content-delta", "index": 0, "delta": delta}, "content-delta")


def dashscope(number: int) -> bytes:
    choice = {
        "message": {"content": word(number), "reasoning_content": "", "role": "assistant"},
        "finish_reason": "null",
    }
    usage = {"total_tokens": 12 + number, "output_tokens": number, "input_tokens": 12}
    data = line({"output": {"choices": [choice]}, "usage": usage, "request_id": "7865ae43-8379-9c79-bef6"})
    return b"id:%d\nevent:result\n:HTTP_STATUS/200\ndata:%b\n" % (number, data)


def cloudflare(number: int) -> bytes:
    return sse({"response": word(number), "p": "abcdefghijklmnop"})


def converse(number: int) -> bytes:
    payload = {"contentBlockIndex": 0, "delta": {"text": word(number)}, "p": "abcdefghijklmnop"}
    return amazon("contentBlockDelta", line(payload).strip())


def invoked(number: int) -> bytes:
    payload = line({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word(number)}})
    return amazon("chunk", line({"bytes": base64.b64encode(payload).decode(), "p": "abcdefghijklmnop"}).strip())


SHAPES: Mapping[str, Callable[[int], bytes]] = {
    "openai-chat": chat,
    "openai-completions": completion,
    "openai-responses": response,
    "mistral": chat,
    "anthropic": anthropic,
    "gemini": gemini,
    "ollama": ollama,
    "ollama-generate": generate,
    "cohere": cohere,
    "dashscope": dashscope,
    "cloudflare-run": cloudflare,
    "bedrock": converse,
    "bedrock-invoke": invoked,
}
"""One event of an answer in mid-flow, as each dialect's provider sends it."""


def measure(dialects: Mapping[str, list[bytes]], rounds: int) -> dict[str, float]:
    """Microseconds of CPU an event, the best of all rounds. The dialects take turns: a busy machine hits all."""
    best = dict.fromkeys(dialects, float("inf"))
    for _ in range(rounds):
        for dialect, pieces in dialects.items():
            best[dialect] = min(best[dialect], _once(dialect, pieces))
    return best


def _once(dialect: str, pieces: list[bytes]) -> float:
    row = next(row for row in PRESETS.values() if row.adapter.name == dialect)
    feed = StreamDecoder(row).feed
    shown = 0
    started = time.process_time()
    for piece in pieces:
        shown += len(feed(piece))
    taken = time.process_time() - started
    if shown < len(pieces):
        raise AssertionError(f"{dialect}: {shown} events of {len(pieces)}")
    return taken / len(pieces) * 1e6


def table(found: Mapping[str, float]) -> Iterator[str]:
    """The figures as lines of text."""
    yield f"{'dialect':<20} {'µs/event':>9} {'× ' + YARDSTICK:>14}"
    for dialect, cost in sorted(found.items(), key=lambda item: item[1]):
        ratio = cost / found[YARDSTICK]
        yield f"{dialect:<20} {cost:>9.2f} {ratio:>14.2f}{'  above ' + str(ALLOWED) if ratio > ALLOWED else ''}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.decode", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--events", type=int, default=EVENTS)
    options = parser.parse_args()
    bodies = {dialect: [shape(number) for number in range(1, options.events)] for dialect, shape in SHAPES.items()}
    found = measure(bodies, options.rounds)
    sys.stdout.write("\n".join(table(found)) + "\n")
    return 1 if max(found.values()) > ALLOWED * found[YARDSTICK] else 0


if __name__ == "__main__":
    sys.exit(main())
