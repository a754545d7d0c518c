"""Sources as every dialect names them become one kind of event, each once, with no link that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.providers.citations import MAX_CITATIONS, MAX_QUOTE, Sources, cite
from headrace.providers.presets import PRESETS
from headrace.stream.brackets import Bracketing
from headrace.stream.events import Citation, ReasoningDelta, TextDelta
from headrace.stream.framing import Frame
from headrace.stream.wire import encode_entry
from tests.corpus import WIRE, needs_corpus
from tests.providers.outcomes import decode, summed

URL = "https://book.example/1"
BOOK = Citation(URL, "Book")


def sse(*values: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(value).encode() for value in values)


def chat(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}], **more}


def block(delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": delta}}


def candidate(**more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": "x"}]}, "index": 0, **more}]}


FLAT = {"type": "url_citation", "url": URL, "title": "Book", "start_index": 0, "end_index": 4}
ANNOTATED = {"type": "response.output_text.annotation.added", "annotation": FLAT}
GROUNDS = {
    "groundingChunks": [
        {"web": {"uri": URL, "title": "Book"}},
        {"retrievedContext": {"title": "File", "text": "Words."}},
    ],
    "groundingSupports": [{"segment": {"startIndex": 3, "text": "So it is."}, "groundingChunkIndices": [0, 9, "x"]}],
}
CASES: dict[str, tuple[str, list[Any], list[Citation]]] = {
    "perplexity": ("perplexity", [chat({"content": "x"}, citations=[URL])] * 2, [Citation(URL)]),
    "search results": (
        "perplexity",
        [chat({"content": "x"}, citations=[URL], search_results=[{"title": "Book", "url": URL}])] * 2,
        [BOOK],
    ),
    "chat annotations": (
        "openrouter",
        [
            chat(
                {
                    "content": "x",
                    "annotations": [{"type": "url_citation", "url_citation": FLAT | {"content": "Words."}}],
                }
            )
        ],
        [Citation(URL, "Book", "", "Words.", 0, 4)],
    ),
    "mistral": (
        "mistral",
        [
            chat({"content": [{"type": "text", "text": "x"}, {"type": "reference", "reference_ids": [3, "doc"]}]}),
            chat({"content": [{"type": "tool_reference", "title": "Book", "url": URL}]}),
        ],
        [Citation("", "3"), Citation("", "doc"), BOOK],
    ),
    "responses": ("openai-responses", [ANNOTATED, ANNOTATED], [Citation(URL, "Book", "", "", 0, 4)]),
    "responses, a file": (
        "openai-responses",
        [{**ANNOTATED, "annotation": {"type": "file_citation", "file_id": "f", "filename": "ai.pdf", "index": 3}}],
        [Citation("", "ai.pdf")],
    ),
    "anthropic": (
        "anthropic",
        [
            block({"type": "web_search_result_location", "url": URL, "title": "Book", "cited_text": "Words."}),
            block({"type": "char_location", "document_title": "File", "cited_text": "Words.", "start_char_index": 5}),
            block({"type": "char_location", "document_title": None, "cited_text": "Words."}),
        ],
        [Citation(URL, "Book", "", "Words."), Citation("", "File", "", "Words."), Citation("", "", "", "Words.")],
    ),
    "gemini": (
        "gemini",
        [candidate(groundingMetadata=GROUNDS), candidate(groundingMetadata=GROUNDS)],
        [Citation(URL, "Book", "So it is."), Citation("", "File", "", "Words.")],
    ),
    "gemini, recited": (
        "gemini",
        [candidate(citationMetadata={"citationSources": [{"startIndex": 1, "uri": URL}, {"uri": "gs://x/y"}]})],
        [Citation(URL)],
    ),
    "dashscope": (
        "dashscope-native",
        [
            {
                "output": {
                    "choices": [{"message": {"content": "x"}}],
                    "search_info": {"search_results": [{"index": 1, "title": "Book", "url": URL}]},
                }
            }
        ],
        [BOOK],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_source_is_told_once_as_its_dialect_names_it(name: str) -> None:
    row, values, expected = CASES[name]
    assert summed(decode(PRESETS[row], [sse(*values)])).citations == expected


def test_bedrocks_sources() -> None:
    body = {"contentBlockIndex": 0, "delta": {"citation": {"title": "Book", "location": {"web": {"url": URL}}}}}
    parser = PRESETS["bedrock"].adapter.parser()
    assert list(parser.feed(Frame(json.dumps(body).encode(), "contentBlockDelta"))) == [BOOK]


@needs_corpus
def test_recorded_answers_name_their_sources() -> None:
    found = {"anthropic": "anthropic", "cohere": "cohere", "perplexity": "perplexity", "gemini": "gemini"}
    for folder, row in found.items():
        total = 0
        for path in sorted((WIRE / folder).glob("*.stream")):
            total += len(summed(decode(PRESETS[row], [path.read_bytes()])).citations)
        assert total > 1, folder


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x.example", "file:///etc", "", None, 5])
def test_what_is_no_link_is_none(url: Any) -> None:
    assert cite(url) is None
    assert cite(url, "Book") == Citation("", "Book")


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.dictionaries(st.text(), st.text())), max_size=6))
def test_any_values_make_a_citation_that_can_be_sent(values: list[Any]) -> None:
    given_values = [*values, *[None] * 6][:6]
    url, title, text, quote, start, end = given_values
    found = cite(url, title, text=text, quote=quote, start=start, end=end)
    if found is not None:
        assert json.loads(encode_entry(found)[6:])["type"] == "citation"
        assert len(found.quote) <= MAX_QUOTE


def test_documents_are_cut_and_lists_come_to_an_end() -> None:
    found = cite(URL, quote="x" * 100_000)
    assert found is not None
    assert len(found.quote) == MAX_QUOTE
    many = [f"https://book.example/{number}" for number in range(MAX_CITATIONS + 5)]
    assert len(list(Sources().listed(many))) == MAX_CITATIONS


def test_the_wire_shows_what_is_known() -> None:
    line = encode_entry(Citation(URL, "Buch ü", start=0, end=4))
    assert line.decode() == (
        'data: {"type": "citation", "url": "https://book.example/1", "title": "Buch ü", "start": 0, "end": 4}\n\n'
    )


def test_a_citation_in_mid_thought_ends_no_run() -> None:
    events = [ReasoningDelta("a"), BOOK, ReasoningDelta("b"), TextDelta("c")]
    kinds = [type(entry).__name__ for entry in Bracketing().feed(events)]
    expected = ["ReasoningStart", "ReasoningDelta", "Citation", "ReasoningDelta", "ReasoningEnd", "TextDelta"]
    assert kinds == expected
