"""What one answer tells about its endpoint: on recordings of real ones, on made-up timings, and on any bytes at all."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.commands.diagnosis import HELD_BACK, LIVE_READS, LONG_SILENCE, Diagnosis, Observation, Reading
from headrace.commands.doctor_report import configuration, report, row_text
from headrace.providers.presets import GENERIC, PRESETS
from headrace.stream.events import Failure
from headrace.testing import sse
from tests.corpus import WIRE, needs_corpus
from tests.gateway.wired import delta, usage

ROWS = {"openai-chat": GENERIC, "ollama": PRESETS["ollama"], "anthropic": PRESETS["anthropic"]}


def recordings() -> list[Any]:
    found = []
    for path in sorted(WIRE.glob("*/*.json")):
        about = {} if path.name.endswith(".expect.json") else json.loads(path.read_text("utf-8"))
        if about.get("api") in ROWS and about["http_status"] == 200:
            found.append(pytest.param(path, about["api"], id=f"{path.parent.name}/{path.stem}"))
    return found


def seen(*readings: tuple[float, bytes], row: Any = GENERIC, **fields: Any) -> Diagnosis:
    read = tuple(Reading(at, data) for at, data in readings)
    ended = read[-1].at if read else 0.0
    about = {"status": 200, "content_type": "text/event-stream", "head_at": 0.1, "ended": ended} | fields
    return Diagnosis(Observation(row, "m", readings=read, **about))


def answer(*times: float, before: bytes = b"", after: bytes = sse(delta("stop"), usage(), "[DONE]")) -> Diagnosis:
    """Words that arrive at these times, and a good end with the last of them."""
    read = [(at, sse(delta(content=f"word {n} "))) for n, at in enumerate(times)]
    last, data = read[-1]
    return seen((read[0][0], before), *read[:-1], (last, data + after))


def texts(diagnosis: Diagnosis) -> str:
    return "\n".join(f"{each.level}: {each.text}" for each in diagnosis.findings())


@needs_corpus
@pytest.mark.parametrize(("path", "api"), recordings())
def test_recordings_of_real_endpoints(path: Path, api: str) -> None:
    expected = json.loads(path.with_suffix(".expect.json").read_text("utf-8"))
    diagnosis = seen((0.2, path.with_suffix(".stream").read_bytes()), row=ROWS[api])
    ended = expected["terminated"] or expected["finish_reason"]
    assert (diagnosis.failure is None) == bool(ended and expected["error"] is None)
    if diagnosis.failure is None:
        assert diagnosis.finish is not None
        assert diagnosis.finish.provider_reason == str(expected["finish_reason"] or "")
        counted = expected["usage"] and expected["usage"]["output_tokens"]
        assert (diagnosis.usage.output_tokens if diagnosis.usage else None) == counted
    assert bool(diagnosis.reasoning_fields) == bool(expected["reasoning"]), diagnosis.reasoning_fields
    assert report(diagnosis, "http://127.0.0.1/v1")["verdict"]


@pytest.mark.parametrize(
    ("times", "streaming"),
    [
        ([0.1 * n for n in range(1, 9)], "streams"),
        ([0.2, 0.3], "streams"),
        ([0.001 * n for n in range(1, LIVE_READS + 1)], "streams"),
        ([0.2] * 8, "at once"),
        ([HELD_BACK + 1] * 8, "held back"),
    ],
)
def test_whether_it_streams_is_told_from_arrival(times: list[float], streaming: str) -> None:
    diagnosis = answer(*times)
    assert diagnosis.streaming == streaming
    assert diagnosis.first_at == times[0]
    assert diagnosis.spread == pytest.approx(times[-1] - times[0])


def test_one_json_body_is_no_stream() -> None:
    body = {"choices": [{"message": {"content": "one", "reasoning": "hm"}, "finish_reason": "stop"}]}
    diagnosis = seen((2.0, json.dumps(body).encode()), content_type="application/json")
    assert (diagnosis.streaming, diagnosis.usable, diagnosis.reasoning_fields) == ("whole", True, ["reasoning"])
    assert "does not stream" in diagnosis.verdict()


def test_silence_and_heartbeats() -> None:
    assert f"bad: longest silence {LONG_SILENCE + 1:.2f} s; no heartbeats" in texts(answer(1, LONG_SILENCE + 2))
    kept = answer(1, LONG_SILENCE + 2, before=b": ping\n\n: ping\n\n")
    assert "; 2 heartbeats" in texts(kept)
    assert "bad" not in texts(kept)


def test_how_it_ends() -> None:
    good = texts(answer(1, 2, 3))
    assert "good: finish reason 'stop' (stop); [DONE] at the end" in good
    assert "good: usage reported: 5 in, 7 out" in good
    bare = answer(1, 2, 3, after=sse(delta("stop")))
    assert "no [DONE]" in texts(bare)
    assert "no usage reported" in texts(bare)
    cut = answer(1, 2, 3, after=b"")
    assert not cut.usable
    assert "bad: upstream_truncated" in texts(cut)


def test_what_broke_it_is_told_with_what_had_come() -> None:
    broken = seen((1.0, sse(delta(content="Hel"))), failure=Failure("upstream_reset", "it was reset"), ended=2.0)
    assert broken.failure == Failure("upstream_reset", "it was reset")
    assert broken.text == "Hel"
    assert broken.verdict() == "It cannot be used as it is: it was reset"
    nobody = seen(failure=Failure("upstream_unreachable", "nobody is there"), head_at=None)
    assert (nobody.usable, nobody.streaming) == (False, "nothing")


def test_where_reasoning_comes_from() -> None:
    end = sse(delta("stop"), "[DONE]")
    field = seen((1.0, sse(delta(reasoning_content="hm"), delta(content="one")) + end))
    assert (field.reasoning_fields, field.reasons_in_tags) == (["reasoning_content"], False)
    tags = seen((1.0, sse(delta(content="<think>hm</think>one")) + end))
    assert (tags.reasoning_fields, tags.reasons_in_tags) == ([], True)
    inside = seen((1.0, sse(delta(content="hm</think>one")) + end))
    assert inside.stray_closer == "</think>"
    assert 'think = "deepseek-r1"' in row_text(inside, "http://127.0.0.1/v1")


def test_the_row_to_use_has_the_habits_that_were_learned() -> None:
    plain = answer(1, 2)
    assert row_text(plain, "http://127.0.0.1/v1") == ""
    assert configuration(plain, "http://127.0.0.1/v1") == {
        "providerId": "openai-compatible", "endpoint": "http://127.0.0.1/v1", "modelId": "m",
    }  # fmt: skip
    learned = seen((1.0, sse(delta(content="a"), delta("stop"))), refused=("stream_options",))
    assert 'quirks = ["no_stream_options"]' in row_text(learned, "http://127.0.0.1/v1")


WHOLE = sse(delta(reasoning_content="hm"), delta(content="wörld"), delta("stop"), usage(), "[DONE]")


@settings(deadline=None)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_the_cuts_of_the_bytes_change_times_only(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    pieces = [(float(n), WHOLE[start:end]) for n, (start, end) in enumerate(pairwise(places))]
    diagnosis, plain = seen(*pieces), seen((0.0, WHOLE))
    facts = ("reasoning_fields", "usage", "done_seen", "text", "heartbeats", "usable", "failure")
    assert [getattr(diagnosis, name) for name in facts] == [getattr(plain, name) for name in facts]


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"data: ", b"{", b"[", b"\n\n", WHOLE])), max_size=8),
    st.sampled_from(sorted(PRESETS)),
)
def test_any_bytes_get_a_verdict(pieces: list[bytes], name: str) -> None:
    diagnosis = seen(*((float(n), piece) for n, piece in enumerate(pieces)), row=PRESETS[name])
    assert json.dumps(report(diagnosis, "http://127.0.0.1"))
    assert diagnosis.usable or diagnosis.verdict().startswith("It cannot be used")
