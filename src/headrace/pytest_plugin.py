"""The pytest plug-in: models that say what a test wants, and nothing of them left when the test has ended.

It is loaded in every run of pytest where Headrace is installed, so it imports nothing before it is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from headrace.testing import FakeModel

PATIENCE = 10.0  # seconds for streams that a test has left behind
LOOK_AGAIN = 0.005


@pytest.fixture
def fake_model() -> Iterator[Callable[..., FakeModel]]:
    """`fake_model(["Hel", "lo"], reasoning=…)` makes a `FakeModel`; streams left running are stopped after the test."""
    from headrace.testing import FakeModel

    made: list[FakeModel] = []

    def make(*pieces: Any, **options: Any) -> FakeModel:
        made.append(FakeModel(*pieces, **options))
        return made[-1]

    yield make
    _stop_streams()


def _stop_streams() -> None:
    from headrace.common.streams.runtime import streams

    for stream in streams().all():
        stream.cancel()
    deadline = time.monotonic() + PATIENCE
    while any(stream.running for stream in streams().all()) and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN)
