"""The HTTP client's tests run on both event loops: uvloop's transports differ where it hurts (ends, resets, pauses).
Streams of the shared journal have names here, and are looked for as new ones are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from headrace.backends import redis_follow


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name.startswith("test_http") and find_spec("uvloop") is not None:
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest.fixture(autouse=True)
def _every_stream_may_be_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_follow, "is_young", lambda _: True)
