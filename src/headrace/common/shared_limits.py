"""Streams at once where several workers share a journal: a place is taken before a stream is made, on all of them.

A server of counts that is away stops nobody: then each worker's own count holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from headrace.backends.journal import MemoryJournal
from headrace.backends.redis_server import FAILURES
from headrace.common.conf import get_settings
from headrace.common.limits import full, stream_limits

logger = logging.getLogger("headrace.limits")


async def take_place(journal: MemoryJournal, project: str, caller: str) -> Callable[[], None] | None:
    """A place for one more stream; what is returned gives it back, once. None where nothing is counted together.

    LimitError where there is none.
    """
    places = getattr(journal, "places", None)
    limits = stream_limits(get_settings(), caller)
    if places is None or not limits:
        return None
    names = {f"{kind}:{project if kind == 'project' else caller}": most for kind, most in limits.items()}
    try:
        taken = await places.take(names)
    except FAILURES as error:
        logger.warning("streams at once could not be counted for all workers: %s", type(error).__name__)
        return None
    if taken:
        raise full(taken.partition(":")[0], names[taken])
    return _Place(places, list(names)).leave


class _Place:
    def __init__(self, places: Any, names: Sequence[str]) -> None:
        self._places = places
        self._names: Sequence[str] = names

    def leave(self) -> None:
        names, self._names = self._names, ()
        if names:
            self._places.give(names)

    __del__ = leave  # a chat that was never made a stream of
