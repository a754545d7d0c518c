"""Tool calls in every odd form that providers send: contiguous numbers, each id and name once, arguments untouched."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.providers.presets import PRESETS
from headrace.providers.tool_calls import ToolCallNumbering, arguments_text
from headrace.stream.events import ToolCallDelta
from tests.providers.outcomes import chat_body, decode, summed

OPENAI = PRESETS["openai"]


def _calls(*deltas: list[dict[str, object]]) -> list[list[str]]:
    body = chat_body(*(json.dumps({"tool_calls": pieces}) for pieces in deltas), finish='"tool_calls"')
    return summed(decode(OPENAI, [body])).calls


def _piece(arguments: object = None, **others: object) -> dict[str, object]:
    name = others.pop("name", None)
    return {**others, "function": {"name": name, "arguments": arguments}}


A1, A2 = '{"a":1}', '{"a":2}'


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param(
            [[_piece("", index=0, id="x", name="f")], [_piece('{"a":', index=0)], [_piece("1}", index=0)]],
            [["x", "f", A1]],
            id="as documented",
        ),
        pytest.param([[_piece('{"a":', id="x", name="f")], [_piece("1}")]], [["x", "f", A1]], id="no index"),
        pytest.param([[_piece(A1, index=1, id="x", name="f")]], [["x", "f", A1]], id="starts at 1"),
        pytest.param(
            [[_piece(A1, index=7, id="x", name="f")], [_piece(A2, index=3, id="y", name="g")]],
            [["x", "f", A1], ["y", "g", A2]],
            id="any numbers",
        ),
        pytest.param(
            [[_piece(A1, index=0, id="x", name="f")], [_piece(A2, index=0, id="y", name="f")]],
            [["x", "f", A1], ["y", "f", A2]],
            id="one index, two ids",
        ),
        pytest.param(
            [[_piece('{"a":', index=0, id="x", name="f")], [_piece("1}", index=0, id="other")]],
            [["x", "f", A1]],
            id="a new id for each piece",
        ),
        pytest.param(
            [[_piece("", index=0, id="", name="f")], [_piece(A1, index=0, id="x")]],
            [["x", "f", A1]],
            id="id late",
        ),
        pytest.param(
            [[_piece('{"a":', index=0, id="x", name="f")], [_piece("1}", index=0, id="x", name="f")]],
            [["x", "f", A1]],
            id="id and name repeated",
        ),
        pytest.param(
            [[_piece('{"a":', name="f")], [_piece("1}", name="f")]], [["", "f", A1]], id="only the name, repeated"
        ),
        pytest.param(
            [[_piece(A1, index=0, name="f"), _piece(A2, index=0, name="f")]],
            [["", "f", A1], ["", "f", A2]],
            id="whole calls with one index and no id",
        ),
        pytest.param([[_piece(A1, name="f"), _piece(A2, name="g")]], [["", "f", A1], ["", "g", A2]], id="only names"),
        pytest.param(
            [[_piece("", id="x", name="f"), _piece("", id="y", name="g")], [_piece(A1), _piece(A2)]],
            [["x", "f", A1], ["y", "g", A2]],
            id="only places",
        ),
        pytest.param(
            [[_piece('{"a":', id="x", name="f")], [_piece("{", id="y", name="g")], [_piece("1}", id="x")]],
            [["x", "f", A1], ["y", "g", "{"]],
            id="only ids, interleaved",
        ),
        pytest.param(
            [[_piece({"a": 1, "b": "é"}, index=0, id="x", name="f")]],
            [["x", "f", '{"a":1,"b":"é"}']],
            id="an object",
        ),
        pytest.param([[_piece(None, index=0, id="x", name="f")], [_piece(A1, index=0)]], [["x", "f", A1]], id="late"),
        pytest.param([[_piece("5", index="0", id=9, name="f")]], [["9", "f", "5"]], id="wrong types"),
        pytest.param([[{"index": 0, "id": "x"}], [_piece(A1, index=0, name="f")]], [["x", "f", A1]], id="no function"),
    ],
)
def test_odd_forms(deltas: list[list[dict[str, object]]], expected: list[list[str]]) -> None:
    assert _calls(*deltas) == expected


def test_a_piece_that_says_nothing_is_not_sent() -> None:
    numbering = ToolCallNumbering()
    assert numbering.feed(0, "x", "f", "") == ToolCallDelta(0, "x", "f", "")
    assert numbering.feed(0, "x", "f", "") is None
    assert numbering.feed(0, "", "", "{") == ToolCallDelta(0, "", "", "{")


_pieces = st.lists(
    st.tuples(
        st.none() | st.integers(-1, 3),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["", "f", "g"]),
        st.sampled_from(["", "{", "}", '{"a":1}', "1"]),
    ),
    max_size=20,
)


@given(_pieces)
def test_numbers_have_no_gap_and_no_argument_is_lost(pieces: list[tuple[int | None, str, str, str]]) -> None:
    numbering = ToolCallNumbering()
    sent = [numbering.feed(*piece) for piece in pieces]
    seen = -1
    for delta in sent:
        if delta is not None:
            assert delta.index <= seen + 1
            seen = max(seen, delta.index)
    assert "".join(delta.arguments for delta in sent if delta) == "".join(piece[3] for piece in pieces)


def test_a_name_repeated_for_ever_takes_no_time() -> None:
    numbering = ToolCallNumbering()
    numbering.feed(0, "", "f", '{"a":"')
    started = time.process_time()
    for _ in range(50_000):
        numbering.feed(0, "", "f", '{"}"')
    assert time.process_time() - started < 5


def test_arguments_that_cannot_be_encoded_are_mended() -> None:
    assert arguments_text({"a": ["\ud800", float("nan")], "\udc00": 1}) == '{"a":["\ufffd",null],"\ufffd":1}'
