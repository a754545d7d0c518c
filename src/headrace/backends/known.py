"""What is known of a stream, wherever it is produced: whose it is, how far it came, how it ended. No text of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.backends.log import CursorError, Log
from headrace.stream.events import Finish


@dataclass(frozen=True, slots=True)
class Known:
    """`about` is what the stream was created with; `total` the number of its newest entry."""

    stream_id: str
    about: Mapping[str, Any]
    total: int
    ended: bool
    finish: Finish | None = None
    oldest: int = 1
    lost: bool = False

    def check(self, after: int) -> int:
        """The cursor itself, if it can be served; raises `CursorError`. Beyond an unfinished log it waits.

        Beyond a log whose producer was lost it is served with the ending: its reader saw what was not yet shared.
        """
        if self.ended and after > self.total and not self.lost:
            raise CursorError("cursor_beyond_end", f"The stream ended with event {self.total}.")
        if after < self.oldest - 1:
            raise CursorError("cursor_expired", f"Events before {self.oldest} are no longer kept.")
        return after


def known_here(stream_id: str, log: Log) -> Known:
    """The same of a log in this process."""
    last = log.last_entry
    return Known(stream_id, log.about, log.total, log.ended, last if type(last) is Finish else None, log.oldest)
