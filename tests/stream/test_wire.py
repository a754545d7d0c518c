"""The contract's lines, to the letter; and brackets that always balance."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headrace.stream.brackets import Bracketing
from headrace.stream.events import (
    Citation,
    Entry,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
)
from headrace.stream.wire import SSEFace, encode

texts = st.text(st.characters(codec="utf-8"), max_size=12)
deltas: st.SearchStrategy[Event] = st.one_of(
    texts.map(TextDelta),
    texts.map(ReasoningDelta),
    st.builds(ToolCallDelta, st.integers(0, 3), texts, texts, texts),
    st.builds(Citation, texts, texts, texts, texts, st.none() | st.integers(0, 9)),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
    texts.map(lambda text: Failure("upstream_reset", text)),
)


def test_the_seed_to_the_letter() -> None:
    events = [ReasoningDelta("用户问候"), TextDelta("你好"), TextDelta("！"), Finish()]
    assert encode(Bracketing().feed(events)).decode() == (
        'data: {"type": "reasoning", "content": "<think>"}\n\n'
        'data: {"type": "reasoning", "content": "用户问候"}\n\n'
        'data: {"type": "reasoning", "content": "</think>"}\n\n'
        'data: {"type": "content", "content": "你好"}\n\n'
        'data: {"type": "content", "content": "！"}\n\n'
        "data: [DONE]\n\n"
    )


def test_an_error_closes_the_open_run_first() -> None:
    events = [ReasoningDelta("hm"), Failure("upstream_reset", "gone", 502, True, 2.0), Finish("error")]
    lines = encode(Bracketing().feed(events)).decode().split("\n\n")
    assert lines[2] == 'data: {"type": "reasoning", "content": "</think>"}'
    assert json.loads(lines[3].removeprefix("data: ")) == {
        "error": "gone", "code": "upstream_reset", "status": 502, "retryable": True, "retryAfter": 2.0,
    }  # fmt: skip
    assert lines[4:] == ["data: [DONE]", ""]


def test_the_finish_is_shown_to_those_who_asked() -> None:
    entries: list[Entry] = [
        TextDelta("a"),
        Finish("length", "max_tokens", Usage(3, 4, 1, 2), Timing(1.5, 9.0, 400.0), None, 2),
    ]
    shown = SSEFace(ids=True, finish=True)(entries, 7).decode().split("\n\n")
    assert shown[0].startswith('id: 7\ndata: {"type": "content"')
    number, data = shown[1].split("\n")
    assert number == "id: 8"
    assert json.loads(data.removeprefix("data: ")) == {
        "type": "finish", "reason": "length", "providerReason": "max_tokens",
        "usage": {"inputTokens": 3, "outputTokens": 4, "reasoningTokens": 1, "cachedTokens": 2, "source": "reported"},
        "timing": {"ttftMs": 1.5, "durationMs": 9.0, "tokensPerSecond": 400.0}, "attempts": 2,
    }  # fmt: skip
    assert shown[2:] == ["data: [DONE]", ""]
    assert b"finish" not in SSEFace()(entries, 1)


@given(st.lists(deltas, max_size=12), st.booleans(), st.booleans(), st.lists(st.integers(0, 12), max_size=4))
def test_any_stream_is_well_formed_numbered_and_balanced(
    events: list[Event], ids: bool, finish: bool, cuts: list[int]
) -> None:
    bracketing = Bracketing()
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    entries = [entry for a, b in pairwise(edges) for entry in bracketing.feed(events[a:b])]
    entries += bracketing.feed([Finish()])
    data = encode(entries, ids=ids, finish=finish)
    *blocks, done, empty = data.decode().split("\n\n")
    assert (done, empty) == ("data: [DONE]", "")
    shown = len(entries) - (0 if finish else 1)
    assert len(blocks) == shown
    depth = 0
    for number, (block, entry) in enumerate(zip(blocks, entries, strict=False), 1):
        head, _, line = block.rpartition("data: ")
        assert head == (f"id: {number}\n" if ids else "")
        assert isinstance(json.loads(line), dict)
        depth += isinstance(entry, ReasoningStart) - isinstance(entry, ReasoningEnd)
        assert isinstance(entry, Citation) or depth == isinstance(entry, ReasoningStart | ReasoningDelta)
    joined = "".join(json.loads(b.rpartition("data: ")[2])["content"] for b in blocks if '"type": "content"' in b)
    assert joined == "".join(event.text for event in events if isinstance(event, TextDelta))
