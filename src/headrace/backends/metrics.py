"""What this process counts for Prometheus: names, labels, buckets, and how several processes add up to one.

Names that begin with `gen_ai_` are OpenTelemetry's for generative AI in Prometheus' form, with its buckets; the rest is
ours. Without prometheus-client nothing is counted and nothing is paid. It knows no streams: whoever does tells it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from headrace.backends.metric_labels import BoundedModels, BoundedNames

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge
    from prometheus_client.metrics_core import Metric

INSTALL = 'pip install "headrace[metrics]"'
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Set before prometheus-client is imported, it makes each process count in files of this folder."""

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(4.0**power for power in range(14))
"""OpenTelemetry's boundaries, for every duration and for tokens: 1 to 67,108,864."""
OPERATION = "chat"
"""`gen_ai_operation_name`: all that Headrace does."""
MAX_CODES = 50  # refusals have our own codes, some twenty, and those of a site's hooks

_MODEL = ("gen_ai_provider_name", "gen_ai_request_model")
_GENAI = ("gen_ai_operation_name", *_MODEL)
_PREFIXES = ("gen_ai_", "headrace_")


class Metrics:
    """All that is counted, on one registry. Attributes are prometheus-client's; `models` makes labels of names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        from headrace.backends.metric_kinds import Kinds

        self.registry = registry
        self.models = BoundedModels()
        self.codes = BoundedNames(MAX_CODES)
        kinds = Kinds(registry)
        self._generated(kinds)
        self._streams(kinds)
        self._journal(kinds)
        self._edges(kinds)
        self.build = kinds.gauge("headrace_build_info", "The version that runs.", ("version",), mode="livemax")
        self.build.labels(installed_version()).set(1)

    def _generated(self, kinds: Any) -> None:
        """OpenTelemetry's own, of the answers of providers."""
        self.duration = kinds.histogram(
            "gen_ai_client_operation_duration_seconds",
            "From the question to the end of its answer; error_type is empty where it ended well.",
            (*_GENAI, "error_type"),
            SECONDS,
        )
        self.first_chunk = kinds.histogram(
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "From the question to the first event of its answer.",
            _GENAI,
            SECONDS,
        )
        self.per_chunk = kinds.histogram(
            "gen_ai_client_operation_time_per_output_chunk_seconds",
            "Between one piece of an answer and the next.",
            _GENAI,
            SECONDS,
        )
        self.tokens = kinds.histogram(
            "gen_ai_client_token_usage",
            "Tokens of a question (input) and of its answer (output, reasoning included).",
            (*_GENAI, "gen_ai_token_type"),
            TOKENS,
        )

    def _streams(self, kinds: Any) -> None:
        self.started: Counter = kinds.counter("headrace_streams_started", "Streams that began to ask a provider.")
        self.finished: Counter = kinds.counter(
            "headrace_streams_finished",
            "Streams that ended; outcome is a finish reason or an error code.",
            (*_MODEL, "outcome"),
        )
        self.open: Gauge = kinds.gauge("headrace_streams_open", "Streams under way.")
        self.limit: Gauge = kinds.gauge("headrace_streams_limit", "Streams that may be under way at a time.")
        self.readers: Gauge = kinds.gauge("headrace_readers", "Clients that read a stream now.")
        self.retries: Counter = kinds.counter(
            "headrace_retries", "Questions asked again, by what the first answer was.", (*_MODEL, "error_type")
        )
        self.fallbacks: Counter = kinds.counter(
            "headrace_fallbacks", "Models passed over for the next one, by why.", (*_MODEL, "error_type")
        )
        self.resumes: Counter = kinds.counter("headrace_resumes", "Readers who came back to a stream.")
        self.cost: Counter = kinds.counter("headrace_cost_dollars", "What answers cost, where it is known.", _MODEL)

    def _journal(self, kinds: Any) -> None:
        self.journal_bytes: Gauge = kinds.gauge("headrace_journal_bytes", "Packed events in memory.")
        self.journal_limit: Gauge = kinds.gauge("headrace_journal_limit_bytes", "Where the oldest events go.")
        self.journal_streams: Gauge = kinds.gauge("headrace_journal_streams", "Streams that can be read or replayed.")
        self.mirror_lag: Gauge = kinds.gauge(
            "headrace_mirror_lag_seconds",
            "How long the shared journal has lacked events of a worker; the worker that is most behind.",
            mode="livemax",
        )
        self.journal_away: Gauge = kinds.gauge(
            "headrace_journal_away", "1 where a worker cannot reach the shared journal.", mode="livemax"
        )

    def _edges(self, kinds: Any) -> None:
        """Where bytes and requests come in and go out."""
        coding = ("encoding",)
        self.body_bytes: Counter = kinds.counter("headrace_body_bytes", "Bytes of streams before compression.", coding)
        self.sent_bytes: Counter = kinds.counter("headrace_sent_bytes", "Bytes of streams as they were sent.", coding)
        self.egress_refusals: Counter = kinds.counter(
            "headrace_egress_refusals", "Addresses that the egress policy did not let us ask."
        )
        self.refused: Counter = kinds.counter(
            "headrace_requests_refused", "Requests answered 429 or 503 by a limit of ours.", ("code",)
        )


_active: Metrics | None = None
_lock = threading.Lock()


def metrics() -> Metrics | None:
    """This process's metrics; None where nothing is counted."""
    return _active


def start_metrics() -> Metrics | None:
    """Count from now on, where prometheus-client is installed. Harmless when called again."""
    global _active  # noqa: PLW0603 - one for each process is what it is
    with _lock:
        if _active is None and is_installed():
            from prometheus_client import CollectorRegistry

            _active = Metrics(CollectorRegistry())
        return _active


def count_egress_refusal() -> None:
    """The policy did not let us ask an address."""
    if _active is not None:
        _active.egress_refusals.inc()


@lru_cache(maxsize=1)
def is_installed() -> bool:
    return find_spec("prometheus_client") is not None


def shared_folder() -> str:
    """Where several processes count together; empty where this one counts alone."""
    return os.environ.get(FOLDER_VARIABLE, "")


class Collected:
    """Our figures, of all processes that count together. Collecting reads files: not for an event loop."""

    def __init__(self, active: Metrics) -> None:
        self._active = active

    def collect(self) -> Iterator[Metric]:
        """Each with its samples. A site's own metrics may stand in the same folder, and are left out."""
        for family in _source(self._active).collect():
            if family.name.startswith(_PREFIXES):
                family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
                yield family


def _source(active: Metrics) -> Any:
    folder = shared_folder()
    if not folder:
        return active.registry
    from prometheus_client.multiprocess import MultiProcessCollector

    return MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]


def installed_version() -> str:
    try:
        return version("headrace")
    except PackageNotFoundError:
        return "0"
