"""The digest of a stream: how many events it has, and SHA-256 of its content and of its reasoning.

It is made while the stream is written, so nothing is kept for it. A client that joins what it got can prove that all
of it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

import msgspec

from headrace.stream.events import Digest, Entry, Finish, ReasoningDelta, TextDelta


class Writer(Protocol):
    def append(self, entries: Sequence[Entry]) -> None: ...


class DigestingWriter:
    """Passes entries on to `writer`, and puts the digest into the `Finish`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._events = 0
        self._content = sha256()
        self._reasoning = sha256()

    def append(self, entries: Sequence[Entry]) -> None:
        self._events += len(entries)
        for entry in entries:
            if type(entry) is TextDelta:
                self._content.update(entry.text.encode())
            elif type(entry) is ReasoningDelta:
                self._reasoning.update(entry.text.encode())
        if entries and type(entries[-1]) is Finish:
            finish = msgspec.structs.replace(entries[-1], digest=self._digest())
            entries = [*entries[:-1], finish]
        self._writer.append(entries)

    def _digest(self) -> Digest:
        return Digest(self._events, self._content.hexdigest(), self._reasoning.hexdigest())
