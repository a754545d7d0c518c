"""Every fault of an upstream, through the live endpoint: the right ending, in time, with nothing lost and no key shown.

All rows run at once against one worker, with a healthy stream beside them that must not notice.
"""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from headrace.backends.http import HTTPClient
from headrace.backends.journal import MemoryJournal
from headrace.common.requests import chat_request
from headrace.common.streams.chat import EventStream
from headrace.common.streams.live import LiveStream, StreamOptions
from headrace.common.streams.sources import HTTPSource
from headrace.errors import ERROR_CODES
from headrace.providers.base import Endpoint
from headrace.providers.presets import resolve
from headrace.testing import Close, Hold, Reset, ScriptedUpstream, Send, Sleep, chat_answer, chunk, sse, stream_head
from tests.corpus import CASES, needs_corpus, rows
from tests.live import KEY, MESSAGES, LiveServer, blocks, joined, model_at, payloads

TIMEOUT = 1.5
MAX_DURATION = 12.0  # an endless stream must meet its bound before its time is up
GRACE = 1.0  # nothing outlasts its budget by more than this
MACHINE = 4.0  # all rows share two cores: what the machine may add to the wait of one
AT_ONCE = 12
ABANDONED = {"upstream_first_byte_timeout", "upstream_idle_timeout", "upstream_total_timeout"}
ROWS = rows(CASES / "upstream_faults.jsonl")
SLOW_WORDS = [f"w{n} " for n in range(40)]


@dataclass
class Outcome:
    events: list[dict[str, Any]]
    seconds: float
    raw: str
    closed: bool


def is_named(row: dict[str, Any]) -> bool:
    return any(step[0] == "dns" for step in row["steps"])


def max_duration(row: dict[str, Any]) -> float:
    """Long enough for a good answer that is slow on purpose; short for whatever has no end."""
    drips = [step[1:] for step in row["steps"] if step[0] == "drip_b64" and row["expect"]["terminal"] == "done"]
    return MAX_DURATION + sum(len(b64decode(data)) / size * pause / 1000 for data, size, pause in drips)


def model_of(row: dict[str, Any], upstream: ScriptedUpstream) -> dict[str, str]:
    if row["proto"].startswith("ollama"):
        return model_at(upstream.url, providerId="ollama")
    return model_at(f"{upstream.url}/v1")


def through_endpoint(server: LiveServer, row: dict[str, Any]) -> Outcome:
    with ScriptedUpstream.from_case(row) as upstream:
        started = time.monotonic()
        response = server.stream(
            model_of(row, upstream),
            timeout=TIMEOUT,
            maxDuration=max_duration(row),
            streamOptions={"includeUsage": True},
        )
        assert response.status == 200, response.read()
        lines = list(blocks(response))
        seconds = time.monotonic() - started
        broken = any('"error": ' in line for line in lines)
        closed = broken and (upstream.accepted == 0 or upstream.wait_disconnect(GRACE + 1))
        return Outcome(payloads(lines), seconds, "\n".join(lines), closed)


async def with_named_upstream(row: dict[str, Any]) -> Outcome:
    """Rows about names: no test asks a real resolver, so the client gets the upstream's."""
    with ScriptedUpstream.from_case(row) as upstream:
        client = HTTPClient(**upstream.client_options())
        endpoint = Endpoint(f"{upstream.url}/v1", "m", KEY)

        async def known() -> Endpoint:
            return endpoint

        row_of = resolve("openai", endpoint.base_url)
        source = HTTPSource(row_of, known, chat_request(MESSAGES), lambda: client, key=KEY, timeout=TIMEOUT)
        journal = MemoryJournal()
        live = LiveStream("s", source, StreamOptions(max_duration=MAX_DURATION), journal, lambda: None)
        started = time.monotonic()
        raw = [block async for block in EventStream(journal, "s", live=live).sse(include_usage=True)]
        seconds = time.monotonic() - started
        await client.close()
        text = b"".join(raw).decode()
        return Outcome(payloads(text.split("\n\n")[:-1]), seconds, text, True)


@pytest.fixture(scope="module")
def outcomes(server: LiveServer) -> Iterator[dict[str, Future[Outcome]]]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {row["id"]: pool.submit(through_endpoint, server, row) for row in ROWS if not is_named(row)}


@needs_corpus
@pytest.mark.timeout(240)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_fault_ends_as_it_must(row: dict[str, Any], outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = asyncio.run(with_named_upstream(row)) if is_named(row) else outcomes[row["id"]].result()
    expected = row["expect"]
    errors = [event for event in outcome.events if "error" in event]
    finish = outcome.events[-1]
    assert finish["type"] == "finish"
    if expected["terminal"] == "error" or (expected["terminal"] == "either" and errors):
        assert [error["code"] for error in errors] == [errors[0]["code"]]
        assert errors[0]["code"] in expected["codes"]
        assert finish["reason"] == "error"
    else:
        assert errors == []
    assert all(error["code"] in ERROR_CODES for error in errors)
    if expected["content"] is not None and expected["terminal"] != "either":
        assert joined(outcome.events, "content") == expected["content"]
    if expected["reasoning"] is not None:
        assert joined(outcome.events, "reasoning") == expected["reasoning"]
    if expected["tool_calls"]:
        calls = [event for event in outcome.events if event.get("type") == "tool_call"]
        first = [call for call in calls if call["index"] == 0]
        named = "".join(call["name"] for call in first)
        assert f"{named} {''.join(call['arguments'] for call in first)}" == expected["tool_calls"]
    assert KEY not in outcome.raw
    if errors:
        budget = MAX_DURATION if errors[0]["code"] in ("upstream_total_timeout", "upstream_limit") else TIMEOUT
        assert outcome.seconds < budget + GRACE + MACHINE
    if errors and errors[0]["code"] in ABANDONED:
        assert outcome.closed, "the upstream's connection was left open"


def slow_but_good() -> list[Any]:
    """A healthy upstream that takes a few seconds."""
    script: list[Any] = [Send(stream_head())]
    for word in SLOW_WORDS:
        event = json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]})
        script += [Send(chunk(f"data: {event}\n\n".encode())), Sleep(0.1)]
    return [*script, Send(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")]


@needs_corpus
@pytest.mark.timeout(240)
def test_other_streams_are_unharmed_and_no_key_is_logged(
    server: LiveServer, outcomes: dict[str, Future[Outcome]]
) -> None:
    with ScriptedUpstream(slow_but_good()) as upstream:
        lines = list(blocks(server.stream(model_at(f"{upstream.url}/v1"))))
    assert joined(payloads(lines), "content") == "".join(SLOW_WORDS)
    for outcome in outcomes.values():
        outcome.result()
    assert KEY not in server.log
    assert "canary" not in server.log


def test_a_good_upstream_of_our_own(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream:
        assert joined(payloads(list(blocks(server.stream(model_at(upstream.url + "/v1"))))), "content") == "Hello"
        assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"


PIECE = sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})
MEASURED = f"HTTP/1.1 200 OK\r\ncontent-length: {len(PIECE) + 9}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([Send(stream_head() + chunk(PIECE)), Close()], "upstream_truncated"),
        ([Send(MEASURED + PIECE), Close()], "upstream_truncated"),
        ([Send(b"HTTP/1.1 200 OK\r\n\r\n" + PIECE), Close()], "upstream_truncated"),
        ([Send(stream_head() + chunk(PIECE)), Sleep(0.2), Reset()], "upstream_reset"),
        ([Send(stream_head() + chunk(PIECE)), Hold()], "upstream_idle_timeout"),
    ],
    ids=["a chunked one", "a measured one", "one without an end", "a reset", "silence"],
)
def test_an_answer_that_broke_off_may_be_asked_for_again(server: LiveServer, script: list[Any], code: str) -> None:
    """However it broke off: the same words, whichever part of ours noticed."""
    with ScriptedUpstream(script) as upstream:
        events = payloads(list(blocks(server.stream(model_at(f"{upstream.url}/v1"), timeout=1))))
        assert len(upstream.requests) == 1
    assert (events[-1]["code"], events[-1]["retryable"]) == (code, True)
