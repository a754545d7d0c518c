"""Ids of streams: never the same, fit for an address, and their age can be told, by any machine's clock."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.backends.stream_ids import YOUNG_SECONDS, is_young, new_stream_id


def test_they_are_unlike_and_fit_for_an_address() -> None:
    found = {new_stream_id() for _ in range(1000)}
    assert len(found) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{28}", each) for each in found)


@pytest.mark.parametrize(
    ("later", "young"), [(0, True), (50, True), (-50, True), (62, False), (-62, False), (9e8, False)]
)
def test_their_age_is_told_as_well_as_clocks_allow(monkeypatch: pytest.MonkeyPatch, later: float, young: bool) -> None:
    made, now = new_stream_id(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + later)
    assert is_young(made) is young
    assert YOUNG_SECONDS < 62


@given(st.text(max_size=64))
def test_any_text_has_an_answer(text: str) -> None:
    assert is_young(text) is False
