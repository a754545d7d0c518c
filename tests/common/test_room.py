"""The places of a WSGI process: taken, given back once, and given back by the collector of garbage at any moment."""

from __future__ import annotations

import threading

import pytest
from django.test import RequestFactory

from headrace.common import room
from headrace.common.conf import Settings, get_settings
from tests.waiting import DEADLINE


def test_a_place_may_be_collected_while_another_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collecting runs in whichever thread makes objects, the one that holds the lock too."""
    request = RequestFactory().get("/", **{"wsgi.multithread": True})
    lost = room.take_room(request)
    assert lost is not None

    def collecting() -> Settings:
        lost()
        return get_settings()

    monkeypatch.setattr(room, "get_settings", collecting)
    before, taken = room._taken, threading.Event()

    def take() -> None:
        leave = room.take_room(request)
        assert leave is not None
        taken.set()
        leave()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert taken.is_set()
    assert room._taken == before - 1
