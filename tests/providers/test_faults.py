"""The bodies of the upstream fault scripts, taken out of their HTTP and decoded; the network is tested elsewhere."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.providers.decoder import StreamDecoder
from headrace.providers.failures import failure, read_failure
from headrace.stream.events import Event, Failure
from tests.corpus import CASES, needs_corpus, rows
from tests.providers.outcomes import BY_DIALECT, bytewise, merged, summed

NETWORK_ONLY = {"refuse", "blackhole", "dns", "tls", "hold", "every_ms"}
DIALECTS = {"openai-sse": "openai-chat", "ollama-ndjson": "ollama"}
RESET = failure("upstream_reset", "reset")
BAD_CHUNK = failure("upstream_protocol", "a bad chunk")


def _raw(row: dict[str, Any]) -> Iterator[bytes]:
    for step in row["steps"]:
        if step[0] in ("send_b64", "drip_b64"):
            yield base64.b64decode(step[1])
        elif step[0].startswith("send_repeat"):
            piece = base64.b64decode(step[1])
            for _ in range(step[2]):
                yield piece


def _head(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    while True:
        head, _, rest = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if not first.startswith("HTTP/1.1 "):
            return 0, {}, b""
        status = int(first.split(" ")[1])
        if status >= 200:
            fields = (line.partition(":") for line in lines)
            return status, {name.lower(): value.strip() for name, _, value in fields}, rest
        raw = rest


def _dechunked(data: bytes) -> tuple[list[bytes], Failure | None]:
    chunks: list[bytes] = []
    while data:
        size, found, rest = data.partition(b"\r\n")
        try:
            length = int(size, 16)
        except ValueError:
            return chunks, BAD_CHUNK
        if length == 0:
            return chunks, None
        chunks.append(rest[:length])
        if not found or len(rest) < length:
            return chunks, RESET
        data = rest[length + 2 :]
    return chunks, RESET


def _body(row: dict[str, Any]) -> tuple[int, dict[str, str], list[bytes], Failure | None]:
    status, headers, data = _head(b"".join(_raw(row)))
    if "chunked" not in headers.get("transfer-encoding", ""):
        return status, headers, [data], RESET if ["rst"] in row["steps"] else None
    chunks, broken = _dechunked(data)
    if headers.get("content-encoding") == "gzip":
        chunks = [zlib.decompressobj(31).decompress(b"".join(chunks))]
    return status, headers, chunks, RESET if ["rst"] in row["steps"] else broken


def _row_id(row: dict[str, Any]) -> str:
    return str(row["id"])


def _is_of_the_network(row: dict[str, Any]) -> bool:
    return bool(NETWORK_ONLY & {step[0] for step in row["steps"]}) or "timeout" in " ".join(row["expect"]["codes"])


ROWS = [row for row in rows(CASES / "upstream_faults.jsonl") if not _is_of_the_network(row)]
ENDLESS = [row for row in ROWS if any(step[0].startswith("send_repeat") for step in row["steps"])]
FINITE = [row for row in ROWS if row not in ENDLESS and "gzip-bomb" not in row["id"]]
ANSWERED = [row for row in FINITE if _body(row)[0] == 200]
REFUSED = [row for row in FINITE if _body(row)[0] not in (0, 200)]

pytestmark = needs_corpus


def _decode(row: dict[str, Any], pieces: list[bytes], broken: Failure | None) -> list[Event]:
    decoder = StreamDecoder(BY_DIALECT[DIALECTS[row["proto"]]])
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + (decoder.abort(broken) if broken is not None else decoder.close())


@pytest.mark.parametrize("row", ANSWERED, ids=_row_id)
def test_an_answered_fault_ends_as_it_must(row: dict[str, Any]) -> None:
    _, _, chunks, broken = _body(row)
    expected = row["expect"]
    data = b"".join(chunks)
    assert merged(_decode(row, bytewise(data), broken)) == merged(_decode(row, [data], broken))
    outcome = summed(_decode(row, chunks, broken))
    if expected["terminal"] != "either":
        assert (outcome.failure is None) == (expected["terminal"] == "done"), outcome.failure
    if outcome.failure is not None:
        assert outcome.failure.code in expected["codes"]
    if expected["content"] is not None:
        assert outcome.content == expected["content"]
    if expected["reasoning"] is not None:
        assert outcome.reasoning == expected["reasoning"]
    if expected["tool_calls"] is not None:
        assert " ".join(outcome.calls[0][1:]) == expected["tool_calls"]


@pytest.mark.parametrize("row", REFUSED, ids=_row_id)
def test_a_refused_request_has_its_code(row: dict[str, Any]) -> None:
    status, headers, chunks, _ = _body(row)
    error = read_failure(status, headers, b"".join(chunks), secrets=("sk-CANARY1234",), now=1_700_000_000.0)
    assert error.code in row["expect"]["codes"]
    assert error.retryable == row["expect"]["retry"].startswith("yes")
    assert "CANARY" not in error.message + repr(error) + error.body.decode()
    assert error.message
    assert "<" not in error.message


@pytest.mark.parametrize("row", ENDLESS, ids=_row_id)
def test_an_endless_answer_meets_a_limit(row: dict[str, Any]) -> None:
    decoder = StreamDecoder(BY_DIALECT[DIALECTS[row["proto"]]])
    raw = _raw(row)
    last = decoder.feed(_head(next(raw))[2])
    for piece in raw:
        if decoder.done:
            break
        last = decoder.feed(piece) or last
    assert decoder.done
    assert [event.code for event in last if isinstance(event, Failure)] == ["upstream_limit"]


def test_the_scripts_are_read_at_all() -> None:
    assert len(ANSWERED) > 40
    assert len(REFUSED) > 15
