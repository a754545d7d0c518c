"""The judgement of timed events: what was held back is told from what was slow, whatever the network added."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from string import Formatter
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from headrace.common import delivery
from headrace.common.delivery import Delivery, Heard, Tick
from headrace.common.delivery_words import WORDS
from headrace.common.timed_events import EVENTS, GAP, MAX_AT_ONCE, TimedEvents
from headrace.errors import RequestError
from tests.people.conftest import SELF

ABOUT = {"protocol": "1.1", "scheme": "http", "accepted": "", "coding": "", "workers": "async", "keepAliveSeconds": 15}
SENT = [number * GAP for number in range(EVENTS)]


def heard(arrived: list[float], **changed: Any) -> Heard:
    ticks = tuple(Tick(sent, at) for sent, at in zip(SENT, arrived, strict=True))
    return replace(Heard(ABOUT, ticks, 0.01, max(arrived), complete=True), **changed)


def codes(*streams: Heard, level: str = "bad", secure: bool = False) -> list[str]:
    return [finding.code for finding in Delivery(streams, secure=secure).findings if finding.level == level]


@given(st.floats(0, 30), st.lists(st.floats(0, 0.4), min_size=EVENTS, max_size=EVENTS))
def test_a_slow_and_jittery_network_holds_nothing_back(far: float, jitter: list[float]) -> None:
    assert codes(heard([sent + far + late for sent, late in zip(SENT, jitter, strict=True)])) == []


@given(st.floats(0, 30), st.floats(0, 0.3))
def test_one_burst_at_the_end_is_a_buffer(far: float, spread: float) -> None:
    end = SENT[-1] + far
    assert codes(heard([end + spread * number / EVENTS for number in range(EVENTS)])) == ["buffered"]


def test_what_only_a_foreign_gzip_holds_back_is_its_fault() -> None:
    burst = heard([2.0] * EVENTS, coding="gzip", asked="gzip")
    assert codes(heard(SENT), burst) == ["compressed_buffered"]
    ours = replace(burst, about=ABOUT | {"coding": "gzip"})
    assert codes(heard(SENT), ours) == ["buffered"]


@pytest.mark.parametrize(("cut", "level"), [(5.0, "bad"), (18.0, "bad"), (20.0, "note"), (60.0, "note")])
def test_a_limit_on_silence_is_measured_against_the_keep_alives(cut: float, level: str) -> None:
    found = Delivery((heard(SENT), heard(SENT, complete=False, ended_at=SENT[-1] + cut, silence=100))).findings
    (finding,) = [each for each in found if each.code == "idle_cut"]
    assert finding.level == level
    assert f"After {cut:.0f} s of silence" in finding.text


def test_what_breaks_off_amid_events_is_not_taken_for_a_limit_on_silence() -> None:
    cut = heard(SENT, complete=False, ended_at=1.0, server="Caddy")
    (finding,) = Delivery((cut, replace(cut, silence=3))).findings
    assert finding.code == "broken_off"
    assert finding.line.startswith("write 0")


def test_one_stream_after_the_other_is_a_sync_worker_whatever_the_server_says() -> None:
    assert codes(heard(SENT, ended_at=2.0), heard([2 + sent for sent in SENT], head_at=2.01)) == ["sync_worker"]
    assert codes(heard(SENT, about=ABOUT | {"workers": "sync"})) == ["sync_worker"]


def test_other_faults() -> None:
    assert codes() == ["nothing"]
    assert codes(heard(SENT, complete=False)) == ["broken_off"]
    assert codes(heard(SENT, complete=False), level="good") == []
    assert codes(heard(SENT, about=ABOUT | {"protocol": "1.0"})) == ["http10"]
    assert codes(heard(SENT), secure=True, level="note") == ["scheme"]
    assert codes(heard(SENT, asked="gzip"), level="note") == ["accept_encoding"]
    for kept in ("identity", "gzip"):
        given = ABOUT | {"accepted": kept, "coding": kept if kept == "gzip" else ""}
        assert codes(heard(SENT, asked="gzip", about=given), level="note") == ["accept_encoding"], "or unpacked it"
    assert codes(heard(SENT, asked="gzip", about=ABOUT | {"accepted": "gzip"}), level="note") == [], "as we were told"


def test_every_finding_has_words_with_the_same_figures_in_both_languages() -> None:
    codes = set(re.findall(r'_found\(\s*"\w+",\s*"(\w+)"', inspect.getsource(delivery)))
    assert len(codes) == 12
    assert codes - WORDS["en"].keys() == set()
    assert {key: _figures(text) for key, text in WORDS["en"].items()} == {
        key: _figures(text) for key, text in WORDS["zh"].items()
    }
    assert [key for key, text in WORDS["zh"].items() if not re.search("[\u4e00-\u9fff]", text)] == []


def _figures(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text)}


def test_the_findings_are_in_the_readers_language_and_the_lines_as_they_are() -> None:
    streams = (heard([3.0] * EVENTS, server="nginx"), heard(SENT, complete=False, ended_at=5.0, silence=9))
    both = [Delivery(streams, language=language) for language in WORDS]
    english, chinese = ([(each.code, each.level) for each in found.findings] for found in both)
    assert english == chinese
    assert [each.line for each in both[0].findings][:1] == [each.line for each in both[1].findings][:1]
    assert "前面有东西在缓冲：第一个事件迟到 1.9 秒" in both[1].findings[0].text
    assert "流在途中被扣留" in both[1].verdict()


def test_the_line_is_in_the_words_of_what_stands_in_front() -> None:
    for server, words in (
        ("nginx/1.22", "proxy_buffering off;"),
        ("x 1.1 Caddy", "buffer_responses"),
        ("", "Traefik"),
    ):
        (finding,) = Delivery((heard([3.0] * EVENTS, server=server),)).findings[:1]
        assert words in finding.line


def test_the_page_has_the_server_judge(db: None) -> None:
    ticks = [{"sent": sent, "arrived": 2.5} for sent in SENT]
    stream = {"about": ABOUT, "ticks": ticks, "headAt": 2.4, "endedAt": 2.5, "complete": True, "server": "nginx"}
    answer = Client(headers=SELF).post("/api/doctor/", {"streams": [stream]}, content_type="application/json").json()
    assert not answer["good"]
    assert answer["findings"][0]["code"] == "buffered"
    assert answer["findings"][0]["line"].startswith("proxy_buffering off;")


def test_examinations_are_bounded() -> None:
    running = [TimedEvents({}) for _ in range(MAX_AT_ONCE)]
    with pytest.raises(RequestError, match="examinations are running"):
        TimedEvents({})
    running.pop().close()
    TimedEvents({}).close()
    for each in running:
        each.close()
        each.close()
