"""For tests of whatever talks to a model: a loopback upstream that replays scripts of raw bytes, faults included."""

from headrace.testing.peer import RecordedRequest
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
    "chat_answer",
    "chunk",
    "read_steps",
    "response",
    "sse",
    "stream_head",
]
