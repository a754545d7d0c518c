"""The newer dialects with JSON in all the wrong places, and texts that come in pieces or as ever longer wholes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.providers.decoder import StreamDecoder
from headrace.providers.growing import GrowingText, Growth
from headrace.providers.mistral import call_id
from headrace.providers.presets import PRESETS
from headrace.stream.events import Citation, Usage
from headrace.stream.framing import Frame
from tests.providers.outcomes import decode, merged, summed
from tests.providers.questions import feed_all, odd_json

NAMES: dict[str, set[str]] = {
    "openai-responses": {
        *("type", "delta", "item", "response", "output", "content", "summary", "text", "arguments", "call_id", "name"),
        *("response.output_text.delta", "response.output_item.done", "response.completed", "function_call", "message"),
        *("response.function_call_arguments.delta", "response.reasoning_summary_text.done", "reasoning", "error"),
        *("output_index", "status", "failed", "usage", "input_tokens", "annotations", "annotation"),
    },
    "cohere": {
        *(
            "type",
            "delta",
            "message",
            "content",
            "text",
            "thinking",
            "tool_plan",
            "tool_calls",
            "function",
            "citations",
        ),
        *("content-delta", "message-end", "tool-call-start", "citation-start", "finish_reason", "usage", "tokens"),
        *("sources", "document", "input_tokens", "error", "ERROR", "index", "id", "name", "arguments"),
    },
    "dashscope-native": {
        *(
            "output",
            "choices",
            "message",
            "content",
            "text",
            "reasoning_content",
            "tool_calls",
            "function",
            "arguments",
        ),
        *("finish_reason", "null", "stop", "usage", "models", "input_tokens", "code", "search_info", "search_results"),
        *("extra", "deep_research", "references", "url", "index", "id", "name", "output_tokens_details"),
    },
    "cloudflare-run": {"response", "tool_calls", "usage", "name", "arguments", "choices", "delta", "errors", "message"},
    "openai-completions": {"choices", "text", "finish_reason", "usage", "index", "error", "delta", "content"},
    "ollama-generate": {"response", "thinking", "done", "done_reason", "error", "eval_count", "message"},
    "mistral": {"choices", "delta", "content", "type", "thinking", "text", "reference", "reference_ids", "citations"},
}
pieces = st.lists(st.text(alphabet="ab \n你", min_size=1, max_size=4), min_size=1, max_size=9)


@pytest.mark.parametrize("row", NAMES)
def test_any_json_raises_nothing_but_framing_errors(row: str) -> None:
    @given(st.lists(odd_json(NAMES[row]), max_size=4))
    def check(values: list[Any]) -> None:
        frames = [Frame(json.dumps(value).encode()) for value in values]
        feed_all(PRESETS[row].adapter.parser(), frames)
        for value in values:
            body = json.dumps(value).encode()
            events = decode(PRESETS[row], [body[:3], body[3:], b"\n\n"])
            assert merged([event for event in events if not isinstance(event, Citation)])

    check()


def _grown(messages: list[str], *, repeated: bool = False) -> str:
    text = GrowingText(Growth())
    return "".join([*map(text.feed, messages), text.settle(repeated=repeated)])


@given(pieces)
def test_pieces_come_out_whole(sent: list[str]) -> None:
    """Unless each begins with all before it: then nothing tells them from wholes."""
    so_far, ambiguous = sent[0], True
    for piece in sent[1:]:
        ambiguous = ambiguous and piece.startswith(so_far)
        so_far = piece
    if not ambiguous or all(piece == sent[0] for piece in sent):
        assert _grown(sent) == "".join(sent)


@given(pieces.filter(lambda sent: len(sent) > 1))
def test_wholes_come_out_once(sent: list[str]) -> None:
    wholes = ["".join(sent[: count + 1]) for count in range(len(sent))]
    assert _grown(wholes) == wholes[-1]
    assert _grown([*wholes, wholes[-1]], repeated=True) == wholes[-1]


def test_one_whole_repeated_at_the_end_is_told_once() -> None:
    assert _grown(["Hello", "Hello"], repeated=True) == "Hello"
    assert _grown(["ha", "ha"]) == "haha"


def test_pieces_are_not_held_back() -> None:
    text = GrowingText(Growth())
    assert [text.feed(piece) for piece in ("The", " quick", " fox", " fox")] == ["The", " quick", " fox", " fox"]


def test_half_a_character_at_the_end_of_a_whole_waits_for_its_rest() -> None:
    assert _grown(["a", "ab", "ab\ufffd", "ab你"]) == "ab你"


@given(st.text(min_size=1))
def test_mistral_takes_every_call_id(given_id: str) -> None:
    made = call_id(given_id)
    assert len(made) == 9
    assert made.isascii()
    assert made.isalnum()
    assert call_id(made) == made


def test_a_call_id_that_mistral_takes_is_kept() -> None:
    assert call_id("D681PevKs") == "D681PevKs"
    assert call_id("call_1") != call_id("call_2")


def test_usage_of_a_cancelled_stream_is_what_was_reported_last() -> None:
    decoder = StreamDecoder(PRESETS["dashscope-native"])
    for count in (1, 2):
        piece = {"output": {"choices": [{"message": {"content": f"{count}"}}]}, "usage": {"output_tokens": count}}
        decoder.feed(b"data:%b\n\n" % json.dumps(piece).encode())
    assert decoder.usage == Usage(0, 2)
    finish = summed(decoder.cancel()).finish
    assert finish is not None
    assert (finish.reason, finish.usage) == ("cancelled", Usage(0, 2))


def test_calls_that_a_host_of_responses_does_not_number_are_told_apart() -> None:
    def call(name: str, call_id: str) -> dict[str, Any]:
        item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": ""}
        return {"type": "response.output_item.added", "item": item}

    def said(arguments: str) -> dict[str, Any]:
        return {"type": "response.function_call_arguments.delta", "delta": arguments}

    values = [call("f", "a"), said("{}"), call("g", "b"), said('{"x":1}')]
    values.append({"type": "response.completed", "response": {"status": "completed"}})
    body = b"".join(b"data: %b\n\n" % json.dumps(value).encode() for value in values)
    outcome = summed(decode(PRESETS["openai-responses"], [body]))
    assert outcome.calls == [["a", "f", "{}"], ["b", "g", '{"x":1}']]


def chunks(*values: Any) -> list[bytes]:
    return [b"data: " + json.dumps(value).encode() + b"\n\n" for value in values]


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"message": "boom"}, "upstream_error"),
        ({"message": "boom", "success": False}, "upstream_error"),
        ({"detail": {"message": "boom"}}, "upstream_error"),
        ({"code": 1301, "msg": "boom"}, "upstream_error"),
        ({"error_code": 17, "error_msg": "boom"}, "upstream_error"),
        ({"status_code": 429, "message": "boom", "request_id": "r"}, "upstream_rate_limited"),
        ({"__type": "ThrottlingException", "message": "boom"}, "upstream_rate_limited"),
        ([{"error": {"code": 503, "message": "boom"}}], "upstream_error"),
    ],
)
def test_an_error_in_the_words_of_no_api_is_told(error: Any, code: str) -> None:
    got = summed(decode(PRESETS["openai"], chunks(delta(content="A"), error)))
    assert got.failure is not None
    assert (got.content, got.failure.code, got.failure.message) == ("A", code, "boom")


@pytest.mark.parametrize(
    "extra", [{}, {"message": "queued", "type": "status"}, {"code": 0, "msg": "ok"}, {"success": True, "message": "ok"}]
)
def test_what_only_looks_like_an_error_is_none(extra: Any) -> None:
    got = summed(decode(PRESETS["openai"], [*chunks(extra, delta(content="A")), b"data: [DONE]\n\n"]))
    assert (got.content, got.failure) == ("A", None)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        *(
            ("LENGTH", "length"),
            ("MAX_TOKENS", "length"),
            ("Tool_Calls", "tool_calls"),
            ("content-filter", "content_filter"),
        ),
        *(("SAFETY", "content_filter"), ("STOP", "stop"), ("eos_token", "stop")),
    ],
)
def test_the_words_for_the_end_are_known_in_any_letter_case(word: str, reason: str) -> None:
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": word}]}
    finish = summed(decode(PRESETS["openai"], chunks(delta(content="A"), end))).finish
    assert finish is not None
    assert (finish.reason, finish.provider_reason) == (reason, word)


@pytest.mark.parametrize(
    ("calls", "arguments"),
    [
        ({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}, "{}"),
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": [1]}}], "[1]"),
    ],
)
def test_calls_of_an_odd_shape_are_not_lost(calls: Any, arguments: str) -> None:
    got = summed(decode(PRESETS["openai"], [*chunks(delta(tool_calls=calls)), b"data: [DONE]\n\n"]))
    assert got.calls == [["a", "f", arguments]]
