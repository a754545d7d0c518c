"""Where figures come from that no single stream tells: how full this process is, what it refused, what it sent.

Each of these does nothing where nothing is counted.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from headrace.backends.metrics import Metrics, metrics, shared_folder, start_metrics
from headrace.common.conf import get_settings

if TYPE_CHECKING:
    from headrace.common.streams.runtime import Streams

SAMPLE_SECONDS = 1.0
"""How old the gauges of a worker may be that is not the one asked; Prometheus asks every 15 s or so."""

logger = logging.getLogger("headrace.monitoring")


def counting() -> Metrics | None:
    """This process's metrics, from now on at the latest; None where the operator or the installation says so."""
    return start_metrics() if get_settings().metrics else None


def sample(active: Metrics, streams: Streams) -> None:
    """Set the gauges to what is true now."""
    journal = streams.journal
    active.open.set(len(streams))
    active.limit.set(get_settings().max_streams)
    active.journal_bytes.set(journal.size)
    active.journal_limit.set(journal.max_bytes)
    active.journal_streams.set(len(journal))
    active.mirror_lag.set(journal.lag)
    active.journal_away.set(journal.away)


def keep_sampling(active: Metrics, streams: Streams) -> None:
    """Where several processes count together, whichever is asked must know of the others: each writes it down."""
    if shared_folder():
        threading.Thread(target=_sample_forever, args=(active, streams), name="headrace-gauges", daemon=True).start()


def _sample_forever(active: Metrics, streams: Streams) -> None:
    asleep, told = threading.Event(), False
    while True:
        try:
            sample(active, streams)
        except Exception:  # it may be over in a second; said once, since it may not
            if not told:
                logger.exception("gauges could not be read")
            told = True
        asleep.wait(SAMPLE_SECONDS)


def count_reader(change: int) -> None:
    """A client has begun (1) or ended (-1) to read a stream."""
    if (active := metrics()) is not None:
        active.readers.inc(change)


def count_sent(encoding: str, body: int, sent: int) -> None:
    """So many bytes of a stream went out as so many."""
    if (active := metrics()) is not None:
        active.body_bytes.labels(encoding).inc(body)
        active.sent_bytes.labels(encoding).inc(sent)


def count_refused(code: str) -> None:
    """A request was refused because there is no room for it now."""
    if (active := metrics()) is not None:
        active.refused.labels(active.codes(code)).inc()
