"""JSON payloads: typed where possible, lenient where pinned, refused with one error else; in every framing and cut."""

from __future__ import annotations

import base64
import json
import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import FramingError
from headrace.stream.framing import NDJSONDecoder, SSEDecoder
from headrace.stream.payload import SurrogateJoiner, decode_json, is_whole, read
from tests.corpus import CASES, needs_corpus, rows
from tests.stream.cutting import every, run

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


class Message(msgspec.Struct):
    text: str
    count: int = 0


def rebuilt(plain: Any) -> Message:
    if not isinstance(plain, dict):
        raise FramingError("no message")
    return Message(str(plain.get("text")))


@given(VALUES)
def test_json_is_read_as_it_was_meant(value: Any) -> None:
    assert decode_json(json.dumps(value).encode()) == value
    assert decode_json(b"\xef\xbb\xbf" + json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=60) | st.text('{}[]",:\\ud8dc0 \x07e1NaIfnity-', max_size=40).map(str.encode), st.booleans())
def test_garbage_raises_one_error_and_what_is_accepted_can_be_sent(data: bytes, halves: bool) -> None:
    code = ""
    try:
        plain = decode_json(data, halves=halves)
    except FramingError as error:
        code = error.code
    else:
        json.dumps(plain, allow_nan=False)
        if not halves:
            json.dumps(plain, ensure_ascii=False).encode()
    assert code in ("", "upstream_protocol")


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (b'["a\xff\xc3(b"]', ["a\ufffd\ufffd(b"]),
        (b'["a\x07\tb"]', ["a\x07\tb"]),
        (rb'["x\ud800y", "\udc00"]', ["x\ufffdy", "\ufffd"]),
        (rb'["\ud83d\ude00 \ud83d\ud83d\ude00"]', ["\U0001f600 \ufffd\U0001f600"]),
        (rb'["\\ud800 \\\ud800"]', ["\\ud800 \\\ufffd"]),
        (rb'{"\ud800": 1}', {"\ufffd": 1}),
        (b"[NaN, Infinity, -Infinity, 1e999, -1e999]", [None] * 5),
        (b"[" + b"9" * 6000 + b"]", [None]),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_what_is_accepted_leniently(data: bytes, plain: Any) -> None:
    assert decode_json(data) == plain


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (rb'["a\ud83d", "\ude00b"]', ["a\ud83d", "\ude00b"]),
        (rb'["\ud83da", "b\ude00"]', ["\ufffda", "b\ufffd"]),
        (rb'["\ud83d\"", "\"\ude00"]', ['\ufffd"', '"\ufffd']),
        (rb'"\ude00\ud83d"', "\ude00\ud83d"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
    ],
)
def test_halves_are_kept_only_where_the_other_may_come(data: bytes, plain: Any) -> None:
    assert decode_json(data, halves=True) == plain


@pytest.mark.parametrize("data", [b"", b" ", b"[DONE]", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"1 2", b"<html>"])
def test_what_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError) as caught:
        decode_json(data)
    assert caught.value.code == "upstream_protocol"


def test_a_refusal_does_not_show_the_text() -> None:
    with pytest.raises(FramingError) as caught:
        decode_json(b'{"content": "a secret thought"')
    assert "secret" not in caught.value.message


def test_typed_first_then_rebuilt() -> None:
    decoder = msgspec.json.Decoder(Message)
    assert read(decoder, b'{"text": "a", "count": 2}', rebuilt) == Message("a", 2)
    assert read(decoder, b'{"text": 5, "count": 2}', rebuilt) == Message("5")
    assert read(decoder, b'{"text": "\xff", "count": NaN}', rebuilt) == Message("\ufffd")
    for data in (b"[]", b"{", b"[" * 100_000):
        with pytest.raises(FramingError):
            read(decoder, data, rebuilt)


@pytest.mark.parametrize("message", [b'{"a": "b"}', b"[1]", b"[DONE]"])
def test_whole_messages_and_torn_ones(message: bytes) -> None:
    assert is_whole(b" " + message + b"\r\n")
    assert not any(is_whole(message[:end]) for end in range(len(message)))


def escaped(text: str) -> bytes:
    """A JSON string of `text` in UTF-16 escapes alone, halves of pairs as they come."""
    units = text.encode("utf-16-be", "surrogatepass")
    return b'"' + b"".join(b"\\u%02x%02x" % (units[at], units[at + 1]) for at in range(0, len(units), 2)) + b'"'


@given(st.text(st.sampled_from("a\U0001f600\u00e9\ud83d\ude00"), max_size=12), st.data())
def test_halves_split_over_deltas_are_joined(text: str, data: st.DataObject) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    edges = sorted(data.draw(st.lists(st.integers(0, len(units) // 2), max_size=6)))
    bounds = [0, *(2 * edge for edge in edges), len(units)]
    joiner = SurrogateJoiner()
    pieces = []
    for start, end in pairwise(bounds):
        delta = units[start:end].decode("utf-16-le", "surrogatepass")
        pieces.append(joiner.feed(decode_json(escaped(delta), halves=True)))
    pieces.append(joiner.close())
    assert "".join(pieces) == units.decode("utf-16-le", "replace")
    for piece in pieces:
        piece.encode()


def refused_for_good(data: bytes) -> bool:
    """Whether a strict reader would still refuse `data` with what is pinned as accepted taken out of it."""
    tamed = re.sub(rb"-?Infinity|NaN", b"null", re.sub(rb"[\x00-\x1f]", b"x", data))
    try:
        json.loads(tamed)
    except ValueError:
        return True
    return False


def accepted(framing: SSEDecoder | NDJSONDecoder, pieces: list[bytes]) -> bool:
    """Whether every message that comes out is JSON, and there is one."""
    frames = run(framing, pieces)
    try:
        for frame in frames:
            decode_json(frame.data)
    except FramingError:
        return False
    return bool(frames)


@needs_corpus
@pytest.mark.parametrize("row", rows(CASES / "json_payload_cases.jsonl"), ids=lambda row: row["id"])
def test_json_payload_case(row: dict[str, Any]) -> None:
    data = base64.b64decode(row["input_b64"])
    sse = b"".join(b"data: " + line + b"\n" for line in re.split(rb"\r\n|\r|\n", data)) + b"\n"
    framed: list[tuple[bytes, type[SSEDecoder | NDJSONDecoder]]] = [(sse, SSEDecoder)]
    if b"\n" not in data.strip():  # inside a text it makes two lines of it
        framed.append((data + b"\n", NDJSONDecoder))
    for body, kind in framed:
        verdicts = {accepted(kind(), pieces) for pieces in ([body], every(body, 1), every(body, 3))}
        assert len(verdicts) == 1
        if row["verdict"] == "accept":
            assert verdicts == {True}
        elif row["verdict"] == "reject":
            assert verdicts == {not refused_for_good(data)}
