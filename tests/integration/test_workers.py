"""Two workers that share a journal: whichever of them is asked, a stream is the same; and what happens without it."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.live import CHAT, KEY, MESSAGES, LiveServer, blocks, model_at, payloads

STREAMS = "/api/projects/default/playground/streams/"
LOST_SECONDS = 10.0
CONTINUE = {"onDisconnect": "continue"}


def delta(text: str) -> bytes:
    return chunk(sse({"choices": [{"index": 0, "delta": {"content": text}}]}))


HALF: list[Any] = [Send(stream_head() + delta("Hel") + delta("lo")), Hold()]


@pytest.fixture
def shared() -> Iterator[RunningServer]:
    server = RunningServer(valkey_binary())
    yield server
    server.close()


@pytest.fixture
def pair(data_dir: Path, shared: RunningServer) -> Iterator[tuple[LiveServer, LiveServer]]:
    one = LiveServer.uvicorn(data_dir, REDIS_URL=shared.url, HEADRACE_KEEPALIVE_SECONDS="0.2")
    other = LiveServer.uvicorn(data_dir, REDIS_URL=shared.url, HEADRACE_KEEPALIVE_SECONDS="0.2")
    with one, other:
        yield one, other


def without_comments(lines: Iterator[str]) -> Iterator[str]:
    return (line for line in lines if not line.startswith(":"))


def test_every_cursor_is_served_by_both_workers(pair: tuple[LiveServer, LiveServer]) -> None:
    with ScriptedUpstream([Send(chat_answer("<think>a</think>", *"bcdef"))]) as upstream:
        answer = pair[0].stream(
            model_at(f"{upstream.url}/v1"), streamOptions=CONTINUE | {"includeIds": True, "includeUsage": True}
        )
        whole = list(blocks(answer))
        place = f"{STREAMS}{answer.headers['X-Stream-Id']}/"
        for worker in pair:
            for read in range(len(whole)):
                resumed = worker.get(f"{place}?after={read}&includeUsage=true")
                assert resumed.status == 200
                assert list(without_comments(blocks(resumed))) == whole[read:]
            assert worker.get(f"{place}?after={len(whole)}").status == 400
            assert worker.get(f"{place}?after=x").status == 400
        assert len(upstream.requests) == 1


def test_the_other_worker_follows_live_lists_and_stops(pair: tuple[LiveServer, LiveServer]) -> None:
    with ScriptedUpstream(HALF) as upstream:
        model = model_at(f"{upstream.url}/v1")
        answer = pair[0].stream(model, streamOptions=CONTINUE, metadata={"seat": "4"})
        stream_id = answer.headers["X-Stream-Id"]
        arriving = without_comments(blocks(pair[1].get(f"{STREAMS}{stream_id}/", headers={"Last-Event-ID": "1"})))
        assert next(arriving) == 'id: 2\ndata: {"type": "content", "content": "lo"}'
        (listed,) = [row for row in json.load(pair[1].get(STREAMS))["streams"] if row["streamId"] == stream_id]
        assert (listed["state"], listed["events"], listed["metadata"]) == ("running", 2, {"seat": "4"})
        asked = time.monotonic()
        assert pair[1].request("DELETE", f"{STREAMS}{stream_id}/").status == 204
        assert upstream.wait_disconnect()
        assert time.monotonic() - asked < 1.0
        assert list(arriving) == ["data: [DONE]"]
        assert payloads(list(without_comments(blocks(answer))))[-1]["content"] == "lo"
        assert pair[1].request("DELETE", f"{STREAMS}{stream_id}/").status == 204


def test_foreign_unknown_and_impossible_streams_are_one_404(pair: tuple[LiveServer, LiveServer]) -> None:
    with ScriptedUpstream([Send(chat_answer("x"))]) as upstream:
        answer = pair[0].stream(model_at(f"{upstream.url}/v1"))
        stream_id = answer.headers["X-Stream-Id"]
        list(blocks(answer))
    known = [pair[1].get(f"{STREAMS}{name}/") for name in ("A" * 24, "x%0d%0ay", "%ff", "a" * 500)]
    assert {(answer.status, answer.read()) for answer in known} == {(404, pair[0].get(f"{STREAMS}{'B' * 24}/").read())}
    foreign = pair[1].get(f"/api/projects/other/playground/streams/{stream_id}/")
    assert foreign.status == 404


def test_without_the_server_readers_of_the_producer_notice_nothing_and_others_are_told(
    pair: tuple[LiveServer, LiveServer], shared: RunningServer
) -> None:
    script = [Send(stream_head() + delta("Hel")), Hold()]
    with ScriptedUpstream(script) as upstream:
        model = model_at(f"{upstream.url}/v1")
        answer = pair[0].stream(model, streamOptions=CONTINUE)
        place = f"{STREAMS}{answer.headers['X-Stream-Id']}/"
        arriving = without_comments(blocks(answer))
        assert "Hel" in next(arriving)
        shared.stop()
        refused = pair[1].get(place)
        assert (refused.status, json.load(refused)["code"]) == (503, "journal_away")
        assert refused.headers["Retry-After"]
        assert next(without_comments(blocks(pair[0].get(place)))) == (
            'id: 1\ndata: {"type": "content", "content": "Hel"}'
        )
        with ScriptedUpstream([Send(chat_answer("new"))]) as second:
            whole = json.load(pair[0].post(CHAT, {"messages": MESSAGES, "model": model_at(f"{second.url}/v1")}))
            assert whole["content"] == "new"
        assert pair[0].request("DELETE", place).status == 204
        assert list(arriving) == ["data: [DONE]"]


def test_a_killed_producer_is_told_to_readers_elsewhere(pair: tuple[LiveServer, LiveServer]) -> None:
    with ScriptedUpstream(HALF) as upstream:
        answer = pair[0].stream(model_at(f"{upstream.url}/v1"), streamOptions=CONTINUE)
        place = f"{STREAMS}{answer.headers['X-Stream-Id']}/"
        arriving = without_comments(blocks(pair[1].get(place)))
        assert ["Hel" in next(arriving), "lo" in next(arriving)] == [True, True]
        pair[0].process.kill()
        killed = time.monotonic()
        told = [line.removeprefix("id: 3\n") for line in arriving]
        assert time.monotonic() - killed < LOST_SECONDS
        assert payloads(told)[0]["code"] == "producer_lost"
        again = list(without_comments(blocks(pair[1].get(f"{place}?after=1"))))
        assert again == ['id: 2\ndata: {"type": "content", "content": "lo"}', f"id: 3\n{told[0]}", "data: [DONE]"]


def test_a_worker_alone_says_why_it_does_not_know(server: LiveServer) -> None:
    answer = server.get(f"{STREAMS}{'A' * 24}/")
    assert answer.status == 404
    assert "REDIS_URL" in json.load(answer)["error"]


def test_any_worker_tells_the_wire_of_a_stream_that_has_ended(
    pair: tuple[LiveServer, LiveServer], shared: RunningServer
) -> None:
    options = {"streamOptions": CONTINUE | {"includeWire": True}}
    with ScriptedUpstream([Send(chat_answer(f"it is {KEY}"))], HALF) as upstream:
        model = model_at(f"{upstream.url}/v1")
        answer = pair[0].stream(model, **options)
        answer.read()
        stream_id = answer.headers["X-Stream-Id"]
        first, second = (json.load(worker.get(f"{STREAMS}{stream_id}/wire/")) for worker in pair)
        assert first == second
        assert second["attempts"][0]["request"]["url"] == f"{upstream.url}/v1/chat/completions"
        assert KEY not in json.dumps(second)
        running = pair[0].stream(model, **options).headers["X-Stream-Id"]
        assert json.load(pair[0].get(f"{STREAMS}{running}/wire/"))["attempts"]
        refused = pair[1].get(f"{STREAMS}{running}/wire/")
        assert (refused.status, json.load(refused)["code"]) == (404, "wire_not_kept")
        pair[1].request("DELETE", f"{STREAMS}{running}/")
    pair[0].post("/api/projects/", {"id": "other", "name": "Other"})
    for worker in pair:
        foreign, unknown = (
            worker.get(f"{STREAMS.replace('default', 'other')}{each}/wire/") for each in (stream_id, "A" * 24)
        )
        assert (foreign.status, foreign.read()) == (unknown.status, unknown.read())
    with redis.Redis(unix_socket_path=shared.url.removeprefix("unix://")) as server:
        wires = [zlib.decompress(server.get(name) or b"") for name in server.scan_iter("headrace:wire:*")]
    assert wires
    assert not any(KEY.encode() in wire for wire in wires)


def test_a_reader_on_another_worker_is_a_reader(data_dir: Path, shared: RunningServer) -> None:
    options = {"REDIS_URL": shared.url, "HEADRACE_ORPHAN_SECONDS": "1", "HEADRACE_KEEPALIVE_SECONDS": "0.2"}
    with (
        LiveServer.uvicorn(data_dir, **options) as one,
        LiveServer.uvicorn(data_dir, **options) as other,
        ScriptedUpstream(HALF) as upstream,
    ):
        answer = one.stream(model_at(f"{upstream.url}/v1"), streamOptions=CONTINUE)
        resumed = other.get(f"{STREAMS}{answer.headers['X-Stream-Id']}/")
        arriving = blocks(resumed)
        assert "Hel" in next(arriving)
        answer.close()
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            next(arriving)  # keep-alives: were it orphaned, it would have ended
        assert upstream.connections == 1
        resumed.close()
        arriving.close()
        left = time.monotonic()
        assert upstream.wait_disconnect()
        assert 0.5 < time.monotonic() - left < 5


def test_the_last_reader_on_another_worker_ends_a_stream_that_is_to_be_cancelled(
    pair: tuple[LiveServer, LiveServer],
) -> None:
    with ScriptedUpstream(HALF) as upstream:
        answer = pair[0].stream(model_at(f"{upstream.url}/v1"))
        resumed = pair[1].get(f"{STREAMS}{answer.headers['X-Stream-Id']}/")
        arriving = blocks(resumed)
        assert "Hel" in next(arriving)
        answer.close()
        assert not upstream.wait_disconnect(1.5)
        left = time.monotonic()
        resumed.close()
        arriving.close()
        assert upstream.wait_disconnect()
        assert time.monotonic() - left < 1.5


def test_a_limit_of_streams_is_one_for_both_workers(data_dir: Path, shared: RunningServer) -> None:
    settings = {"REDIS_URL": shared.url, "HEADRACE_PROJECT_STREAMS": "2"}
    servers = LiveServer.uvicorn(data_dir, **settings), LiveServer.uvicorn(data_dir, **settings)
    with servers[0] as one, servers[1] as other, ScriptedUpstream(HALF, HALF, [Send(chat_answer("x"))]) as upstream:
        model = model_at(f"{upstream.url}/v1")
        held = [each.stream(model, streamOptions=CONTINUE) for each in (one, other)]
        for each in (one, other):
            refused = each.stream(model)
            assert (refused.status, json.load(refused)["code"]) == (429, "too_many_requests")
            assert refused.headers["Retry-After"] == "1"
        assert one.request("DELETE", f"{STREAMS}{held[1].headers['X-Stream-Id']}/").status == 204
        deadline = time.monotonic() + LOST_SECONDS
        while (answer := one.stream(model)).status == 429 and time.monotonic() < deadline:
            answer.read()
        assert "data: [DONE]" in list(blocks(answer))
