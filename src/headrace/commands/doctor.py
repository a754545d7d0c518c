"""`headrace doctor URL`: asks an endpoint one question and tells what it really does, and which provider row fits.

A Headrace server is examined in another way: `deployment.py`.

The key comes from the environment, or is asked for without being shown; it is never an argument and never printed. The
address is under the egress policy like any other.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from headrace.backends.http import HTTPAnswer
from headrace.commands.choice import key_for
from headrace.commands.deployment import examine, find_deployment
from headrace.commands.diagnosis import Diagnosis, Observation, Reading
from headrace.commands.doctor_report import print_json, print_report
from headrace.commands.terminal import CommandError
from headrace.common.model_list import provider_models
from headrace.common.registry import resolve
from headrace.common.requests import LOCAL, InlineModel
from headrace.common.streams.adjustments import AdjustmentMemory
from headrace.common.streams.runtime import close_clients, http_client
from headrace.errors import RequestError, UpstreamError
from headrace.providers.base import ChatRequest, Endpoint, Provider
from headrace.providers.decoder import StreamDecoder
from headrace.providers.failures import MAX_BODY_READ, read_failure
from headrace.providers.presets import GENERIC, PRESETS, base_for
from headrace.stream.events import Failure

QUESTION = "Count from 1 to 30 in words, one number a line."
"""Long enough an answer to see whether it comes piece by piece, and worth a few tokens only."""
MAX_TOKENS = 1024
MAX_BODY = 16 * 1024 * 1024
"""Bytes that are looked at: a hundred times what the question takes."""
MAX_REFUSALS = 4
ELSEWHERE = frozenset({"upstream_not_found", "upstream_not_a_stream", "upstream_empty", "upstream_redirect_refused"})
"""What an address says that is not the one: the next likely one is tried."""


def run(arguments: argparse.Namespace) -> int:
    """0 where the endpoint can be used, 1 where it cannot."""
    return asyncio.run(_examine(arguments))


async def _examine(arguments: argparse.Namespace) -> int:
    try:
        if not (arguments.provider or arguments.model) and (base := await find_deployment(arguments.url)):
            return await examine(base, arguments)
        places = candidates(arguments.url, arguments.provider)
        key = key_for(places[0][0], arguments.url, os.environ)
        found = await _first_fit(places, arguments.model, key, arguments.timeout)
        refused = found.failure is not None and found.failure.code == "upstream_auth"
        if refused and not key and sys.stdin.isatty():
            key = getpass.getpass("The endpoint wants a key (not shown): ").strip()
            found = await _first_fit(places, arguments.model, key, arguments.timeout)
    finally:
        await close_clients()
    diagnosis = Diagnosis(found.seen)
    (print_json if arguments.json else print_report)(diagnosis, found.base)
    return 0 if diagnosis.usable else 1


class _Found:
    def __init__(self, seen: Observation, base: str) -> None:
        self.seen = seen
        self.base = base

    @property
    def failure(self) -> Failure | None:
        return Diagnosis(self.seen).failure


def candidates(url: str, provider: str = "") -> list[tuple[Provider, str]]:
    """The rows to try with their base URLs, the likeliest first. RequestError where the text is no address."""
    row = resolve(provider, url)
    if row.name == LOCAL:
        raise CommandError("The local model has no address; `headrace chat` asks it.")
    base = base_for(row, url)
    if provider or row is not GENERIC:
        return [(row, base)]
    bare = base.count("/") == 2
    return [(row, base), *([(row, f"{base}/v1"), (PRESETS["ollama"], base)] if bare else [])]


async def _first_fit(places: list[tuple[Provider, str]], model: str, key: str, patience: float) -> _Found:
    """The first place that is not somewhere else; if all are, the first."""
    found = [await _visit(*places[0], model, key, patience)]
    for place in places[1:]:
        failure = found[-1].failure
        if failure is None or failure.code not in ELSEWHERE:
            return found[-1]
        found.append(await _visit(*place, model, key, patience))
    last = found[-1].failure
    return found[0] if last is not None and last.code in ELSEWHERE else found[-1]


async def _visit(row: Provider, base: str, model: str, key: str, patience: float) -> _Found:
    endpoint = Endpoint(base, model or await some_model(row, base, key), key)
    return _Found(await observe(row, endpoint, patience=patience), base)


async def some_model(row: Provider, base: str, key: str) -> str:
    """A model of this endpoint that can chat, where it lists them."""
    with suppress(UpstreamError, RequestError):
        listed = await provider_models(row, InlineModel(row.name, base, "", key), base)
        named = (each.id for each in listed if "embed" not in each.id.lower())
        return next(named, "default")
    return "default"  # what servers of a single model answer to, whatever they are asked for


async def observe(
    row: Provider,
    endpoint: Endpoint,
    *,
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    request: ChatRequest | None = None,
) -> Observation:
    """Ask the question and write down what comes; a default of ours that is refused is left out, and noted."""
    memory, refused = AdjustmentMemory(), []
    request = request or ChatRequest(
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0.7,
        max_tokens=MAX_TOKENS,
        defaulted=frozenset({"temperature", "max_tokens"}),
    )
    for _ in range(MAX_REFUSALS):
        seen, error = await _ask(row, endpoint, request, patience, clock)
        changed = memory.learn(endpoint, request, error) if error is not None and error.status is not None else None
        if changed is None:
            break
        refused += list(_left_out(request, changed))
        request = changed
    return replace(seen, refused=tuple(refused))


def _left_out(before: ChatRequest, after: ChatRequest) -> Iterator[str]:
    if "no_stream_options" in after.learned - before.learned:
        yield "stream_options"
    if "max_completion_tokens" in after.learned - before.learned:
        yield "max_tokens (it wants max_completion_tokens)"
    for name in ("temperature", "max_tokens"):
        if getattr(before, name) != getattr(after, name):
            yield f"{name} {getattr(before, name)}"


async def _ask(
    row: Provider, endpoint: Endpoint, request: ChatRequest, patience: float, clock: Callable[[], float]
) -> tuple[Observation, UpstreamError | None]:
    """One attempt, unretried: what breaks is what we want to see."""
    secrets = row.adapter.secrets(endpoint.key) if endpoint.key else ()
    seen = Observation(row, endpoint.model, 0.0, secrets=secrets)
    error: UpstreamError | None = None
    started = clock()
    readings: list[Reading] = []
    try:
        asked = row.adapter.build(request, endpoint, row)
        if row.adapter.sign is not None:
            asked = row.adapter.sign(asked, endpoint, time.time())
        deadline = asyncio.get_running_loop().time() + patience
        async with await http_client(row.name).send(asked, deadline=deadline, idle=patience) as answer:
            kind = answer.headers.get("content-type", "")
            seen = replace(seen, status=answer.status, content_type=kind, head_at=clock() - started)
            decoder = StreamDecoder(row, secrets=secrets) if 200 <= answer.status < 300 else None
            await _read(answer, decoder, readings, lambda: clock() - started)
            if decoder is None:
                body = b"".join(each.data for each in readings)[:MAX_BODY_READ]
                readings.clear()
                raise read_failure(answer.status, answer.headers, body, secrets=secrets, now=time.time())
    except UpstreamError as raised:
        error = raised
    failure = Failure(error.code, error.message, error.status, error.retryable) if error else None
    return replace(seen, ended=clock() - started, readings=tuple(readings), failure=failure), error


async def _read(
    answer: HTTPAnswer, decoder: StreamDecoder | None, readings: list[Reading], at: Callable[[], float]
) -> None:
    """All of it, as far as a chat would read: an answer that has said its end need not close."""
    size = 0
    while data := await answer.read():
        readings.append(Reading(at(), data))
        size += len(data)
        if size > MAX_BODY:
            raise UpstreamError("upstream_limit", f"The answer is longer than {MAX_BODY} bytes; the rest was not read.")
        if decoder is not None:
            decoder.feed(data)
            if decoder.done:
                return
