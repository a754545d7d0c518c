"""The decoder's promises, whatever the bytes: it never raises, ends once, does not see cuts, and is bounded."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.providers import decoder as decoder_module
from headrace.providers.decoder import EVENT_COST, MAX_ANSWER, MAX_WHOLE, StreamDecoder
from headrace.providers.failures import failure
from headrace.providers.presets import PRESETS
from headrace.stream.events import Event, Failure, Finish, ReasoningDelta, TextDelta, Usage
from headrace.stream.framing import Frame
from tests.providers.outcomes import BY_DIALECT, chat_body, chat_chunk, decode, merged, summed

OPENAI = PRESETS["openai"]
PROVIDERS = st.sampled_from(sorted(BY_DIALECT))

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_member = st.sampled_from(
    [
        "content",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "thinking",
        "tool_calls",
        "function_call",
        "refusal",
        "index",
        "id",
        "name",
        "function",
        "arguments",
        "delta",
        "message",
        "choices",
        "finish_reason",
        "usage",
        "error",
        "x_groq",
        "done",
        "done_reason",
        "eval_count",
        "type",
        "text",
        "prompt_tokens",
        "completion_tokens",
        "completion_tokens_details",
        "base_resp",
        "status_code",
        "detail",
        "code",
        "object",
    ]
)
_shape = st.recursive(
    _json,
    lambda inner: st.dictionaries(_member, inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=24,
)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


_piece = st.one_of(
    st.binary(max_size=40),
    _shape.map(_line),
    _shape.map(lambda value: b"data: " + _line(value) + b"\n\n"),
    _shape.map(lambda value: b"data: " + _line({"choices": [{"index": 0, "delta": value}]}) + b"\n\n"),
    _shape.map(lambda value: _line({"message": value, "done": False}) + b"\n"),
    st.sampled_from(
        [b"data: [DONE]\n\n", b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf", b"{", b"[", b"<", b"event: error\n", b"data: "]
    ),
    st.sampled_from(["<think>", "</think>", "hello", " ", "\\ud83d", "\\ude00", "\\ud800x"]).map(
        lambda text: b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % text.encode()
    ),
)
_body = st.lists(_piece, max_size=12).map(b"".join)


@given(PROVIDERS, _body, st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=400, deadline=None)
def test_any_bytes_end_once_and_no_cut_changes_what_they_give(dialect: str, body: bytes, cuts: list[int]) -> None:
    provider = BY_DIALECT[dialect]
    at = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(at)]
    whole = decode(provider, [body])
    summed(whole)
    assert merged(decode(provider, pieces)) == merged(whole)
    for event in whole:
        if isinstance(event, TextDelta | ReasoningDelta):
            event.text.encode()


@given(st.lists(st.tuples(st.sampled_from(["content", "reasoning_content"]), st.text(min_size=1)), max_size=12))
def test_what_is_written_is_what_is_read(deltas: list[tuple[str, str]]) -> None:
    body = chat_body(*(json.dumps({field: text}) for field, text in deltas))
    outcome = summed(decode(OPENAI, [body], think=None))
    for field, found in (("content", outcome.content), ("reasoning_content", outcome.reasoning)):
        written = "".join(text for name, text in deltas if name == field)
        assert found == written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert outcome.failure is None


@given(st.text(min_size=1, max_size=60), st.integers(1, 3))
def test_a_character_cut_over_deltas_is_joined(text: str, size: int) -> None:
    units = json.dumps(text)[1:-1].encode("utf-16-le").decode("utf-16-le")
    escaped = [f"\\u{unit:04x}" for unit in _utf16(text)]
    deltas = ["".join(escaped[at : at + size]) for at in range(0, len(escaped), size)]
    outcome = summed(decode(OPENAI, [chat_body(*(f'{{"content":"{delta}"}}' for delta in deltas))], think=None))
    assert outcome.content == text
    assert units


def _utf16(text: str) -> list[int]:
    raw = text.encode("utf-16-le")
    return [int.from_bytes(raw[at : at + 2], "little") for at in range(0, len(raw), 2)]


def test_halves_in_two_channels_are_not_joined() -> None:
    body = chat_body(
        '{"content":"a\\ud83d"}',
        '{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"\\ud83d"}}]}',
        '{"tool_calls":[{"index":1,"id":"y","function":{"name":"g","arguments":"\\ude00"}}]}',
        '{"tool_calls":[{"index":0,"function":{"arguments":"\\ud83d"}}]}',
        '{"tool_calls":[{"index":0,"function":{"arguments":"\\ude00"}}]}',
    )
    outcome = summed(decode(OPENAI, [body]))
    assert outcome.content == "a\ufffd"
    assert outcome.calls == [["x", "f", "\ufffd😀"], ["y", "g", "\ufffd"]]


def test_a_reasoning_field_turns_tags_into_text() -> None:
    body = chat_body('{"content":"<thi"}', '{"reasoning_content":"r"}', '{"content":"nk>x</think>y"}')
    outcome = summed(decode(OPENAI, [body]))
    assert (outcome.content, outcome.reasoning) == ("<think>x</think>y", "r")


def test_usage_is_replaced_and_travels_in_the_finish() -> None:
    decoder = StreamDecoder(OPENAI)
    events = decoder.feed(b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n')
    events += decoder.feed(chat_chunk("{}", '"stop"'))
    assert decoder.usage == Usage(1, 1)
    events += decoder.feed(b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":9}}\n\n')
    assert not decoder.done
    events += decoder.feed(b"data: [DONE]\n\n")
    assert events == [Finish("stop", "stop", Usage(1, 9))]


def test_an_answer_is_bounded_at_the_same_place_however_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_module, "MAX_ANSWER", 5 * (EVENT_COST + 3))
    body = chat_body(*['{"content":"abc"}'] * 9)
    for pieces in ([body], [body[at : at + 7] for at in range(0, len(body), 7)]):
        outcome = summed(decode(OPENAI, pieces))
        assert outcome.content == "abc" * 5
        assert outcome.failure is not None
        assert outcome.failure.code == "upstream_limit"


def test_one_huge_answer_is_refused() -> None:
    body = chat_body(json.dumps({"content": "x" * (MAX_ANSWER + 1)}))
    outcome = summed(decode(OPENAI, [body]))
    assert outcome.content == ""
    assert outcome.failure is not None
    assert outcome.failure.code == "upstream_limit"


def test_a_huge_json_body_is_refused() -> None:
    decoder = StreamDecoder(OPENAI)
    decoder.feed(b'{"choices":[{"message":{"content":"')
    events = [event for _ in range(MAX_WHOLE // 65536 + 1) for event in decoder.feed(b"x" * 65536)]
    assert [event.code for event in events if isinstance(event, Failure)] == ["upstream_limit"]


def test_a_broken_connection_after_the_end_breaks_nothing() -> None:
    reset = failure("upstream_reset", "reset")
    decoder = StreamDecoder(OPENAI)
    decoder.feed(chat_chunk('{"content":"all"}', '"stop"'))
    assert decoder.abort(reset) == [Finish("stop", "stop")]
    assert decoder.abort(reset) == []


@pytest.mark.parametrize(("body", "left"), [(b'data: {"choices":[{"delta":{"content":"<thi"}}]}\n\ndata: {"c', "<thi")])
def test_a_broken_connection_keeps_what_was_shown(body: bytes, left: str) -> None:
    decoder = StreamDecoder(OPENAI)
    events = decoder.feed(body) + decoder.abort(failure("upstream_reset", "reset"))
    assert events == [TextDelta(left), Failure("upstream_reset", "reset", None, True), Finish("error")]


def test_a_broken_connection_after_a_whole_json_answer_breaks_nothing() -> None:
    decoder = StreamDecoder(OPENAI)
    decoder.feed(b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}')
    assert decoder.abort(failure("upstream_reset", "reset")) == [TextDelta("Hi"), Finish("stop", "stop")]
    decoder = StreamDecoder(OPENAI)
    decoder.feed(b'{"choices":[{"message":{"cont')
    assert summed(decoder.abort(failure("upstream_reset", "reset"))).failure == failure("upstream_reset", "reset")


def test_nobody_left_to_read_is_no_failure() -> None:
    decoder = StreamDecoder(OPENAI)
    shown = decoder.feed(chat_chunk('{"content":"<think>plan"}'))
    assert shown + decoder.cancel() == [ReasoningDelta("plan"), Finish("cancelled")]
    assert decoder.done
    assert decoder.cancel() == []


def test_no_key_is_in_a_failure() -> None:
    body = b'event: error\ndata: {"error":{"message":"bad key sk-CANARY1234 (sk-CA****1234)\\u0000"}}\n\n'
    decoder = StreamDecoder(OPENAI, secrets=("sk-CANARY1234",))
    outcome = summed(decoder.feed(body))
    assert outcome.failure is not None
    assert outcome.failure.message == "bad key [key] ([key])"


def test_an_answer_without_style_keeps_its_tags() -> None:
    body = chat_body('{"content":"<think>x</think>y"}')
    assert summed(decode(OPENAI, [body], think=None)).content == "<think>x</think>y"
    assert summed(decode(OPENAI, [body])).content == "y"


@pytest.mark.parametrize("body", [b'data: {"choices":[{"delta":{"content":' + b"[" * 100_000, b"[" * 100_000])
def test_deep_json_is_no_crash(body: bytes) -> None:
    outcome = summed(decode(OPENAI, [body + b"\n\n"]))
    assert outcome.failure is not None
    assert outcome.failure.code in ("upstream_protocol", "upstream_truncated")


def test_text_comes_out_as_it_comes_in() -> None:
    decoder = StreamDecoder(OPENAI)
    assert decoder.feed(chat_chunk('{"content":"one"}')) == [TextDelta("one")]
    assert decoder.feed(chat_chunk('{"content":" two"}')[:-1]) == []
    assert decoder.feed(b"\n") == [TextDelta(" two")]
    ollama = StreamDecoder(PRESETS["ollama"])
    assert ollama.feed(b'{"message":{"content":"Hel"},"done":false}\n') == [TextDelta("Hel")]


def test_a_lone_half_comes_out_before_what_follows_it() -> None:
    body = chat_body('{"content":"a\\ud83d"}', '{"reasoning_content":"r"}', '{"content":"b\\ud83d"}', '{"content":"c"}')
    events = decode(OPENAI, [body], think=None)
    assert merged(events)[:-1] == [TextDelta("a\ufffd"), ReasoningDelta("r"), TextDelta("b\ufffdc")]


class _Chatterbox:
    """A parser that goes on after the end."""

    provider_reason = "x"

    def feed(self, frame: Frame) -> list[Event]:
        return [Finish("stop", "x"), TextDelta("more"), Failure("internal", "more"), Finish("stop", "y")]

    def close(self) -> list[Event]:
        return [TextDelta("still more")]


def test_the_end_is_the_end_whatever_a_parser_says_after_it() -> None:
    provider = replace(OPENAI, adapter=replace(OPENAI.adapter, parser=_Chatterbox))
    assert decode(provider, [b"data: {}\n\ndata: {}\n\n"]) == [Finish("stop", "x")]


@pytest.mark.parametrize("dialect", sorted(BY_DIALECT))
def test_blank_lines_that_keep_a_connection_open_cost_nothing(dialect: str) -> None:
    decoder = StreamDecoder(BY_DIALECT[dialect])
    started = time.process_time()
    for _ in range(100_000):
        assert decoder.feed(b"\n") == []
    body = {"message": {"content": "Hi"}, "done": True, "choices": [{"message": {"content": "Hi"}}]}
    for piece in (b"\xef\xbb", b"\xbf", json.dumps(body, indent=1).encode()):
        decoder.feed(piece)
    assert summed([*decoder.close()]).content == "Hi"
    assert time.process_time() - started < 5
