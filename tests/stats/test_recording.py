"""Every stream that ends has a row: whatever the ending, through a database that is away, a stop, and a kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from headrace.common.services.llm_service import LLMService
from headrace.common.streams.runtime import streams
from headrace.stats.models import RollUp, Stream
from headrace.stats.recording import Recorder
from headrace.testing import FakeModel
from headrace.testing.steps import Hold, Repeat, Send, chat_answer, chunk, sse, stream_head
from headrace.testing.upstream import ScriptedUpstream
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.live import ROOT, STREAM, LiveServer, model_at

QUESTION = [{"role": "user", "content": "Hi"}]
PATIENCE = 10.0
STREAMS = "/api/projects/default/playground/streams/"
DELTA = {"choices": [{"index": 0, "delta": {"content": "x"}}]}


def wait(condition: Callable[[], Any], within: float = PATIENCE) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_a_stream_becomes_a_row(recording: Recorder) -> None:
    answer = LLMService(FakeModel(["Hel", "lo"], reasoning="why")).chat(QUESTION, project="default")
    row = wait(Stream.objects.first)
    assert (row.stream_id, row.project, row.outcome, row.failed) == (answer.stream_id, "default", "stop", False)
    assert (row.readers, row.events > 3, row.usage_source) == (1, True, "reported")
    assert row.estimated_tokens == 0 < row.output_tokens
    assert [each["kind"] for each in row.moments][-1] == "ended"
    assert row.started == pytest.approx(time.time() * 1000, abs=PATIENCE * 1000)


async def test_counts_add_up_after_many_endings(recording: Recorder) -> None:
    async def one(n: int) -> str:
        kind = n % 4
        model = FakeModel(["a", "b"], **[{}, {"fails_after": 1}, {"holds_after": 1}, {"fails_after": 0}][kind])
        stream = LLMService(model).stream_chat(QUESTION, project="default")
        if kind != 2:
            _ = [event async for event in stream]
            return ["stop", "upstream_reset", "", "upstream_reset"][kind]
        events = aiter(stream)
        await anext(events)
        await events.aclose()
        return "cancelled"

    outcomes = await asyncio.gather(*(one(n) for n in range(200)))
    await asyncio.to_thread(recording.finish)
    rows = await asyncio.to_thread(lambda: list(Stream.objects.values_list("outcome", flat=True)))
    assert {each: rows.count(each) for each in set(rows)} == {each: outcomes.count(each) for each in set(outcomes)}
    folded = await asyncio.to_thread(lambda: list(RollUp.objects.filter(facet="model", minutes=60)))
    assert sum(each.streams for each in folded) == 200


def test_what_waits_is_written_at_a_stop(recording: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.stats.recording.GATHER_SECONDS", PATIENCE)
    LLMService(FakeModel(["a"])).chat(QUESTION)
    wait(lambda: not len(streams()))
    assert not Stream.objects.exists()
    recording.stop()
    assert Stream.objects.count() == 1
    recording.start()


def test_a_database_that_is_away_is_waited_for(
    recording: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("headrace.stats.recording.AGAIN_SECONDS", 0.01)
    real, failures = Stream.objects.bulk_create, iter([True] * 3)

    def bulk_create(*given: Any, **options: Any) -> Any:
        if next(failures, False):
            raise sqlite3.OperationalError("away")
        return real(*given, **options)

    monkeypatch.setattr(Stream.objects, "bulk_create", bulk_create)
    LLMService(FakeModel(["a"])).chat(QUESTION)
    wait(Stream.objects.count)
    assert Stream.objects.count() == 1
    wait(lambda: "written again" in caplog.text)
    assert caplog.text.count("cannot be written") == 1


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.stats.recording.MAX_WAITING", 3)
    kept = Recorder()
    monkeypatch.setattr(kept, "_thread", object())
    for _ in range(5):
        kept.keep(None)  # type: ignore[arg-type]
    assert (len(kept._waiting), kept.lost) == (3, 2)


def test_zero_days_keep_nothing(recording: Recorder, headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"STATS_DAYS": 0}
    LLMService(FakeModel(["a"])).chat(QUESTION)
    recording.finish()
    assert not Stream.objects.exists()


def rows_in(data_dir: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(data_dir / "headrace.sqlite3")) as database:
        return database.execute("SELECT stream_id, outcome FROM headrace_stats_stream").fetchall()


def migrated(data_dir: Path) -> None:
    """A database as `headrace serve` would make it: the server of the test is uvicorn alone."""
    environment = os.environ | {"HEADRACE_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)


def test_started_is_what_ended_and_what_was_open_at_a_kill(tmp_path: Path) -> None:
    migrated(tmp_path)
    endless = [Send(stream_head()), Repeat(chunk(sse(DELTA)), 0.05)]
    good = [Send(chat_answer("a", "b"))]
    with ScriptedUpstream(*[good] * 20, endless) as upstream, LiveServer.uvicorn(tmp_path) as server:
        ids = {finished(server, upstream.url) for _ in range(20)}
        stopped = server.stream(model_at(f"{upstream.url}/v1"))
        opened = server.stream(model_at(f"{upstream.url}/v1"))
        identifier = stopped.headers["X-Stream-Id"]
        server.request("DELETE", f"/api/projects/default/playground/streams/{identifier}/")
        stopped.read()
        wait(lambda: len(rows_in(tmp_path)) == 21)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        with suppress(Exception):
            opened.close()
    rows = rows_in(tmp_path)
    assert {stream_id for stream_id, outcome in rows if outcome == "stop"} == ids
    assert [stream_id for stream_id, outcome in rows if outcome == "cancelled"] == [identifier]


@pytest.fixture
def shared() -> Iterator[RunningServer]:
    server = RunningServer(valkey_binary())
    yield server
    server.close()


def test_what_a_killed_worker_had_open_is_counted_by_another(tmp_path: Path, shared: RunningServer) -> None:
    """Started = the sum of all outcomes, once nothing is open any more."""
    migrated(tmp_path)
    good, held = [Send(chat_answer("a"))], [Send(stream_head() + chunk(sse(DELTA))), Hold()]
    environment = {"REDIS_URL": shared.url, "HEADRACE_KEEPALIVE_SECONDS": "0.2"}
    one, other = (LiveServer.uvicorn(tmp_path, **environment) for _ in range(2))
    with ScriptedUpstream(*[good] * 6, held) as upstream, one, other:
        ids = {finished(server, upstream.url) for server in (one, other) for _ in range(3)}
        opened = [one.stream(model_at(f"{upstream.url}/v1")) for _ in range(3)]
        lost = {str(each.headers["X-Stream-Id"]) for each in opened}
        assert upstream.wait_requests(9)
        wait(lambda: len(rows_in(tmp_path)) == 6)
        for stream_id in lost:  # the other worker knows it
            wait(lambda stream_id=stream_id: other.get(f"{STREAMS}{stream_id}/?after=0").status == 200)
        one.process.kill()
        one.process.wait()
        rows = wait(lambda: rows if len(rows := rows_in(tmp_path)) == 9 else None, 30)
    assert {stream_id for stream_id, outcome in rows if outcome == "stop"} == ids
    assert {stream_id for stream_id, outcome in rows if outcome == "producer_lost"} == lost


def test_a_server_that_is_told_to_end_keeps_all(tmp_path: Path) -> None:
    migrated(tmp_path)
    with ScriptedUpstream([Send(chat_answer("a"))]) as upstream, LiveServer.uvicorn(tmp_path) as server:
        ids = {finished(server, upstream.url) for _ in range(10)}
    assert {stream_id for stream_id, _ in rows_in(tmp_path)} == ids


def finished(server: LiveServer, url: str) -> str:
    response = server.post(STREAM, {"messages": QUESTION, "model": model_at(f"{url}/v1")})
    body = response.read()
    assert b"[DONE]" in body, body
    assert b"error" not in body, json.loads(body.split(b"\n")[0][6:])
    return str(response.headers["X-Stream-Id"])
