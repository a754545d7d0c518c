"""Every recorded stream of the dialects we read gives exactly what an independent decoder made of it, at every cut."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from headrace.providers.failures import read_failure
from headrace.stream.thinking import DEFAULT, ThinkSplitter
from tests.corpus import WIRE, needs_corpus
from tests.providers.outcomes import BY_DIALECT, Outcome, bytewise, decode, merged, summed
from tests.providers.recorded import recordings
from tests.providers.test_recorded import ROWS

SECONDS_A_STREAM = 0.08
"""Time for the cuts of one stream: all of them where it is short, a sample near the ends of its events where not."""


def _recordings() -> list[Path]:
    found = [path for path in sorted(WIRE.glob("*/*.json")) if not path.name.endswith(".expect.json")]
    return [path for path in found if json.loads(path.read_text("utf-8"))["api"] in BY_DIALECT]


RECORDINGS = _recordings()
CODES = {
    400: "upstream_bad_request",
    401: "upstream_auth",
    404: "upstream_not_found",
    500: "upstream_unavailable",
}
STREAMS = [path for path in RECORDINGS if json.loads(path.read_text("utf-8"))["http_status"] == 200]
REFUSALS = [path for path in RECORDINGS if path not in STREAMS]

pytestmark = needs_corpus


def _load(path: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    about = json.loads(path.read_text("utf-8"))
    expected = json.loads(path.with_suffix(".expect.json").read_text("utf-8"))
    return about, expected, path.with_suffix(".stream").read_bytes()


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _message(expected: dict[str, Any]) -> str:
    error = expected["error"]
    return str(expected.get("error_message") or (error["message"] if isinstance(error, dict) else error))


def _split(expected: dict[str, Any]) -> tuple[str, str]:
    """The expected content and reasoning with the tags taken out of the text, as one whole piece."""
    if expected["reasoning"]:
        return expected["content"], expected["reasoning"]
    splitter = ThinkSplitter(DEFAULT)
    outcome = Outcome()
    for delta in [*splitter.feed(expected["content"]), *splitter.close()]:
        if type(delta).__name__ == "TextDelta":
            outcome.content += delta.text
        else:
            outcome.reasoning += delta.text
    return outcome.content, outcome.reasoning


def _check(outcome: Outcome, expected: dict[str, Any], content: str, reasoning: str) -> None:
    assert outcome.content == content
    assert outcome.reasoning == reasoning
    assert outcome.calls == [[call["id"], call["name"], call["arguments"]] for call in expected["tool_calls"]]
    assert outcome.finish is not None
    assert outcome.finish.provider_reason == (expected["finish_reason"] or "")
    usage, counted = outcome.finish.usage, expected["usage"]
    assert (usage is None) == (counted is None)
    if usage is not None:
        assert usage.input_tokens == counted["input_tokens"]
        assert usage.output_tokens == counted["output_tokens"]
        assert usage.reasoning_tokens == (counted["reasoning_tokens"] or 0)
    assert (outcome.failure is None) == (expected["error"] is None)
    if outcome.failure is not None:
        assert outcome.failure.message == _message(expected)


@pytest.mark.parametrize("path", STREAMS, ids=_name)
def test_a_recorded_stream_gives_exactly_what_is_expected(path: Path) -> None:
    about, expected, data = _load(path)
    provider = BY_DIALECT[about["api"]]
    with_tags = (expected["content"], expected["reasoning"])
    for pieces in ([data], bytewise(data)):
        _check(summed(decode(provider, pieces, think=None)), expected, *with_tags)
        _check(summed(decode(provider, pieces)), expected, *_split(expected))


@pytest.mark.parametrize("path", STREAMS, ids=_name)
def test_no_cut_changes_a_recorded_stream(path: Path) -> None:
    about, _, data = _load(path)
    provider = BY_DIALECT[about["api"]]
    whole = merged(decode(provider, [data]))
    deadline = time.monotonic() + SECONDS_A_STREAM
    for cut in _cuts(data):
        assert merged(decode(provider, [data[:cut], data[cut:]])) == whole, f"cut at {cut}"
        if time.monotonic() > deadline:
            break


def _cuts(data: bytes) -> list[int]:
    """Every cut, those around the ends of events first, each group shuffled by the data's own length."""
    ends = [at for at in range(1, len(data)) if b"\n" in data[at - 2 : at + 2]]
    rest = sorted(set(range(1, len(data))) - set(ends))
    shuffler = random.Random(len(data))
    shuffler.shuffle(ends)
    shuffler.shuffle(rest)
    return [cut for pair in zip(ends, rest, strict=False) for cut in pair] + rest[len(ends) :] + ends[len(rest) :]


@pytest.mark.parametrize("path", REFUSALS, ids=_name)
def test_a_recorded_refusal_is_told_in_the_providers_words(path: Path) -> None:
    about, expected, body = _load(path)
    headers = {"Content-Type": about["content_type"]}
    error = read_failure(about["http_status"], headers, body, secrets=("sk-unrelated-key",), now=0.0)
    assert error.status == about["http_status"]
    assert error.retryable == (about["http_status"] >= 500)
    if body.lstrip().startswith(b"<"):
        assert "<" not in error.message
        assert "401 Authorization Required" in error.message
    else:
        assert error.message == _message(expected)
    assert error.code == CODES[about["http_status"]]


def test_no_recording_is_left_out() -> None:
    read = {*BY_DIALECT, *ROWS, "anthropic", "bedrock-converse", "bedrock-invoke", "gemini-sse"}
    found = [path for path in WIRE.glob("*/*.json") if not path.name.endswith(".expect.json")]
    assert {json.loads(path.read_text("utf-8"))["api"] for path in found} == read, "each by the test of its dialect"
    assert len(found) == sum(len(recordings(api)) for api in read) == len([*WIRE.glob("*/*.stream")])


def test_the_corpus_is_read_at_all() -> None:
    assert len(STREAMS) > 100
    assert len(REFUSALS) > 10
