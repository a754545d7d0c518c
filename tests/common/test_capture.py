"""What a capture of the wire keeps: bounded, each thing with its own attempt, no key in any framing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.common.streams import capture_room
from headrace.common.streams.capture import MOST_OF_ONE, Capture
from headrace.common.streams.capture_room import ROOM
from headrace.errors import UpstreamError
from headrace.providers.base import HTTPRequest
from tests.live import KEY

KINDS = ["text/event-stream", "application/x-ndjson", "text/plain", "x.eventstream"]


def request(body: bytes = b"{}") -> HTTPRequest:
    return HTTPRequest("https://api.example/v1", {"Authorization": f"Bearer {KEY}", "Content-Type": "x"}, body)


def told(kind: str, *reads: bytes) -> dict[str, Any]:
    kept = Capture()
    kept.asked(request(), (KEY,))
    kept.answered(200, {"content-type": kind})
    for data in reads:
        kept.read(data)
    return kept.told()


@given(
    st.integers(1, 40), st.sampled_from(["text/event-stream", "application/x-ndjson", "text/plain", "x.eventstream"])
)
def test_a_key_is_in_no_framing_however_it_is_cut(cut: int, kind: str) -> None:
    body = f"data: it is {KEY}\n\ndata: end\n\n".encode()
    found = told(kind, body[:cut], body[cut:])
    frames = found["attempts"][0]["frames"]
    raw = "".join(each.get("text") or base64.b64decode(each["base64"]).decode("latin-1") for each in frames)
    assert KEY not in raw
    assert KEY not in json.dumps(found)
    assert raw.endswith("data: end\n\n")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_frames_lose_nothing(reads: list[bytes]) -> None:
    frames = told("x.eventstream", *reads)["attempts"][0]["frames"]
    assert b"".join(base64.b64decode(each["base64"]) for each in frames) == b"".join(reads)


def test_beyond_the_bound_nothing_is_kept_and_nothing_goes_to_another_attempt() -> None:
    before = ROOM.held
    kept = Capture()
    kept.asked(request(), (KEY,))
    kept.answered(503, {})
    kept.failed(UpstreamError("upstream_unavailable", "busy"))
    kept.asked(request(b"x" * MOST_OF_ONE), (KEY,))
    kept.answered(200, {})
    kept.read(b"data")
    kept.failed(UpstreamError("upstream_reset", "gone"))
    found = kept.told()
    assert found["cut"] is True
    (attempt,) = found["attempts"]
    assert attempt["response"]["status"] == 503
    assert attempt["error"]["code"] == "upstream_unavailable"
    assert attempt["frames"] == []
    assert ROOM.held - before < 10_000
    del kept
    assert ROOM.held == before


def filled(project: str, size: int) -> Capture:
    kept = Capture(project)
    kept.asked(request(b"x" * size), ())
    return kept


def is_whole(kept: Capture) -> bool:
    return not kept.cut and len(kept.told()["attempts"]) == 1


def test_all_captures_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_room, "MOST_OF_ALL", ROOM.held + 1000)
    assert is_whole(filled("a", 700))
    assert not is_whole(filled("a", 1200))
    assert ROOM.held < capture_room.MOST_OF_ALL


def test_a_project_that_captures_much_pushes_out_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_room, "MOST_OF_ALL", ROOM.held + 10_000)
    quiet = [filled("quiet", 1500), filled("other", 1500)]
    noisy = [filled("noisy", 1500) for _ in range(20)]
    assert all(map(is_whole, quiet))
    whole = [is_whole(each) for each in noisy]
    assert whole == [False] * whole.index(True) + [True] * (20 - whole.index(True)), "the oldest went"
    assert whole.count(True) >= 3
    quiet += [filled("quiet", 1500)]
    assert all(map(is_whole, quiet)), "a project within its share finds room where another is over its own"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3000)), max_size=30))
def test_what_is_held_is_counted_right(asked: list[tuple[str, int]]) -> None:
    before, most = ROOM.held, capture_room.MOST_OF_ALL
    capture_room.MOST_OF_ALL = before + 8000
    try:
        kept = [filled(project, size) for project, size in asked]
        assert before <= ROOM.held <= before + 8000
        del kept
    finally:
        capture_room.MOST_OF_ALL = most
    assert ROOM.held == before


def test_no_key_is_kept_of_a_request() -> None:
    kept = Capture()
    kept.asked(request(), (KEY,))
    assert kept.told()["attempts"][0]["request"]["headers"] == {"authorization": "[hidden]", "content-type": "x"}
    assert KEY not in repr(kept._asked)


def test_headers_count_too() -> None:
    before, kept = ROOM.held, Capture()
    headers = {f"x-{n}": "v" * 1000 for n in range(30)}
    for _ in range(3):
        kept.asked(request(), (KEY,))
        kept.answered(503, headers)
    assert ROOM.held - before > 90_000
    for _ in range(200):
        kept.asked(request(), (KEY,))
        kept.answered(503, headers)
    assert kept.cut
    assert ROOM.held - before <= MOST_OF_ONE
    held = sum(len(value) for each in kept.told()["attempts"] for value in each["response"]["headers"].values())
    assert held <= MOST_OF_ONE
