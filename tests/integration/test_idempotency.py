"""One Idempotency-Key, one stream and one call upstream: on one worker with its memory, and on two that share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Close, Hold, ScriptedUpstream, Send, chat_answer, chunk, response, sse, stream_head
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.live import CHAT, KEY, MESSAGES, STREAM, LiveServer, blocks, model_at

HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]
REFUSED: list[Any] = [
    Send(response(b'{"error": {"message": "no"}}', status="401 Unauthorized", content_type="application/json")),
    Close(),
]
BROKEN: list[Any] = [HALF[0], Close()]
CONTINUE = {"onDisconnect": "continue"}


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningServer]:
    server = RunningServer(valkey_binary())
    yield server
    server.close()


@pytest.fixture(scope="module", params=["memory", "shared"])
def workers(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Where requests go in turn: one worker twice, or two."""
    with ExitStack() as stack:
        if request.param == "memory":
            one = stack.enter_context(LiveServer.uvicorn(data_dir, HEADRACE_REPLAY_SECONDS="2"))
            yield one, one
        else:
            url = request.getfixturevalue("shared").url
            options = {"REDIS_URL": url, "HEADRACE_REPLAY_SECONDS": "2"}
            yield (
                stack.enter_context(LiveServer.uvicorn(data_dir, **options)),
                stack.enter_context(LiveServer.uvicorn(data_dir, **options)),
            )


def ask(worker: LiveServer, upstream: ScriptedUpstream, key: str, **fields: Any) -> HTTPResponse:
    body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1"), "streamOptions": CONTINUE} | fields
    return worker.post(STREAM, body, headers={"Idempotency-Key": key})


def test_a_repeated_request_joins_and_costs_nothing(workers: tuple[LiveServer, LiveServer]) -> None:
    with ScriptedUpstream([Send(chat_answer("<think>a</think>", "b", "c"))]) as upstream:
        first = ask(workers[0], upstream, "joins:1")
        assert first.headers["Idempotency-Replayed"] is None
        whole = list(blocks(first))
        for worker in workers:
            again = ask(worker, upstream, "joins:1")
            assert again.headers["Idempotency-Replayed"] == "true"
            assert again.headers["X-Stream-Id"] == first.headers["X-Stream-Id"]
            assert list(blocks(again)) == whole
        body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1"), "streamOptions": CONTINUE}
        answer = workers[1].post(CHAT, body, headers={"Idempotency-Key": "joins:1"})
        assert (answer.headers["Idempotency-Replayed"], json.load(answer)["content"]) == ("true", "bc")
        assert len(upstream.requests) == 1


def test_of_many_at_once_one_asks(workers: tuple[LiveServer, LiveServer]) -> None:
    with ScriptedUpstream(HALF) as upstream, ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: ask(workers[n % 2], upstream, "at-once"), range(12)))
        assert [answer.status for answer in answers] == [200] * 12
        assert sorted(answer.headers["Idempotency-Replayed"] or "" for answer in answers) == [""] + ["true"] * 11
        assert len({answer.headers["X-Stream-Id"] for answer in answers}) == 1
        arriving = [blocks(answer) for answer in answers]
        assert {next(each) for each in arriving} == {'data: {"type": "content", "content": "Hel"}'}
        assert len(upstream.requests) == 1
        stream = f"/api/projects/default/playground/streams/{answers[0].headers['X-Stream-Id']}/"
        assert workers[1].request("DELETE", stream).status == 204
        assert {tuple(each) for each in arriving} == {("data: [DONE]",)}


def test_another_body_is_a_conflict_and_another_key_is_not(workers: tuple[LiveServer, LiveServer]) -> None:
    with ScriptedUpstream([Send(chat_answer("x"))]) as upstream:
        list(blocks(ask(workers[0], upstream, "body")))
        other = ask(workers[1], upstream, "body", temperature=0.1)
        assert (other.status, json.load(other)["code"]) == (409, "idempotency_conflict")
        rotated = model_at(f"{upstream.url}/v1") | {"apiKey": "sk-another"}
        same = {"streamOptions": CONTINUE, "model": dict(reversed(rotated.items())), "messages": MESSAGES}
        joined = workers[1].post(STREAM, same, headers={"Idempotency-Key": "body"})
        assert (joined.status, joined.headers["Idempotency-Replayed"]) == (200, "true")
        joined.read()
        assert len(upstream.requests) == 1
        list(blocks(ask(workers[1], upstream, "body2", temperature=0.1)))
        assert len(upstream.requests) == 2


@pytest.mark.parametrize(("script", "kept"), [(REFUSED, False), (BROKEN, True)], ids=["before", "after an event"])
def test_what_failed_before_its_first_event_frees_its_key(
    workers: tuple[LiveServer, LiveServer], script: list[Any], kept: bool
) -> None:
    key = f"failed-{kept}"
    with ScriptedUpstream(script) as upstream:
        body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1"), "streamOptions": CONTINUE}
        for number, worker in enumerate((*workers, workers[0])):
            answer = worker.post(STREAM, body, headers={"Idempotency-Key": key})
            assert '"error"' in answer.read().decode()
            assert (answer.headers["Idempotency-Replayed"] is not None) is (kept and number > 0)
        assert len(upstream.requests) == (1 if kept else 3)


def test_a_key_is_free_when_its_stream_has_expired(workers: tuple[LiveServer, LiveServer]) -> None:
    with ScriptedUpstream([Send(chat_answer("x"))]) as upstream:
        body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")}
        headers = {"Idempotency-Key": "expires"}
        first = workers[0].post(STREAM, body, headers=headers)
        first.read()
        stream = f"/api/projects/default/playground/streams/{first.headers['X-Stream-Id']}/"
        while workers[1].get(stream).status == 200:
            pass
        answer = workers[1].post(STREAM, body, headers=headers)
        # Nobody can tell a stream that has gone from one that is just being started, until that would take too long.
        assert answer.status in (200, 503)
        assert answer.headers["Idempotency-Replayed"] is None


@pytest.mark.parametrize("key", ["", "a" * 129, "a b", "a/b", "é"])
def test_a_key_that_is_none_is_refused(workers: tuple[LiveServer, LiveServer], key: str) -> None:
    answer = workers[0].post(STREAM, b"{}", headers={"Idempotency-Key": key})
    assert (answer.status, json.load(answer)["field"]) == (400, "Idempotency-Key")


def test_a_refused_start_leaves_its_key_free(data_dir: Path) -> None:
    with (
        LiveServer.uvicorn(data_dir, HEADRACE_PROJECT_STREAMS="1") as worker,
        ScriptedUpstream(HALF) as upstream,
    ):
        running = ask(worker, upstream, "runs")
        assert ask(worker, upstream, "refused").status == 429
        stream = f"/api/projects/default/playground/streams/{running.headers['X-Stream-Id']}/"
        assert worker.request("DELETE", stream).status == 204
        list(blocks(running))
        again = ask(worker, upstream, "refused")
        assert (again.status, again.headers["Idempotency-Replayed"]) == (200, None)
        again.close()


def test_nothing_of_the_request_is_kept(data_dir: Path, shared: RunningServer) -> None:
    secret = "the moon over the river"
    with (
        LiveServer.uvicorn(data_dir, REDIS_URL=shared.url) as worker,
        ScriptedUpstream([Send(chat_answer("x"))]) as upstream,
    ):
        list(blocks(ask(worker, upstream, "kept:nothing", messages=[{"role": "user", "content": secret}])))
        names = shared.tell("KEYS", "*claim:*").split(b"\r\n")[2::2]
        held = b"".join(shared.tell("GET", name.decode()) for name in names if name)
    assert held
    for text in (secret, KEY, "kept:nothing"):
        assert text.encode() not in held + b"".join(names)
