"""Who reads this worker's streams on other workers. They say so when they begin, now and then, and when they end.

A worker that died says nothing any more: its readers count for a while longer. It decides nothing about a stream.
"""

from __future__ import annotations

from collections.abc import Callable

OnReader = Callable[[str, bool], None]
"""Told of a stream's id, and whether somebody has begun to read it elsewhere or has ended."""

SAY_SECONDS = 20.0  # between two words of a worker that reads
GONE_SECONDS = 50.0  # two of them may be lost
SAID_STREAMS = 256  # in one word: one for each would take longer than a heartbeat may, and push others' words out


class RemoteReaders:
    """Belongs to one event loop. Times are its seconds."""

    def __init__(self, on_reader: OnReader) -> None:
        self._on_reader = on_reader
        self._heard: dict[tuple[str, str], float] = {}

    def joined(self, stream_id: str, worker: str, now: float) -> None:
        """This worker has readers of that stream."""
        new = (stream_id, worker) not in self._heard
        self._heard[stream_id, worker] = now
        if new:
            self._on_reader(stream_id, True)

    def left(self, stream_id: str, worker: str) -> None:
        """It has none any more."""
        if self._heard.pop((stream_id, worker), None) is not None:
            self._on_reader(stream_id, False)

    def sweep(self, now: float) -> None:
        """Count out those that have not been heard of for too long."""
        for (stream_id, worker), heard in list(self._heard.items()):
            if now - heard > GONE_SECONDS:
                self.left(stream_id, worker)

    def __len__(self) -> int:
        return len(self._heard)
