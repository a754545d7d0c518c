"""The one suite over each journal: memory; Redis, Valkey and the embedded Valkey, on one worker and between two."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from headrace.backends.journal import MemoryJournal
from headrace.backends.redis_journal import RedisJournal
from headrace.backends.valkey import EmbeddedValkey
from tests.backends.journal_conformance import JournalConformance, Opening, Pair
from tests.backends.redis_servers import RunningServer, redis_binary, valkey_binary


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    server = RunningServer(redis_binary(), tcp=True)
    yield server.url
    server.close()


@pytest.fixture(scope="module")
def valkey_url() -> Iterator[str]:
    server = RunningServer(valkey_binary())
    yield server.url
    server.close()


@pytest.fixture(scope="module")
def embedded_url() -> Iterator[str]:
    valkey_binary()
    with EmbeddedValkey() as server:
        yield server.url


@asynccontextmanager
async def in_memory(replay_seconds: float = 60) -> AsyncIterator[Pair]:
    journal = MemoryJournal(replay_seconds=replay_seconds)
    yield Pair(journal, journal)


def on_server(url: str, workers: int) -> Opening:
    @asynccontextmanager
    async def opened(replay_seconds: float = 60) -> AsyncIterator[Pair]:
        prefix = f"{secrets.token_hex(8)}:"
        journals = [RedisJournal(url, replay_seconds=replay_seconds, prefix=prefix) for _ in range(workers)]
        for journal in journals:
            await journal.start()
        try:
            yield Pair(journals[0], journals[-1])
        finally:
            for journal in journals:
                await journal.close()

    return opened


class TestMemory(JournalConformance):
    @pytest.fixture
    def opening(self) -> Opening:
        return in_memory


@pytest.mark.parametrize("workers", [1, 2])
class TestRedis(JournalConformance):
    @pytest.fixture
    def opening(self, redis_url: str, workers: int) -> Opening:
        return on_server(redis_url, workers)


@pytest.mark.parametrize("workers", [1, 2])
class TestValkey(JournalConformance):
    @pytest.fixture
    def opening(self, valkey_url: str, workers: int) -> Opening:
        return on_server(valkey_url, workers)


class TestEmbedded(JournalConformance):
    @pytest.fixture
    def opening(self, embedded_url: str) -> Opening:
        return on_server(embedded_url, 2)
