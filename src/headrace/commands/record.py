"""`headrace record URL NAME`: one answer of an endpoint, byte for byte, as a fixture for the tests of its dialect.

NAME.stream is the body; NAME.json is what our decoder makes of it, which a person has to judge. The key stands in
neither: where the answer repeats it in a way that cannot be taken out, nothing is written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

import msgspec

from headrace.commands.choice import key_for
from headrace.commands.diagnosis import Diagnosis, Observation
from headrace.commands.doctor import QUESTION, candidates, observe, some_model
from headrace.commands.terminal import CommandError, say
from headrace.common.streams.runtime import close_clients
from headrace.providers.base import ChatRequest, Endpoint, Provider
from headrace.providers.decoder import StreamDecoder
from headrace.providers.scrubbing import scrub
from headrace.stream.answer import Answer, gather
from headrace.stream.events import Finish

MAX_TOKENS = 1024
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TOOL_QUESTION = "What is the weather in Oslo? Use the tool."


def run(arguments: argparse.Namespace) -> int:
    """0 where a stream was recorded, however it ended."""
    stream, about = (Path(f"{arguments.name}{ending}") for ending in (".stream", ".json"))
    if taken := next((path for path in (stream, about) if path.exists()), None):
        raise CommandError(f"{taken} exists already; give another name, or remove it.")
    if not stream.parent.is_dir():
        raise CommandError(f"There is no folder {stream.parent}.")
    seen = asyncio.run(_record(arguments))
    body = without_secrets(Diagnosis(seen).body, seen.secrets)
    stream.write_bytes(body)
    about.write_text(json.dumps(fixture(seen.row, body), indent=2, ensure_ascii=False) + "\n", "utf-8")
    dialect = seen.row.adapter.name
    say(f"{stream}: {len(body)} bytes of the dialect {dialect}, from {seen.model!r}, read as {seen.row.name!r}.")
    say(f"{about}: what we made of it. Read it: it says what was understood, not what is right.")
    return 0


async def _record(arguments: argparse.Namespace) -> Observation:
    """The first row that fits the address; an endpoint that refuses is told in its own words."""
    row, base = candidates(arguments.url, arguments.provider)[0]
    key = key_for(row, arguments.url, os.environ)
    request = ChatRequest(
        messages=[{"role": "user", "content": arguments.prompt or (TOOL_QUESTION if arguments.tool else QUESTION)}],
        max_tokens=MAX_TOKENS,
        tools=[WEATHER] if arguments.tool else None,
        defaulted=frozenset({"max_tokens"}),
    )
    try:
        model = arguments.model or await some_model(row, base, key)
        seen = await observe(row, Endpoint(base, model, key), patience=arguments.timeout, request=request)
    finally:
        await close_clients()
    if not seen.readings:
        why = seen.failure.message if seen.failure else "it answered with nothing"
        raise CommandError(f"There is nothing to record: {why}")
    return seen


def without_secrets(body: bytes, secrets: tuple[str, ...]) -> bytes:
    """The body with the key taken out. CommandError where it is binary and holds it: its checksums would not fit."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        if any(secret.encode() in body for secret in secrets):
            raise CommandError(
                "The answer repeats the key, in bytes that cannot be changed: nothing written."
            ) from None
        return body
    return scrub(text, secrets).encode()


def fixture(row: Provider, body: bytes) -> dict[str, Any]:
    """What the decoder makes of a body, as `tests/providers/test_fixtures.py` compares it; what is empty left out."""
    decoder, answer = StreamDecoder(row), Answer()
    for event in [*decoder.feed(body), *decoder.close()]:
        gather(answer, event)  # type: ignore[arg-type]
    finish, failure = answer.finish or Finish(), answer.failure
    usage = finish.usage
    found = {
        "content": answer.content,
        "reasoning": answer.reasoning,
        "calls": [[call["id"], call["name"], call["arguments"]] for call in answer.tool_calls],
        "citations": [_known(citation) for citation in answer.citations],
        "usage": usage and [usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens],
        "reason": "" if failure or finish.reason == "stop" else finish.reason,
        "provider_reason": finish.provider_reason,
        "code": failure and failure.code,
        "message": failure and failure.message,
    }
    return {"provider": row.name} | {name: value for name, value in found.items() if value}


def _known(citation: Any) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(citation).items() if value not in ("", None)}
