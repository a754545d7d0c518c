"""decode(encode(x)) is x in meaning: what our own decoders of an API read from its face, however the entries come."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.faces.calls import arguments_object
from headrace.faces.face import Encoder, Told
from headrace.faces.table import FACES
from headrace.gateway.chunks import ChunkFace
from headrace.providers.base import Provider
from headrace.providers.decoder import StreamDecoder
from headrace.providers.presets import PRESETS
from headrace.stream.answer import Answer, gather
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
    ToolCallDelta,
    Usage,
)

TOLD = Told("s1", "local/smollm2", 1764000000.0)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
OBJECTS = st.dictionaries(TEXT, st.none() | st.integers(-9, 9) | TEXT | st.lists(TEXT, max_size=2), max_size=3)
COUNTS = st.integers(1, 10**6)


class OpenAIEncoder:
    """The face without a memory, as one of the others."""

    def __init__(self, told: Told) -> None:
        self._face = ChunkFace(f"chatcmpl-{told.stream_id}", told.model, int(told.created), usage=True)
        self._next = 1

    def feed(self, entries: list[Entry]) -> bytes:
        self._next += len(entries)
        return self._face(entries, self._next - len(entries))


ENCODERS: dict[str, Any] = {
    "openai": OpenAIEncoder,
    "anthropic": FACES["anthropic"].encoder,
    "ollama": FACES["ollama"].encoder,
}
"""By the row whose decoder reads it. The AI SDK's stream has none here: the SDK itself reads it (`test_clients`)."""
CITES = ("openai", "anthropic")


@st.composite
def calls(draw: st.DrawFn) -> list[ToolCallDelta]:
    """The pieces of some calls, each call's in order, those of different calls in any."""
    waiting: list[list[ToolCallDelta]] = []
    for index in range(draw(st.integers(0, 3))):
        text = json.dumps(draw(OBJECTS), ensure_ascii=draw(st.booleans()))
        cut = draw(st.integers(0, len(text)))
        pieces = [ToolCallDelta(index, f"id{index}", draw(TEXT)), ToolCallDelta(index, arguments=text[:cut])]
        waiting.append([*pieces, ToolCallDelta(index, arguments=text[cut:])])
    firsts = [pieces.pop(0) for pieces in waiting]
    found = list(firsts) if draw(st.booleans()) else []
    for first, pieces in zip(firsts, waiting, strict=True):
        if first not in found:
            pieces.insert(0, first)
    begun = 0 if not found else len(waiting)
    while any(waiting):
        ready = [n for n, pieces in enumerate(waiting) if pieces and n <= begun]
        chosen = draw(st.sampled_from(ready))
        begun = max(begun, chosen + 1)
        found.append(waiting[chosen].pop(0))
    return found


@st.composite
def answers(draw: st.DrawFn, cites: bool) -> list[Entry]:
    """The entries of any answer: text, thoughts and sources in any order, calls among them, one of the ends."""
    source = st.builds(Citation, url=st.just("https://example.com/a"), title=st.sampled_from(["", "A river"]))
    said = draw(st.lists(st.builds(TextDelta, TEXT) | st.builds(ReasoningDelta, TEXT), max_size=8))
    events: list[Event] = [*said, *([draw(source)] if cites and draw(st.booleans()) else [])]
    spoken = draw(calls())
    at = draw(st.integers(0, len(events)))
    events = [*events[:at], *spoken, *events[at:]]
    usage = Usage(draw(COUNTS), draw(COUNTS))
    reason = draw(st.sampled_from(["tool_calls"] if spoken else ["stop", "length"]))
    return Bracketing().feed([*events, Finish(reason, "", usage)])  # type: ignore[arg-type]


def encoded(encoder: Encoder, entries: list[Entry], size: int) -> bytes:
    return b"".join(encoder.feed(entries[at : at + size]) for at in range(0, len(entries), size))


def read(row: Provider, data: bytes) -> Answer:
    decoder = StreamDecoder(row, think=None)
    return gathered([*decoder.feed(data), *decoder.close()])


def gathered(entries: list[Any]) -> Answer:
    answer = Answer()
    for entry in entries:
        if not isinstance(entry, ReasoningStart | ReasoningEnd):
            gather(answer, entry)
    return answer


def meaning(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "content": answer.content,
        "reasoning": answer.reasoning,
        "calls": [(call["id"], call["name"], arguments_object(call["arguments"])) for call in answer.tool_calls],
        "sources": [(each.url, each.title) for each in answer.citations],
        "usage": usage and (usage.input_tokens, usage.output_tokens),
        "reason": answer.finish_reason,
        "failure": answer.failure and answer.failure.message,
    }


@pytest.mark.parametrize("name", ENCODERS)
@given(data=st.data(), size=st.integers(1, 9))
def test_what_was_encoded_is_read_again(name: str, data: st.DataObject, size: int) -> None:
    entries = data.draw(answers(name in CITES))
    found = read(PRESETS[name], encoded(ENCODERS[name](TOLD), entries, size))
    assert meaning(found) == meaning(gathered(entries))


@pytest.mark.parametrize("name", ENCODERS)
def test_a_failure_comes_after_what_had_come(name: str) -> None:
    entries = [TextDelta("Hel"), Failure("upstream_reset", "The connection broke."), Finish("error")]
    found = read(PRESETS[name], encoded(ENCODERS[name](TOLD), entries, 1))
    assert found.content == "Hel"
    assert found.failure is not None
    assert found.failure.message == "The connection broke."


@pytest.mark.parametrize("name", ["anthropic", "ollama"])
def test_a_whole_answer_is_read_like_its_stream(name: str) -> None:
    call = ToolCallDelta(0, "id0", "weather", '{"city": "Oslo"}')
    events = [ReasoningDelta("hm"), TextDelta("Hello"), call, Finish("tool_calls", "", Usage(5, 7))]
    body = FACES[name].whole(TOLD, gathered(Bracketing().feed(events)))
    assert meaning(read(PRESETS[name], msgspec.json.encode(body))) == meaning(gathered(events))


@pytest.mark.parametrize("name", ["anthropic", "ollama"])
def test_a_silent_stream_shows_what_means_nothing(name: str) -> None:
    encoder, silence = ENCODERS[name](TOLD), FACES[name].alive(TOLD)
    data = encoder.feed([TextDelta("Hel")]) + silence + encoder.feed([TextDelta("lo"), Finish()])
    assert read(PRESETS[name], data).content == "Hello"


def test_arguments_that_are_no_object_are_no_call_but_an_error() -> None:
    broken = [ToolCallDelta(0, "id0", "weather", '{"city": '), Finish("tool_calls")]
    found = read(PRESETS["ollama"], ENCODERS["ollama"](TOLD).feed(broken))
    assert found.failure is not None
    assert "weather" in found.failure.message
    cut = read(PRESETS["ollama"], ENCODERS["ollama"](TOLD).feed([broken[0], Finish("length")]))
    assert (cut.failure, cut.tool_calls, cut.finish_reason) == (None, [], "length")
