"""The whole upstream half as one pure object: bytes in, events out, the only decoder there is.

Never raises and ends exactly once: with a `Finish`, or with a `Failure` and the `Finish` that follows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, assert_never

import msgspec

from headrace.errors import FramingError
from headrace.providers.base import Provider
from headrace.providers.failures import failure
from headrace.providers.lenient import is_whole
from headrace.providers.scrubbing import one_line, scrub
from headrace.providers.surrogates import Content, HalfJoiner, text_of
from headrace.stream.events import (
    Citation,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from headrace.stream.framing import SSEDecoder
from headrace.stream.thinking import DEFAULT, ThinkSplitter, ThinkStyle

MAX_ANSWER = 4 * 1024 * 1024
"""Characters of text, reasoning and arguments in one answer: about a million tokens, more than any model gives."""
EVENT_COST = 8
"""Characters that an event counts for beside its text: it costs memory however short it is."""
MAX_WHOLE = 16 * 1024 * 1024
"""Bytes of a whole JSON answer: four times `MAX_ANSWER`, for escapes and what stands around the text."""
MAX_REASON = 100
"""Characters of a provider's own word for the end."""
MAX_WORDS = 200
"""Bytes of what somebody says in place of a stream that are told."""
MAX_INDENT = 64
"""Bytes of blanks after a body's first brace that we wait through to see whether a line ends there."""

_BOM = b"\xef\xbb\xbf"
_BLANK_START = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)*")
"""Providers send empty lines to keep a connection open before they answer: these are no part of the body."""
_FIELDS = (b"data", b"event", b"id", b"retry")
_FIELD = re.compile(rb"(?:%s)?[:\r\n]" % b"|".join(_FIELDS))


class _FromProvider:
    """The default for `think`: the provider's own style."""


FROM_PROVIDER: Final = _FromProvider()


class StreamDecoder:
    """Reads one answer. `done` once it has ended; `usage` is the latest that the provider reported."""

    def __init__(
        self,
        provider: Provider,
        *,
        think: ThinkStyle | _FromProvider | None = FROM_PROVIDER,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self.done = False
        self._adapter = provider.adapter
        self._framing = provider.adapter.framing()
        self._has_fields = isinstance(self._framing, SSEDecoder)
        self._parser = provider.adapter.parser()
        self._counted: Callable[[], Usage | None] | None = getattr(self._parser, "counted", None)
        self._usage: Usage | None = None
        style = provider.think if isinstance(think, _FromProvider) else think
        self._splitter = ThinkSplitter(style if style is not None else DEFAULT)
        self._passes = style is None
        self._direct = False
        self._secrets = secrets
        self._take: Callable[[bytes, list[Event]], None] = self._sniff
        self._head = b""
        self._words = b""
        self._body: list[bytes] = []
        self._size = 0
        self._room = MAX_ANSWER
        self._halves = HalfJoiner()

    @property
    def usage(self) -> Usage | None:
        return self._usage if self._usage or self._counted is None else self._counted()

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        out: list[Event] = []
        if data and not self.done:
            try:
                self._take(data, out)
            except FramingError as error:
                self._fail(_unreadable(error), out)
        return out

    def close(self) -> list[Event]:
        """The body has ended: what was held back, and the end."""
        out: list[Event] = []
        if self.done:
            return out
        try:
            if self._take == self._stream:
                self._tail(out)
            elif self._take == self._collect:
                self._whole(out)
            elif not self._head:
                self._fail(failure("upstream_empty", "The provider answered with nothing."), out)
            elif self._take == self._first_line and not any(field.startswith(self._head) for field in _FIELDS):
                self._words = self._head
        except FramingError as error:
            self._fail(_unreadable(error), out)
        self._accept_all(self._parser.close(), out)
        if self._words and self._room == MAX_ANSWER:
            said = f"The provider answered in words, not with a stream: {self._words.decode(errors='replace')}"
            self._fail(failure("upstream_not_a_stream", said), out)
        self._fail(failure("upstream_truncated", "The provider closed the stream before its answer was complete."), out)
        return out

    def abort(self, why: Failure) -> list[Event]:
        """The connection broke. An answer whose end had been seen is whole for all that; any other ends with `why`."""
        out: list[Event] = []
        if self._take == self._collect and not self.done:
            try:
                self._whole(out)
            except FramingError:
                out.clear()
        self._accept_all(self._parser.close(), out)
        self._fail(why, out)
        return out

    def cancel(self) -> list[Event]:
        """Nobody wants the rest."""
        out: list[Event] = []
        self._end(Finish("cancelled", self._parser.provider_reason), out)
        return out

    # What the body is: its first character says it.

    def _sniff(self, data: bytes, out: list[Event]) -> None:
        head = self._head + data
        self._head = head = head[_BLANK_START.match(head).end() :]  # type: ignore[union-attr]
        if _BOM.startswith(head):
            return
        if head.startswith(b"<"):
            self._fail(failure("upstream_not_a_stream", "The provider answered with a web page, not a stream."), out)
            return
        is_json = self._is_json(head)
        if is_json is not None:
            self._head = b""
            self._take = self._collect if is_json else self._first_line if self._has_fields else self._stream
            self._take(head, out)

    def _is_json(self, head: bytes) -> bool | None:
        """Whether the body is one JSON text, not a stream; None while that cannot be told."""
        if not head.startswith((b"{", b"[")) or (self._adapter.json_array and head.startswith(b"[")):
            return False
        if not self._adapter.json_lines or head.startswith(b"["):
            return True
        after = head[1:].lstrip(b" \t\r")
        return after.startswith(b"\n") if after or len(head) > MAX_INDENT else None

    def _first_line(self, data: bytes, out: list[Event]) -> None:
        """Notes what is said in place of a stream: "no healthy upstream". It may be a preamble, so reading goes on."""
        self._head = head = self._head + data
        if not _FIELD.match(head):
            line = re.split(rb"[\r\n]", head, maxsplit=1)
            if len(line) == 1 and len(head) < MAX_WORDS:
                return
            self._words = line[0][:MAX_WORDS]
        self._head = b""
        self._take = self._stream
        self._take(head, out)

    def _collect(self, data: bytes, _out: list[Event]) -> None:
        self._body.append(data)
        self._size += len(data)
        if self._size > MAX_WHOLE:
            raise FramingError(f"a JSON body of more than {MAX_WHOLE} bytes", code="upstream_limit")

    def _whole(self, out: list[Event]) -> None:
        """A body that is no JSON is a cut one, and nothing of it is shown, unless it ends as JSON does."""
        body = b"".join(self._body).strip()
        try:
            self._accept_all(self._adapter.whole(body), out)
        except FramingError:
            if body.endswith((b"}", b"]")):
                raise

    # The stream itself.

    def _stream(self, data: bytes, out: list[Event]) -> None:
        """Hot: once for each event of each stream. Whole text with no tag to wait for takes the shortest way."""
        read = self._parser.feed
        for frame in self._framing.feed(data):
            for event in read(frame):
                kind = type(event)
                if kind is Usage:
                    self._usage = event  # type: ignore[assignment]
                    continue
                if self._direct and (kind is TextDelta or kind is ReasoningDelta):
                    text = event.text  # type: ignore[union-attr]
                    room = self._room - len(text) - EVENT_COST
                    if room >= 0 and (text.isascii() or is_whole(text)):
                        self._room = room
                        out.append(event)
                        continue
                self._accept(event, out)
            if self.done:
                return

    def _tail(self, out: list[Event]) -> None:
        """The last frame, which nothing terminated; the framing gives it only if it is whole."""
        for frame in self._framing.close():
            self._accept_all(self._parser.feed(frame), out)

    def _accept_all(self, events: Iterable[Event], out: list[Event]) -> None:
        for event in events:
            self._accept(event, out)

    def _accept(self, event: Event, out: list[Event]) -> None:
        if self.done:
            return
        match event:
            case TextDelta() | ReasoningDelta() | ToolCallDelta():
                for whole in self._halves.feed(event):
                    self._emit(whole, out)
                self._direct = self._passes and not self._halves.held
            case Citation():
                self._cite(event, out)
            case Usage():
                self._usage = event
            case Finish():
                self._end(event, out)
            case Failure():
                self._fail(event, out)
            case _:
                assert_never(event)

    def _emit(self, event: Content, out: list[Event]) -> None:
        self._room -= len(text_of(event)) + EVENT_COST
        if self._room < 0:
            raise FramingError(f"it is longer than {MAX_ANSWER} characters", code="upstream_limit")
        if self._passes:
            out.append(event)
            return
        splitter = self._splitter
        if type(event) is TextDelta:
            out += splitter.feed(event.text)
        else:
            if type(event) is ReasoningDelta:
                out += splitter.field_seen()
            out.append(event)
        self._passes = splitter.passthrough

    def _cite(self, citation: Citation, out: list[Event]) -> None:
        """Its characters count like the answer's, for a provider may name a whole library."""
        texts = (citation.url, citation.title, citation.text, citation.quote)
        self._room -= sum(map(len, texts)) + EVENT_COST
        if self._room < 0:
            raise FramingError(f"it is longer than {MAX_ANSWER} characters", code="upstream_limit")
        out.append(citation)

    # The end, once.

    def _fail(self, why: Failure, out: list[Event]) -> None:
        if not self.done:
            shown = one_line(scrub(why.message, self._secrets)) or why.code
            self._end(Finish("error", self._parser.provider_reason), out, msgspec.structs.replace(why, message=shown))

    def _end(self, finish: Finish, out: list[Event], why: Failure | None = None) -> None:
        if self.done:
            return
        self.done = True
        self._body = []
        for held in self._halves.close():
            with suppress(FramingError):
                self._emit(held, out)
        if not self._passes:
            out += self._splitter.close()
        if why is not None:
            out.append(why)
        word = one_line(finish.provider_reason, MAX_REASON)
        out.append(Finish(finish.reason, word, self.usage))


def _unreadable(error: FramingError) -> Failure:
    return failure(error.code, f"The provider's answer could not be read: {error.message}.")
