"""Every fault script, byte for byte, against the client alone: the transport's part of each ending."""

from __future__ import annotations

import gzip
import time
from base64 import b64decode
from contextlib import suppress
from typing import Any

import h11
import pytest

from headrace.errors import ERROR_CODES, UpstreamError
from headrace.testing import ScriptedUpstream, chat_answer
from tests.backends.asking import KEY, ask, client_of, to_the_end
from tests.corpus import CASES, needs_corpus, rows

ROWS = rows(CASES / "upstream_faults.jsonl")
BUDGET = 1.0
# Codes that the transport has to find; the other ones follow from the status or from the body's text.
TRANSPORT = {
    *("upstream_unreachable", "upstream_connect_timeout", "upstream_dns", "upstream_tls", "upstream_reset"),
    *("upstream_first_byte_timeout", "upstream_idle_timeout", "upstream_decode", "upstream_limit"),
}
HTTP_CLASSES = {"connect", "protocol", "timeout"}


def is_endless(row: dict[str, Any]) -> bool:
    return any(step[0] in ("every_ms", "drip_b64") for step in row["steps"])


def error_is_due(row: dict[str, Any]) -> bool:
    codes = set(row["expect"]["codes"])
    return row["expect"]["terminal"] == "error" and bool(
        codes & TRANSPORT or ("upstream_protocol" in codes and row["cls"] in HTTP_CLASSES)
    )


def by_another_parser(row: dict[str, Any]) -> bytes:
    """The body as h11 reads it, as far as it goes."""
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="POST", target="/", headers=[("host", "a.test"), ("content-length", "0")]))
    reader.send(h11.EndOfMessage())
    sent = [b64decode(step[1]) for step in row["steps"] if step[0] == "send_b64"]
    reader.receive_data(b"".join(sent) or chat_answer("Hel", "lo ", "wörld"))
    if ["fin"] in row["steps"]:
        reader.receive_data(b"")
    body, packed = b"", b""
    with suppress(h11.RemoteProtocolError):
        while not isinstance(event := reader.next_event(), h11.EndOfMessage | h11.NEED_DATA):
            if isinstance(event, h11.Response):
                packed = dict(event.headers).get(b"content-encoding", b"")
            if isinstance(event, h11.Data):
                body += bytes(event.data)
    return gzip.decompress(body) if packed else body


async def outcome(row: dict[str, Any], upstream: ScriptedUpstream) -> tuple[int, bytes, UpstreamError | None]:
    async with client_of(upstream) as client:
        try:
            answer = await ask(client, upstream.url, seconds=BUDGET, idle=BUDGET)
        except UpstreamError as error:
            return 0, b"", error
        return answer.status, *await to_the_end(answer)


@needs_corpus
@pytest.mark.parametrize("row", [row for row in ROWS if not is_endless(row)], ids=lambda row: row["id"])
async def test_every_fault_has_its_ending(row: dict[str, Any]) -> None:
    started = time.monotonic()
    with ScriptedUpstream.from_case(row) as upstream:
        status, body, error = await outcome(row, upstream)
        assert len(upstream.requests) <= 1, "the client asked twice, or followed a redirect"
        if row["steps"][0][0] == "tls":
            assert KEY.encode() not in upstream.received
    if error is None:
        assert not error_is_due(row)
        assert status >= 200
    else:
        assert error.code in ERROR_CODES
        assert error.code in row["expect"]["codes"] or row["id"] == "rst-after-done"
        assert KEY not in error.message
        assert error.retryable <= (not row["expect"]["retry"].startswith("no") or "or 1" in row["expect"]["retry"])
        assert time.monotonic() - started < BUDGET + 1
    if status and (error is None or error.code != "upstream_limit"):
        assert body == by_another_parser(row)


@needs_corpus
@pytest.mark.parametrize("row", [row for row in ROWS if is_endless(row)], ids=lambda row: row["id"])
async def test_slow_ones_are_read_as_they_come(row: dict[str, Any]) -> None:
    with ScriptedUpstream.from_case(row) as upstream:
        async with client_of(upstream) as client:
            if row["expect"]["codes"] == ["upstream_first_byte_timeout"]:
                with pytest.raises(UpstreamError) as caught:
                    await ask(client, upstream.url, seconds=BUDGET)
                assert caught.value.code == "upstream_first_byte_timeout"
                return
            answer = await ask(client, upstream.url, idle=1.5)  # a byte each second is enough for that
            pieces = [await answer.read() for _ in range(3)]
            assert all(pieces)
