"""Amazon's event stream: the vectors of its own library, every flipped bit, every cut; and cuts of JSON arrays."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import FramingError
from headrace.stream.aws_eventstream import AWSEventStreamDecoder, HeaderValue, read_message
from headrace.stream.framing import Frame
from headrace.stream.json_array import JSONArrayDecoder
from tests.corpus import CASES, needs_corpus, rows

VECTORS = rows(CASES / "aws_eventstream_vectors.jsonl")
NUMBERS = {2: (">b", 8), 3: (">h", 16), 4: (">i", 32), 5: (">q", 64), 8: (">q", 64)}


def encoded(headers: dict[str, tuple[int, HeaderValue]], payload: bytes) -> bytes:
    """A message, written from the specification apart from the decoder."""
    block = b""
    for name, (kind, value) in headers.items():
        block += bytes([len(name.encode())]) + name.encode() + bytes([kind])
        if kind in NUMBERS:
            block += struct.pack(NUMBERS[kind][0], value)
        elif kind in (6, 7):
            raw = value.encode() if isinstance(value, str) else bytes(value)
            block += struct.pack(">H", len(raw)) + raw
        elif kind == 9:
            block += bytes(value)
    lengths = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    prelude = lengths + struct.pack(">I", binascii.crc32(lengths))
    whole = prelude + block + payload
    return whole + struct.pack(">I", binascii.crc32(whole))


def event(name: str, payload: bytes = b"{}") -> bytes:
    return encoded({":event-type": (7, name), ":message-type": (7, "event")}, payload)


def outcome(data: bytes, cuts: list[int]) -> tuple[list[Frame], str]:
    """What a decoder makes of the pieces: its frames, and the code of the fault that ended it."""
    decoder = AWSEventStreamDecoder()
    frames: list[Frame] = []
    try:
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            frames += decoder.feed(data[start:end])
        frames += decoder.close()
    except FramingError as fault:
        return frames, fault.code
    return frames, ""


def everywhere(data: bytes) -> list[list[int]]:
    return [[], list(range(1, len(data))), *([cut] for cut in range(1, len(data)))]


names = st.text(min_size=1, max_size=8)
values = st.one_of(
    st.tuples(st.just(0), st.just(True)),
    st.tuples(st.just(1), st.just(False)),
    *(
        st.tuples(st.just(kind), st.integers(-(1 << bits - 1), (1 << bits - 1) - 1))
        for kind, (_, bits) in NUMBERS.items()
    ),
    st.tuples(st.just(6), st.binary(max_size=20)),
    st.tuples(st.just(7), st.text(max_size=20)),
    st.tuples(st.just(9), st.binary(min_size=16, max_size=16)),
)
messages = st.tuples(st.dictionaries(names, values, max_size=5), st.binary(max_size=40))


@needs_corpus
@pytest.mark.parametrize("row", VECTORS, ids=lambda row: f"{row['kind']}-{row['name']}")
def test_vectors_of_amazons_own_library(row: dict[str, Any]) -> None:
    data = base64.b64decode(row["input"]["b64"])
    match row["kind"]:
        case "positive":
            message = read_message(data)
            assert message.headers == row["expect"]["headers"]
            assert message.payload == base64.b64decode(row["expect"]["payload_b64"])
            assert all(outcome(data, cuts) == outcome(data, []) for cuts in everywhere(data))
            assert len(outcome(data, [])[0]) == 1
        case "positive_stream":
            assert all(len(outcome(data, cuts)[0]) == row["expect_messages"] for cuts in everywhere(data))
        case "negative":
            assert all(outcome(data, cuts) == ([], "upstream_protocol") for cuts in everywhere(data))
        case "truncation_sweep":
            first, last = row["cuts"]
            for cut in range(first, last + 1):
                assert outcome(data[:cut], []) == ([], "upstream_truncated")
        case "bitflip_sweep":
            assert len(data) * 8 == row["flips"]
            assert_no_flip_is_decoded(data)
        case kind:
            pytest.fail(f"a kind of vector that is not known here: {kind}")


def assert_no_flip_is_decoded(data: bytes) -> None:
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        frames, code = outcome(bytes(flipped), [])
        assert frames == []
        assert code in ("upstream_protocol", "upstream_truncated", "upstream_limit")


@given(messages)
def test_encoder_then_decoder_is_the_identity(message: tuple[dict[str, tuple[int, HeaderValue]], bytes]) -> None:
    headers, payload = message
    decoded = read_message(encoded(headers, payload))
    assert decoded.headers == {name: value for name, (_, value) in headers.items()}
    assert decoded.payload == payload


@given(st.lists(messages, max_size=4), st.data())
def test_any_cut_gives_the_same_frames(
    several: list[tuple[dict[str, tuple[int, HeaderValue]], bytes]], data: st.DataObject
) -> None:
    stream = b"".join(encoded(*message) for message in several)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    assert outcome(stream, cuts) == outcome(stream, [])
    assert [frame.data for frame in outcome(stream, cuts)[0]] == [payload for _, payload in several]


@given(messages, st.data())
def test_no_flipped_bit_is_ever_decoded(
    message: tuple[dict[str, tuple[int, HeaderValue]], bytes], data: st.DataObject
) -> None:
    stream = bytearray(encoded(*message))
    bit = data.draw(st.integers(0, len(stream) * 8 - 1))
    stream[bit // 8] ^= 1 << bit % 8
    frames, code = outcome(bytes(stream), [])
    assert frames == []
    assert code


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
def test_garbage_raises_nothing_but_framing_errors(garbage: bytes, cuts: list[int]) -> None:
    outcome(garbage, sorted(min(cut, len(garbage)) for cut in cuts))


def test_a_flipped_length_is_refused_before_anything_is_waited_for() -> None:
    message = event("one")
    for bit in range(12 * 8):
        prelude = bytearray(message[:12])
        prelude[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FramingError):
            AWSEventStreamDecoder().feed(bytes(prelude))


def test_a_fault_comes_after_the_frames_before_it() -> None:
    decoder = AWSEventStreamDecoder()
    assert decoder.feed(event("one") + event("two") + b"\0" * 16) == [Frame(b"{}", "one"), Frame(b"{}", "two")]
    with pytest.raises(FramingError):
        decoder.feed(b"")
    with pytest.raises(FramingError):
        decoder.close()


def test_exceptions_and_errors_have_names_of_their_own() -> None:
    exception = encoded(
        {":message-type": (7, "exception"), ":exception-type": (7, "throttlingException")}, b'{"message":"Too fast"}'
    )
    error = encoded(
        {":message-type": (7, "error"), ":error-code": (7, "500"), ":error-message": (7, 'so "bad"')},
        b"",
    )
    assert outcome(exception + error, [])[0] == [
        Frame(b'{"message":"Too fast"}', "exception:throttlingException"),
        Frame(b'{"message":"so \\"bad\\""}', "error:500"),
    ]


def test_the_same_headers_with_and_without_a_payload() -> None:
    """Headers seen before are remembered; an error's message must not be."""
    headers: dict[str, tuple[int, HeaderValue]] = {
        ":message-type": (7, "error"),
        ":error-code": (7, "1"),
        ":error-message": (7, "said"),
    }
    stream = encoded(headers, b"{}") + encoded(headers, b"") + encoded(headers, b"{}")
    assert [frame.data for frame in outcome(stream, [])[0]] == [b"{}", b'{"message":"said"}', b"{}"]


def test_a_message_over_the_limit_is_refused_before_it_has_come() -> None:
    decoder = AWSEventStreamDecoder(max_message=64)
    message = event("big", b"x" * 64)
    with pytest.raises(FramingError) as fault:
        decoder.feed(message[:12])
    assert fault.value.code == "upstream_limit"
    assert AWSEventStreamDecoder(max_message=len(message)).feed(message) == [Frame(b"x" * 64, "big")]


def test_a_forgiven_tail_is_dropped() -> None:
    decoder = AWSEventStreamDecoder(forgive_tail=True)
    message = event("one")
    assert decoder.feed(message + message[:-1]) == [Frame(b"{}", "one")]
    assert decoder.close() == []


@pytest.mark.parametrize(
    "block",
    [
        b"\x00\x07\x00\x00",  # no name
        b"\x01a\x0a",  # a type that there is not
        b"\x05a",  # a name that goes on beyond the headers
        b"\x01a\x07\x00\x05abc",  # a text that does
        b"\x01a\x05\x00\x00",  # a number that does
        b"\x01a",  # no type
        b"\x01\xff\x00",  # a name that is no UTF-8
        b"\x01a\x07\x00\x01\xff",  # a text that is none
        b"\x01a\x00\x01a\x00",  # a name that comes twice
    ],
)
def test_malformed_headers_are_refused(block: bytes) -> None:
    lengths = struct.pack(">II", 16 + len(block), len(block))
    whole = lengths + struct.pack(">I", binascii.crc32(lengths)) + block
    data = whole + struct.pack(">I", binascii.crc32(whole))
    assert outcome(data, []) == ([], "upstream_protocol")


def test_time_is_linear_in_small_pieces() -> None:
    """A message of a megabyte, byte by byte: quadratic work would take minutes, and the suite's time limit ends it."""
    data = event("big", b"x" * 1_000_000)
    decoder = AWSEventStreamDecoder()
    frames = [frame for at in range(len(data)) for frame in decoder.feed(data[at : at + 1])]
    assert [len(frame.data) for frame in frames] == [1_000_000]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=4), json_values, max_size=3)
elements = st.lists(objects | st.lists(json_values, max_size=2), max_size=4)


def array_frames(data: bytes, cuts: list[int]) -> list[bytes]:
    decoder = JSONArrayDecoder()
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += [frame.data for frame in decoder.feed(data[start:end])]
    assert decoder.close() == []
    assert decoder.ended
    return found


@given(elements, st.booleans(), st.data())
def test_an_array_gives_its_elements_at_any_cut(values: list[Any], ascii_only: bool, data: st.DataObject) -> None:
    indent = data.draw(st.sampled_from([None, 1]))
    body = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    found = array_frames(body, cuts)
    assert found == array_frames(body, list(range(1, len(body))))
    assert [json.loads(element) for element in found] == json.loads(body)


def test_an_element_comes_before_the_next_one_begins() -> None:
    decoder = JSONArrayDecoder()
    assert decoder.feed(b'\xef\xbb\xbf [ {"a": "]}\\""}') == [Frame(b'{"a": "]}\\""}')]
    assert decoder.feed(b" , ") == []
    assert decoder.feed(b"[1]") == [Frame(b"[1]")]
    assert not decoder.ended


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"[{},,{}]", b"[{}{}]", b"[,{}]", b"[{}]x", b"[{}][", b"[}"])
def test_what_is_no_array_of_objects_is_refused(body: bytes) -> None:
    for cuts in ([], list(range(1, len(body)))):
        with pytest.raises(FramingError) as fault:
            array_frames(body, cuts)
        assert fault.value.code == "upstream_protocol"


def test_an_element_over_the_limit_is_refused() -> None:
    decoder = JSONArrayDecoder(max_element=10)
    with pytest.raises(FramingError) as fault:
        decoder.feed(b'[{"a":"123456')
    assert fault.value.code == "upstream_limit"
