"""The framings on other projects' cases and on recorded bodies of real providers."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import FramingError
from headrace.stream.framing import Frame, SSEDecoder
from tests.corpus import CASES, WIRE, needs_corpus, rows
from tests.stream.cutting import cut, every, run
from tests.stream.event_stream import interpret

pytestmark = needs_corpus

SSE_CASES = rows(CASES / "sse_cases.jsonl")


def pieces_of(row: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(chunk) for chunk in row["chunks_b64"]]


def ways(row: dict[str, Any]) -> list[list[bytes]]:
    """As the case cuts it, whole, three bytes at a time, and byte by byte."""
    pieces = pieces_of(row)
    body = b"".join(pieces)
    return [pieces, [body], every(body, 3), every(body, 1)]


def shown(frame: Frame) -> dict[str, Any]:
    return {"type": frame.name or "message", "data": frame.data.decode("utf-8", "replace"), "lastEventId": frame.id}


def expected_events(row: dict[str, Any], frames: list[Frame]) -> list[dict[str, Any]]:
    """The events of the case; data that it gives by its hash is taken from the frame whose hash it is."""
    events = []
    for number, event in enumerate(row["expect"]["events"]):
        if event["data"] is None:
            data = frames[number].data
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (event["data_sha256"], event["data_len"])
            event = {"type": event["type"], "data": data.decode(), "lastEventId": event["lastEventId"]}
        events.append(event)
    return events


@pytest.mark.parametrize("row", [row for row in SSE_CASES if row["kind"] == "decode"], ids=lambda row: row["id"])
def test_sse_case(row: dict[str, Any]) -> None:
    expect = row["expect"]
    for pieces in ways(row):
        decoder = SSEDecoder()
        frames = [frame for piece in pieces for frame in decoder.feed(piece)]
        assert [shown(frame) for frame in frames] == expected_events(row, frames)
        assert decoder.close() == []
        assert decoder.comments == len(expect["comments"])
        assert decoder.retry == (expect["retry"][-1] if expect["retry"] else None)
        assert decoder.last_event_id == expect["last_event_id_at_end"]


@pytest.mark.parametrize("row", [row for row in SSE_CASES if row["kind"] == "limit"], ids=lambda row: row["id"])
def test_sse_limit_case(row: dict[str, Any]) -> None:
    expect = row["expect_limit"]
    for pieces in ways(row):
        decoder = SSEDecoder(max_event=row["max_buffer"])
        frames: list[Frame] = []
        overflow = False
        try:
            for piece in pieces:
                frames += decoder.feed(piece)
            frames += decoder.close()
        except FramingError as error:
            overflow = error.code == "upstream_limit"
        assert overflow == expect["overflow"]
        assert [frame.data.decode() for frame in frames] == [event["data"] for event in expect["events"]]


@pytest.mark.parametrize("row", [row for row in SSE_CASES if "scale_to_bytes" in row], ids=lambda row: row["id"])
def test_sse_case_at_its_real_size(row: dict[str, Any]) -> None:
    body = b"".join(pieces_of(row))
    assert body.startswith(b"data: ")
    value = body[6:-2]
    big = (value * (row["scale_to_bytes"] // len(value) + 1))[: row["scale_to_bytes"]]
    for size in (len(big) + 100, 65_536, 1_000):
        assert run(SSEDecoder(), every(b"data: " + big + b"\n\n", size)) == [Frame(big)]


@cache
def recorded() -> list[Path]:
    """The bodies that are event streams, with what an independent decoder saw in their framing."""
    found = []
    for path in sorted(WIRE.glob("*/*.stream")):
        about = json.loads(path.with_suffix(".json").read_text("utf-8"))
        expect = json.loads(path.with_suffix(".expect.json").read_text("utf-8"))
        if about["framing"] == "sse" and "sse" in expect:
            found.append(path)
    return found


def test_recorded_bodies_at_any_cut() -> None:
    """As the standard has it; at one random cut each, and the short ones byte by byte."""
    dice = random.Random(2)
    assert recorded()
    for path in recorded():
        body = path.read_bytes()
        expected = interpret(body)
        wanted = [(data, name, last) for data, name, last in expected.events]
        ways = [[body], cut(body, [dice.randrange(len(body) + 1) for _ in range(20)])]
        if len(body) < 5_000:
            ways.append(every(body, 1))
        for pieces in ways:
            frames = run(SSEDecoder(), pieces)
            assert [(frame.data.decode("utf-8", "replace"), frame.name, frame.id) for frame in frames] == wanted, path


def test_recorded_bodies_end_as_they_were_seen_to() -> None:
    """Comments and the unterminated tail; a whole event at the end is delivered though its blank line is missing."""
    for path in recorded():
        expect = json.loads(path.with_suffix(".expect.json").read_text("utf-8"))["sse"]
        body = path.read_bytes()
        decoder = SSEDecoder(deliver_tail=True)
        frames = run(decoder, every(body, 1_024))
        assert (decoder.comments, decoder.unterminated) == (expect["comments"], expect["unterminated_tail"]), path
        assert len(frames) == len(interpret(body).events) + expect["unterminated_tail"], path
