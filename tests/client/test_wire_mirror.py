"""What the server writes the client reads: every entry comes back as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headrace.client.wire import read_event
from headrace.gateway.chunks import annotation
from headrace.stream.events import (
    Answered,
    Citation,
    Digest,
    Entry,
    Failure,
    Finish,
    Passed,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
)
from headrace.stream.wire import encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 10**9)
SECONDS = st.none() | st.floats(0, 1e6)
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
CITATIONS = st.builds(Citation, TEXT, TEXT, TEXT, TEXT, st.none() | COUNT, st.none() | COUNT)
PASSED = st.builds(Passed, TEXT, TEXT, TEXT, st.sampled_from(["upstream_reset", "upstream_auth"]))
FINISHES = st.builds(
    Finish,
    st.sampled_from(["stop", "length", "tool_calls", "content_filter", "cancelled", "error"]),
    TEXT,
    st.none() | st.builds(Usage, COUNT, COUNT, COUNT, COUNT, st.sampled_from(["reported", "estimated"])),
    st.none() | st.builds(Timing, SECONDS, SECONDS, SECONDS),
    st.none() | st.floats(0, 100),
    st.integers(1, 20),
    st.none() | st.builds(Digest, COUNT, SHA, SHA),
    st.none() | st.builds(Answered, TEXT, TEXT, TEXT, st.lists(PASSED, max_size=3).map(tuple)),
)
ENTRIES = st.one_of(
    st.builds(TextDelta, TEXT),
    st.builds(ReasoningDelta, TEXT.filter(lambda text: text not in ("<think>", "</think>"))),
    st.builds(ToolCallDelta, COUNT, TEXT, TEXT, TEXT),
    CITATIONS,
    FINISHES,
    st.builds(Failure, st.just("upstream_rate_limited"), TEXT, st.none() | COUNT, st.booleans(), SECONDS),
)


def data(entry: Entry) -> bytes:
    return encode([entry], finish=True).split(b"\n\n", 1)[0].removeprefix(b"data: ")


@given(ENTRIES)
def test_every_entry_comes_back(entry: Entry) -> None:
    assert read_event(data(entry)) == entry


def test_brackets_are_not_text() -> None:
    assert read_event(data(ReasoningStart())) is None
    assert read_event(data(ReasoningEnd())) is None


@given(CITATIONS)
def test_openais_form_keeps_the_address_and_where_it_stands(citation: Citation) -> None:
    about = annotation(citation)["url_citation"]
    assert about["url"] == citation.url
    assert about.get("start_index") == citation.start
    assert about.get("end_index") == citation.end
