"""Rows of ended streams, written in batches by one thread, off every stream's path.

At a normal stop nothing is lost: what waits is written before the process ends. At a kill it is what has ended within
the last second. While the database is away rows wait, up to a bound.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from django.db import connections

from headrace.common.conf import get_settings
from headrace.common.draining import end_with_the_process, farewells
from headrace.common.streams.live import record_all
from headrace.common.streams.records import Happening, StreamRecord, observe, observe_lost
from headrace.stats import budgets, folding, webhooks
from headrace.stats.models import Stream
from headrace.stats.rows import row_of

GATHER_SECONDS = 0.3
"""Between a stream's end and its row: with what the readers of its last batch are given, less than a second."""
BATCH = 500
MAX_WAITING = 100_000
"""Records that wait for a database that is away: some 200 MB."""
AGAIN_SECONDS = 2.0
FOLD_SECONDS = 10.0
"""Between two foldings; until then queries read the rows themselves."""
LAST_SECONDS = 5.0
"""How long a process that ends waits for its last rows."""

logger = logging.getLogger("headrace.stats")


class Recorder:
    """What one process keeps. Its thread is there while there is something to write."""

    def __init__(self) -> None:
        self._waiting: deque[StreamRecord] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], None] | None = None
        self._stop_lost: Callable[[], None] = _nothing
        self._hurry = False
        self._away = False
        """Whether the database took nothing when last asked."""
        self.lost = 0
        """Records that found no place."""

    def start(self) -> None:
        """Keep streams from now on."""
        if self._stop is None:
            self._stop = observe(self._on_happening)
            self._stop_lost = observe_lost(self._on_record)
            end_with_the_process()
            farewells.append(self.finish)

    def stop(self) -> None:
        """Keep no more; what waits is written, or let go of where it cannot be."""
        if self._stop is not None:
            self.finish()
            self._stop()
            self._stop_lost()
            self._stop = None
            farewells.remove(self.finish)
            self._waiting.clear()

    def finish(self, within: float = LAST_SECONDS) -> None:
        """Returns when everything that has ended is written and folded, or after so many seconds."""
        record_all()
        with self._lock:
            self._hurry, thread = True, self._thread
        self._wake.set()
        if thread is not None:
            thread.join(within)
        with self._lock:
            self._hurry = False

    def _on_happening(self, happening: Happening) -> None:
        if happening.record is not None:
            self._on_record(happening.record)

    def _on_record(self, record: StreamRecord) -> None:
        if get_settings().stats_days:
            self.keep(record)

    def keep(self, record: StreamRecord) -> None:
        """Have this record written soon. Returns at once."""
        if len(self._waiting) >= MAX_WAITING:
            self.lost += 1
            return
        self._waiting.append(record)
        with self._lock:
            if self._thread is None:
                self._wake.clear()
                self._thread = threading.Thread(target=self._run, name="headrace-stats", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        folded = time.monotonic()
        try:
            while True:
                self._pause(GATHER_SECONDS)
                if self._waiting and not self._write():
                    if self._hurry:
                        return
                    self._pause(AGAIN_SECONDS)
                    continue
                due = self._hurry or time.monotonic() - folded >= FOLD_SECONDS
                if due and not self._waiting:
                    self._fold()
                    folded = time.monotonic()
                    if self._ended():
                        return
        finally:
            connections.close_all()
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _pause(self, seconds: float) -> None:
        if not self._hurry:
            self._wake.wait(seconds)
        self._wake.clear()

    def _ended(self) -> bool:
        """Whether nothing waits any more: from here on a new record gets a new thread."""
        with self._lock:
            if self._waiting:
                return False
            self._thread = None
            return True

    def _write(self) -> bool:
        """Write what waits; False: the database did not take it, and it still waits."""
        while self._waiting:
            batch = [self._waiting[n] for n in range(min(BATCH, len(self._waiting)))]
            try:
                Stream.objects.bulk_create([row_of(each) for each in batch], ignore_conflicts=True)
            except Exception as error:
                if not self._away:
                    logger.warning("statistics cannot be written, and wait: %s", type(error).__name__)
                self._away = True
                connections.close_all()
                return False
            for _ in batch:
                self._waiting.popleft()
            self._notice({each.project for each in batch})
        if self._away:
            self._away = False
            logger.warning("statistics are written again")
        if self.lost:
            logger.error("statistics of %d streams are lost: the database was away too long", self.lost)
            self.lost = 0
        connections.close_all()  # seldom enough: what is held open is in the way of whoever ends the database
        return True

    def _notice(self, projects: set[str]) -> None:
        """What these projects have spent may be worth telling."""
        try:
            if budgets.notice(projects):
                webhooks.courier.wake()
        except Exception as error:
            logger.warning("budgets could not be looked at: %s", type(error).__name__)

    def _fold(self) -> None:
        try:
            folding.fold_all()
            if folding.prune():
                webhooks.prune()
        except Exception as error:
            logger.warning("statistics could not be rolled up, and will be: %s", type(error).__name__)
        finally:
            connections.close_all()


def _nothing() -> None:
    """Nothing was begun."""


recorder = Recorder()
