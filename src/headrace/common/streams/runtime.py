"""What a process keeps for its streams: the journal, the running streams, and one HTTP client for each event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import suppress
from typing import NamedTuple
from weakref import WeakKeyDictionary

from headrace.backends.egress import EgressPolicy
from headrace.backends.http import HTTPClient, ignored_proxy_note
from headrace.backends.journal import MemoryJournal
from headrace.backends.loops import background_loop
from headrace.backends.stream_ids import new_stream_id
from headrace.common.conf import Settings, get_settings
from headrace.common.limits import OpenStreams
from headrace.common.monitoring.counting import counting, keep_sampling
from headrace.common.monitoring.watching import watch_streams
from headrace.common.streams.adjustments import AdjustmentMemory
from headrace.common.streams.bounded import bounded
from headrace.common.streams.live import LiveStream, StreamOptions, record_all
from headrace.common.streams.records import tell_lost
from headrace.common.streams.sources import Source

logger = logging.getLogger("headrace.upstream")

FAREWELL_SECONDS = 1.0  # for producers to write their last entries once they have been told to end
DRAIN_STEP = 0.02


class Way(NamedTuple):
    """How a client gets to its providers."""

    proxy: str | None
    local_model: bool


class Streams:
    """The streams of this process. Safe from any thread."""

    def __init__(self, journal: MemoryJournal | None = None) -> None:
        self.journal = journal or journal_of(get_settings())
        self.journal.on_reader = self._on_reader
        self.journal.on_lost = tell_lost
        self.memory = AdjustmentMemory()
        self.draining = False
        self.open = OpenStreams()
        self._live: dict[str, LiveStream] = {}
        self._lock = threading.Lock()
        if (active := counting()) is not None:
            keep_sampling(active, self)
            watch_streams()

    def create(self, source: Source, options: StreamOptions, *, stream_id: str = "") -> LiveStream:
        """A stream that is ready to start, under this id or a new one."""
        stream_id = stream_id or new_stream_id()
        if options.parent is not None:
            watch_streams()
        self.open.take(options.project, options.caller)
        source = bounded(source, get_settings().max_answer)
        stream = LiveStream(stream_id, source, options, self.journal, lambda: self._ended(stream_id))
        with self._lock:
            self._live[stream_id] = stream
        return stream

    def drain(self) -> None:
        """From now on no new stream is started here: the process is about to end."""
        self.draining = True

    def get(self, stream_id: str) -> LiveStream | None:
        """The stream, if this process produces it now."""
        return self._live.get(stream_id)

    def all(self) -> list[LiveStream]:
        """The streams that this process produces now."""
        with self._lock:
            return list(self._live.values())

    def __len__(self) -> int:
        return len(self._live)

    def _on_reader(self, stream_id: str, there: bool) -> None:
        """Readers on another worker count like one here: a stream that is read anywhere is not deserted."""
        live = self.get(stream_id)
        if live is not None and there:
            live.join()
            live.read(resumed=False)
        elif live is not None:
            live.leave()

    def _ended(self, stream_id: str) -> None:
        with self._lock:
            stream = self._live.pop(stream_id, None)
        if stream is not None:
            self.open.give(stream.options.project, stream.options.caller)
            if stream.options.leave_place is not None:
                stream.options.leave_place()


def journal_of(settings: Settings) -> MemoryJournal:
    """The journal that these settings ask for: shared between workers, or this process's own."""
    if not settings.redis_url:
        return MemoryJournal(replay_seconds=settings.replay_seconds)
    from headrace.backends.redis_journal import RedisJournal

    return RedisJournal(settings.redis_url, replay_seconds=settings.replay_seconds)


_streams: Streams | None = None
_streams_lock = threading.Lock()
_noted: list[str] = []
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Way, HTTPClient]] = WeakKeyDictionary()


def streams() -> Streams:
    """This process's streams."""
    global _streams  # noqa: PLW0603 - one for each process is what it is
    with _streams_lock:
        if _streams is None:
            _streams = Streams()
        return _streams


def http_client(provider: str = "", *, local_model: bool = False) -> HTTPClient:
    """The running event loop's client towards this provider. `local_model`: towards our own model servers on loopback.

    Providers that go the same way share a client, and its connections.
    """
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    settings = get_settings()
    way = Way(None if local_model else settings.proxy_of(provider), local_model)
    client = clients.get(way)
    if client is None:
        _note_ignored_proxy(settings)
        policy = EgressPolicy(local=True) if local_model else EgressPolicy(settings.egress_allow, local=settings.local)
        client = clients[way] = HTTPClient(egress=policy, ca_bundle=settings.ca_bundle, proxy=way.proxy)
    return client


def _note_ignored_proxy(settings: Settings) -> None:
    """Say it once in the log: people set `HTTPS_PROXY` and wonder."""
    note = "" if settings.upstream_proxy else ignored_proxy_note(os.environ)
    if note and not _noted:
        _noted.append(note)
        logger.warning("%s", note)


async def close_clients() -> None:
    """Close the running loop's connections to providers."""
    for client in _clients.pop(asyncio.get_running_loop(), {}).values():
        await client.close()


async def drain_streams(seconds: float) -> None:
    """Let the running streams end by themselves this long, then end the rest with `server_shutdown`."""
    registry = streams()
    registry.drain()
    await _until_none_runs(registry, seconds)
    for live in registry.all():
        live.cancel("server_shutdown")
    await _until_none_runs(registry, FAREWELL_SECONDS)
    record_all()


async def _until_none_runs(registry: Streams, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while len(registry):  # noqa: ASYNC110 - once a process; streams end on several loops
                await asyncio.sleep(DRAIN_STEP)


def loop_for(*, wsgi: bool) -> asyncio.AbstractEventLoop:
    """Where a producer runs: on the running loop if it outlives the request, which under WSGI it does not."""
    return background_loop() if wsgi else asyncio.get_running_loop()
