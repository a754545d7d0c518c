"""What a model says, as typed events. Every provider is translated into these; nothing else travels.

Two closed unions. `Event` is what a decoder makes of a provider's bytes. `Entry` is what a journal keeps and a
client counts: the same, with every run of reasoning bracketed by `ReasoningStart` and `ReasoningEnd`, and with
`Usage` folded into the one `Finish` that ends each log.

They are packed as arrays with one-letter tags: a journal keeps millions of them. New fields go at the end, with a
default, so that two versions can read each other's logs.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headrace.errors import ErrorCode

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "cancelled", "error"]
UsageSource = Literal["reported", "estimated"]


class TextDelta(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="t"):
    """A piece of the answer."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="r"):
    """A piece of the chain of thought."""

    text: str


class ReasoningStart(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="<"):
    """A run of reasoning begins. On the wire: `<think>`."""


class ReasoningEnd(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=">"):
    """The run of reasoning has ended. On the wire: `</think>`."""


class ToolCallDelta(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="c"):
    """A piece of one call. `index` numbers the calls of one answer from 0; argument text comes as deltas."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Citation(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="q"):
    """A source that the answer rests on. What a provider does not tell is empty, or None.

    `text` is the passage of the answer that it supports, from character `start` to before `end` of the answer;
    `quote` is what the source says. `url` is http or https.
    """

    url: str = ""
    title: str = ""
    text: str = ""
    quote: str = ""
    start: int | None = None
    end: int | None = None


class Usage(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="u"):
    """Tokens, as the provider reported them or as we estimated. A later one replaces an earlier one, never adds."""

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    source: UsageSource = "reported"


class Timing(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Milliseconds from the start of the stream; tokens a second after the first token. None: not known."""

    ttft_ms: float | None = None
    duration_ms: float | None = None
    tokens_per_second: float | None = None


class Digest(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How many events a stream has, its `Finish` among them, and SHA-256 (hex) of its joined content and reasoning."""

    events: int
    content: str
    reasoning: str


class Passed(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A model that was asked first and failed before anything was shown; another one was asked in its place."""

    config_id: str
    provider: str
    model: str
    code: ErrorCode


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """Who answered where several could: the one asked last, after those that it stood in for."""

    config_id: str
    provider: str
    model: str
    passed: tuple[Passed, ...] = ()


class Finish(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """The one end of a stream. `provider_reason` is the provider's own word, empty where it gave none.

    `cost` is in US dollars, None where it is not known. `answered` is told only where fallbacks were asked.
    """

    reason: FinishReason = "stop"
    provider_reason: str = ""
    usage: Usage | None = None
    timing: Timing | None = None
    cost: float | None = None
    attempts: int = 1
    digest: Digest | None = None
    answered: Answered | None = None


class Failure(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="x"):
    """What went wrong, in words that may be shown: scrubbed of keys. Always followed by `Finish(reason="error")`."""

    code: ErrorCode
    message: str
    status: int | None = None
    retryable: bool = False
    retry_after: float | None = None


Event = TextDelta | ReasoningDelta | ToolCallDelta | Citation | Usage | Finish | Failure
Entry = TextDelta | ReasoningDelta | ReasoningStart | ReasoningEnd | ToolCallDelta | Citation | Finish | Failure
