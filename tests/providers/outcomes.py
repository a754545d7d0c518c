"""Runs bytes through a `StreamDecoder` in pieces and sums its events up, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from headrace.providers.base import Provider
from headrace.providers.decoder import StreamDecoder
from headrace.providers.presets import PRESETS
from headrace.stream.events import Citation, Event, Failure, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage

BY_DIALECT = {"openai-chat": PRESETS["openai"], "ollama": PRESETS["ollama"]}


@dataclass
class Outcome:
    """What a client has in the end."""

    content: str = ""
    reasoning: str = ""
    calls: list[list[str]] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    failure: Failure | None = None
    finish: Finish | None = None


def decode(provider: Provider, pieces: Iterable[bytes], **options: object) -> list[Event]:
    decoder = StreamDecoder(provider, **options)  # type: ignore[arg-type]
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.close()
    assert decoder.done
    assert decoder.feed(b"data: more\n\n") == []
    assert decoder.close() == []
    return events


def summed(events: list[Event]) -> Outcome:
    """The outcome of events that keep the rules: one end, nothing after it, no usage by itself, no empty text."""
    outcome = Outcome()
    for event in events:
        assert outcome.finish is None, "an event after the end"
        match event:
            case TextDelta(text):
                assert text
                assert outcome.failure is None
                outcome.content += text
            case ReasoningDelta(text):
                assert text
                assert outcome.failure is None
                outcome.reasoning += text
            case ToolCallDelta(index, call_id, name, arguments):
                assert index <= len(outcome.calls), "a gap between the calls"
                if index == len(outcome.calls):
                    outcome.calls.append(["", "", ""])
                call = outcome.calls[index]
                call[:] = [call[0] + call_id, call[1] + name, call[2] + arguments]
            case Citation():
                assert event.url or event.title or event.quote
                outcome.citations.append(event)
            case Failure():
                assert outcome.failure is None
                outcome.failure = event
            case Finish():
                outcome.finish = event
            case Usage():
                raise AssertionError("usage travels in the Finish")
            case _:
                assert_never(event)
    assert outcome.finish is not None, "no end"
    assert (outcome.failure is not None) == (outcome.finish.reason == "error")
    return outcome


def merged(events: list[Event]) -> list[Event]:
    """The same events with neighbours of one kind joined: what must not depend on how the bytes were cut."""
    joined: list[Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if type(event) in (TextDelta, ReasoningDelta) and type(last) is type(event):
            joined[-1] = type(event)(last.text + event.text)  # type: ignore[union-attr]
        else:
            joined.append(event)
    return joined


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def chat_chunk(delta: str, finish: str = "null") -> bytes:
    """One SSE event of the OpenAI dialect around the JSON of a delta."""
    return b'data: {"choices":[{"index":0,"delta":%b,"finish_reason":%b}]}\n\n' % (delta.encode(), finish.encode())


def chat_body(*deltas: str, finish: str = '"stop"') -> bytes:
    """A whole SSE body of these deltas, with its end."""
    return b"".join([*map(chat_chunk, deltas), chat_chunk("{}", finish), b"data: [DONE]\n\n"])
