"""SSE and NDJSON: the standard to the letter at every cut, bounded, linear, and honest about a torn end."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.errors import FramingError
from headrace.stream.framing import Decoder, Frame, NDJSONDecoder, SSEDecoder
from tests.stream.cutting import CUTS, cut, every, run
from tests.stream.event_stream import interpret

WORDS = [b"data", b"data:", b"data: ", b"event: ", b"id:", b"retry: ", b"ok", b"4", b"x", b" ", b":", b"\0", b"[DONE]"]
ENDS = [b"\n", b"\r", b"\r\n", b"\n\n", b"\n", b"\n\n"]
STRANGE = [b"\xef\xbb\xbf", b"\xff", "é\u2028".encode(), b'{"a":1}', b"data: {}\n\n", b"data: y\n\ndata: z\n\n"]
BODIES = st.lists(st.sampled_from(WORDS + ENDS + STRANGE), max_size=24).map(b"".join)


def seen_by(decoder: SSEDecoder, pieces: list[bytes]) -> tuple[object, ...]:
    events = [(frame.data.decode("utf-8", "replace"), frame.name, frame.id) for frame in run(decoder, pieces)]
    return events, decoder.comments, decoder.retry, decoder.last_event_id


@settings(max_examples=600)
@given(BODIES, CUTS)
@example(b"\xef\xbb\xbfdata: a\r\n\r\n", [1, 2, 12])
@example(b"data: a\n\n\n\ndata:b\n\n", [])
@example(b"id: 1\ndata: a\n\ndata: b\n\n", [])
@example(b"id: 1\nid: 2\0\ndata: a\n\n", [])
def test_the_standards_events_at_every_cut(body: bytes, points: list[int]) -> None:
    expected = interpret(body)
    wanted = (expected.events, expected.comments, expected.retry, expected.last_event_id)
    assert seen_by(SSEDecoder(), [body]) == wanted
    assert seen_by(SSEDecoder(), cut(body, points)) == wanted
    assert seen_by(SSEDecoder(), every(body, 1)) == wanted
    assert seen_by(SSEDecoder(), every(body, 3)) == wanted


@given(st.lists(st.sampled_from([b"data: a", b"data:bc", b"event: e", b": c"]), max_size=5), st.sampled_from(ENDS[:3]))
def test_an_event_is_delivered_with_the_first_byte_that_ends_it(lines: list[bytes], end: bytes) -> None:
    decoder = SSEDecoder()
    for line in lines:
        assert decoder.feed(line + end) == []
    frames = decoder.feed(end[:1])
    assert len(frames) == any(line.startswith(b"data") for line in lines)
    assert decoder.feed(end[1:]) == []


@given(st.lists(st.binary(max_size=40), max_size=8), st.sampled_from([SSEDecoder, NDJSONDecoder]))
def test_garbage_raises_one_documented_error(pieces: list[bytes], kind: type[SSEDecoder] | type[NDJSONDecoder]) -> None:
    _, fault = outcome(kind(max_line=50), pieces)
    assert fault in ("", "upstream_limit: a line is longer than 50 bytes")


def outcome(decoder: Decoder, pieces: list[bytes]) -> tuple[list[Frame], str]:
    """The frames, and the fault after them."""
    frames: list[Frame] = []
    try:
        for piece in pieces:
            frames += decoder.feed(piece)
        frames += decoder.close()
    except FramingError as error:
        return frames, f"{error.code}: {error.message}"
    return frames, ""


LONG = [b"data: " + b"y" * n + b"\n" for n in (0, 10, 20, 30)] + [b"data: y\n\n", b"\n", b"id: 7\n", b"event: tick\n"]
IGNORED = [b": " + b"c" * n + b"\n" for n in (10, 33, 60)] + [b"other: " + b"u" * n + b"\n" for n in (3, 30, 60)]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(LONG + IGNORED), max_size=12).map(b"".join), CUTS)
@example(b"\xef\xbb\xbf" + LONG[3] + b"\n", [3])
def test_limits_do_not_depend_on_the_cut(body: bytes, points: list[int]) -> None:
    def decoder() -> SSEDecoder:
        return SSEDecoder(max_line=64, max_event=36)

    whole = outcome(decoder(), [body])
    assert outcome(decoder(), cut(body, points)) == whole
    assert outcome(decoder(), every(body, 1)) == whole


def test_events_before_a_limit_are_delivered_and_then_the_fault() -> None:
    decoder = SSEDecoder(max_event=16)
    assert decoder.feed(b"data: one\n\ndata: " + b"x" * 40 + b"\n\n") == [Frame(b"one")]
    with pytest.raises(FramingError) as caught:
        decoder.feed(b"data: two\n\n")
    assert caught.value.code == "upstream_limit"


@pytest.mark.parametrize("line", [b"data\n", b"data: 1\n", b"data: chunk-1\n"])
def test_many_lines_of_data_count_together(line: bytes) -> None:
    decoder = SSEDecoder(max_event=32)
    frames, fault = outcome(decoder, [line] * 33)
    assert (frames, fault) == ([], "upstream_limit: an event is longer than 32 bytes")
    assert outcome(SSEDecoder(max_event=32), [line + b"\n"] * 33)[1] == ""


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_line_over_the_limit_is_noticed_before_it_ends(mark: bytes) -> None:
    body = mark + b"data: " + b"x" * 26
    assert outcome(SSEDecoder(max_event=32), every(body, 1))[1] == ""
    assert (
        outcome(SSEDecoder(max_event=32), every(body + b"x", 1))[1]
        == "upstream_limit: an event is longer than 32 bytes"
    )


def test_an_ignored_line_counts_against_the_line_limit_alone() -> None:
    decoder = SSEDecoder(max_line=100, max_event=16)
    assert run(decoder, [b": " + b"c" * 40, b"c" * 40, b"\ndata: ok\n\n"]) == [Frame(b"ok")]
    assert decoder.comments == 1
    endless = SSEDecoder(max_line=100, max_event=16)
    endless.feed(b": " + b"c" * 90)
    with pytest.raises(FramingError):
        endless.feed(b"c" * 20 + b"\n")


def test_a_line_and_an_event_that_come_byte_by_byte_take_linear_time() -> None:
    decoder = SSEDecoder()
    size = 1 << 19
    began = time.process_time()
    for _ in range(size):
        decoder.feed(b"data:x\n")
    for byte in every(b"data:" + b"y" * 4 * size, 1):
        decoder.feed(byte)
    (frame,) = decoder.feed(b"\n\n")
    assert frame.data == b"x\n" * size + b"y" * 4 * size
    # About 2 s here; a quadratic one needs a minute.
    assert time.process_time() - began < 20


@pytest.mark.parametrize("start", [b"data: ", b": ", b"unknown: "])
def test_memory_is_bounded_by_the_limit(start: bytes) -> None:
    decoder = SSEDecoder(max_line=1 << 20, max_event=1 << 20)
    pieces = [start] + [b"x" * 65_536] * 64
    tracemalloc.start()
    try:
        assert outcome(decoder, pieces)[1]
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
        assert tracemalloc.get_traced_memory()[0] < 1 << 16
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("tail", "delivered"),
    [
        (b"data: [DONE]", [Frame(b"[DONE]")]),
        (b"data:[DONE]\r", [Frame(b"[DONE]")]),
        (b'data: {"a":1}', [Frame(b'{"a":1}')]),
        (b'event: x\ndata: {"a":1}\n', [Frame(b'{"a":1}', "x")]),
        (b'id:1\nevent:error\n:HTTP_STATUS/400\ndata:{"code":1}\n', [Frame(b'{"code":1}', "error", "1")]),
        (b'data: {"a":\ndata: 1}', [Frame(b'{"a":\n1}')]),
        (b'data: {"a":1}\nda', [Frame(b'{"a":1}')]),
        (b'data: {"a":1}\nid: 4', [Frame(b'{"a":1}')]),
        (b'data: {"a":"w\xc3', []),
        (b'data: {"a":\n', []),
        (b"data: [DONE", []),
        (b"data: 12", []),
        (b": ping\n", []),
        (b"event: x\n", []),
        (b"", []),
    ],
)
def test_the_last_event_without_its_blank_line(tail: bytes, delivered: list[Frame]) -> None:
    for body, before in ((tail, []), (b'\xef\xbb\xbfdata: {"b":2}\n\n' + tail, [Frame(b'{"b":2}')])):
        for pieces in ([body], every(body, 1), every(body, 3)):
            assert run(SSEDecoder(deliver_tail=True), pieces) == before + delivered
            assert run(SSEDecoder(), pieces) == before


@given(st.sampled_from([b"data: {}\n\n", b"data: {}\n", b"data: {}", b": c\n", b"data: {}\n\ndat", b"event: x\n", b""]))
def test_it_says_whether_the_body_ended_inside_an_event(body: bytes) -> None:
    decoder = SSEDecoder(deliver_tail=True)
    run(decoder, [body])
    assert decoder.unterminated == (not body.endswith(b"\n\n") and not body.startswith(b":") and body != b"")


JSON_LINES = st.lists(
    st.sampled_from([b'{"a":1}\n', b"\n", b" \r\n", b'{"b":"\xe2\x80\xa8"}\r\n', b"plain words\n", b'"\x07"\n']),
    max_size=8,
).map(b"".join)


@given(JSON_LINES, st.sampled_from([b"", b'{"c":3}', b"error: out of memory", b"  "]), CUTS)
def test_ndjson_at_every_cut(body: bytes, tail: bytes, points: list[int]) -> None:
    expected = [Frame(line) for line in (body + tail).split(b"\n") if line.strip()]
    for pieces in ([body + tail], cut(body + tail, points), every(body + tail, 1)):
        decoder = NDJSONDecoder()
        assert run(decoder, pieces) == expected
        assert decoder.unterminated == bool(tail.strip())


@pytest.mark.parametrize("torn", [b'{"a":"w\xc3', b'{"a":1', b"[1,", b' {"a"'])
def test_a_torn_last_json_line_is_no_message(torn: bytes) -> None:
    decoder = NDJSONDecoder()
    assert run(decoder, [b'{"b":2}\n' + torn]) == [Frame(b'{"b":2}')]
    assert decoder.unterminated


def test_ndjson_drops_a_byte_order_mark() -> None:
    assert run(NDJSONDecoder(), every(b"\xef\xbb\xbf{}\n", 1)) == [Frame(b"{}")]
    assert run(NDJSONDecoder(), every(b"\xef\xbb\xbf{}", 1)) == [Frame(b"{}")]
