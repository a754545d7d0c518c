"""For tests of whatever talks to a model: a model that says what it is told to, and a loopback upstream with faults."""

from headrace.testing.fake import FakeModel
from headrace.testing.peer import RecordedRequest
from headrace.testing.reading import StreamedEvents, read_events
from headrace.testing.steps import (
    Blackhole,
    Close,
    Drip,
    Hold,
    Refuse,
    Repeat,
    Reset,
    Resolve,
    Script,
    Secure,
    Send,
    Sleep,
    chat_answer,
    chunk,
    read_steps,
    response,
    sse,
    stream_head,
)
from headrace.testing.upstream import ScriptedUpstream

__all__ = [
    "Blackhole",
    "Close",
    "Drip",
    "FakeModel",
    "Hold",
    "RecordedRequest",
    "Refuse",
    "Repeat",
    "Reset",
    "Resolve",
    "Script",
    "ScriptedUpstream",
    "Secure",
    "Send",
    "Sleep",
    "StreamedEvents",
    "chat_answer",
    "chunk",
    "read_events",
    "read_steps",
    "response",
    "sse",
    "stream_head",
]
