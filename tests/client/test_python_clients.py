"""The Python clients on the live server: what they yield; nothing of it is lost or doubled when lines break."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import headrace.client
from headrace.client import AsyncClient, Client, Patience, StreamEvent, StreamLostError
from headrace.client.wire import read_event
from headrace.errors import RequestError
from headrace.stream.events import Failure, Finish, ReasoningDelta, TextDelta
from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, response, sse, stream_head
from tests.client.cutting import CuttingProxy, after_bytes, after_events, at_random
from tests.client.history import long_answer, truth
from tests.live import KEY, MESSAGES, LiveServer, model_at

QUICK = Patience(first=0.001, most=0.02, give_up_after=20, idle=10)
PLAIN = {"Accept-Encoding": "identity"}
HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]

Read = tuple[list[StreamEvent], list[int], str]


def read(url: str, model: dict[str, Any], headers: dict[str, str], patience: Patience = QUICK) -> Read:
    events, positions = [], []
    with Client(f"{url}/api", headers=headers, patience=patience) as client:
        with client.stream(MESSAGES, model, temperature=0) as stream:
            for event in stream:
                events.append(event)
                positions.append(stream.position)
        return events, positions, stream.id or ""


def aread(url: str, model: dict[str, Any], headers: dict[str, str], patience: Patience = QUICK) -> Read:
    async def reading() -> Read:
        events, positions = [], []
        async with (
            AsyncClient(f"{url}/api", headers=headers, patience=patience) as client,
            client.stream(MESSAGES, model, temperature=0) as stream,
        ):
            async for event in stream:
                events.append(event)
                positions.append(stream.position)
            return events, positions, stream.id or ""

    return asyncio.run(reading())


both = pytest.mark.parametrize("reader", [read, aread], ids=["sync", "async"])
Reader = Callable[..., Read]


def check(server: LiveServer, got: Read) -> None:
    """Gapless, nothing twice, one ending: compared with the stream's own replay."""
    events, positions, stream_id = got
    numbered = [(number, read_event(_encoded(each))) for number, each in enumerate(truth(server, stream_id), 1)]
    assert list(zip(positions, events, strict=True)) == [(n, event) for n, event in numbered if event is not None]
    assert [isinstance(event, Finish) for event in events].count(True) == 1


def _encoded(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


@both
def test_events_are_typed(server: LiveServer, reader: Reader) -> None:
    with ScriptedUpstream([Send(chat_answer("<think>plan</think>", "Hel", "lo"))]) as upstream:
        got = reader(server.url, model_at(f"{upstream.url}/v1"), {})
    check(server, got)
    assert got[0][:-1] == [ReasoningDelta("plan"), TextDelta("Hel"), TextDelta("lo")]
    assert isinstance(got[0][-1], Finish)
    assert got[0][-1].reason == "stop"
    assert got[0][-1].usage is not None


@both
def test_a_cut_after_every_event(server: LiveServer, reader: Reader) -> None:
    with (
        ScriptedUpstream(long_answer()) as upstream,
        CuttingProxy(server.port, after_events) as proxy,
    ):
        got = reader(proxy.url, model_at(f"{upstream.url}/v1"), PLAIN)
        check(server, got)
        assert proxy.cuts >= len(got[0])
        assert len(upstream.requests) == 1


@both
@pytest.mark.parametrize("headers", [PLAIN, {"Accept-Encoding": "gzip"}], ids=["plain", "gzip"])
@pytest.mark.parametrize(("seed", "reset"), [(1, False), (2, True), (3, False)])
def test_cuts_at_random_bytes(
    server: LiveServer, reader: Reader, headers: dict[str, str], seed: int, reset: bool
) -> None:
    with (
        ScriptedUpstream(long_answer()) as upstream,
        CuttingProxy(server.port, at_random(seed, 900), reset=reset) as proxy,
    ):
        got = reader(proxy.url, model_at(f"{upstream.url}/v1"), headers)
        check(server, got)
        assert proxy.cuts > 1


@both
def test_what_goes_wrong_with_the_answer_is_an_event(server: LiveServer, reader: Reader) -> None:
    refusal = response(
        b'{"error": {"message": "no such key"}}', status="401 Unauthorized", content_type="application/json"
    )
    with ScriptedUpstream([Send(refusal)]) as upstream:
        events, _, _ = reader(server.url, model_at(f"{upstream.url}/v1"), {})
    assert [type(event) for event in events] == [Failure, Finish]
    assert isinstance(events[0], Failure)
    assert (events[0].code, events[0].status) == ("upstream_auth", 401)


@both
def test_a_wrong_request_is_raised_with_its_field(server: LiveServer, reader: Reader) -> None:
    with pytest.raises(RequestError) as raised:
        reader(server.url, {"providerId": "openai", "endpoint": 7, "apiKey": KEY, "modelId": "m"}, {})
    assert (raised.value.status, raised.value.field) == (400, "model.endpoint")


@both
def test_a_server_that_is_not_there_is_said_to_be_so(reader: Reader, unused_port: int) -> None:
    with pytest.raises(StreamLostError) as raised:
        reader(f"http://127.0.0.1:{unused_port}", {"providerId": "local"}, {})
    assert raised.value.code == "unreachable"


@both
def test_a_stream_that_never_comes_back_is_given_up(server: LiveServer, reader: Reader) -> None:
    fates = iter([after_events(1)])
    with (
        ScriptedUpstream(HALF) as upstream,
        CuttingProxy(server.port, lambda: next(fates, after_bytes(1))) as proxy,
        pytest.raises(StreamLostError) as raised,
    ):
        reader(proxy.url, model_at(f"{upstream.url}/v1"), PLAIN, Patience(first=0.01, most=0.02, give_up_after=0.2))
    assert (raised.value.code, raised.value.position) == ("gave_up", 1)
    _stop(server, raised.value.stream_id)


@both
def test_a_stream_that_the_server_has_forgotten_is_lost(server: LiveServer, data_dir: Path, reader: Reader) -> None:
    with (
        LiveServer.uvicorn(data_dir) as other,
        ScriptedUpstream(HALF) as upstream,
        CuttingProxy(server.port, after_events) as proxy,
    ):

        def elsewhere_next() -> Any:
            proxy.target = other.port
            return after_events(1)

        proxy.plan = elsewhere_next
        with pytest.raises(StreamLostError) as raised:
            reader(proxy.url, model_at(f"{upstream.url}/v1"), PLAIN)
        _stop(server, raised.value.stream_id)
    assert (raised.value.code, raised.value.status, raised.value.position) == ("stream_not_found", 404, 1)


def _stop(server: LiveServer, stream_id: str | None) -> None:
    with Client(f"{server.url}/api") as client:
        client.stop(stream_id or "")


def test_stop_ends_the_call_upstream_and_the_stream(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream, Client(f"{server.url}/api") as client:
        stream = client.stream(MESSAGES, model_at(f"{upstream.url}/v1"))
        events = iter(stream)
        assert next(events) == TextDelta("Hel")
        stream.stop()
        assert upstream.wait_disconnect()
        assert [event.reason for event in events if isinstance(event, Finish)] == ["cancelled"]


async def test_stop_ends_them_for_coroutines_too(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream:
        async with AsyncClient(f"{server.url}/api") as client:
            stream = client.stream(MESSAGES, model_at(f"{upstream.url}/v1"))
            reasons = []
            async for event in stream:
                if isinstance(event, Finish):
                    reasons.append(event.reason)
                else:
                    await stream.stop()
            assert reasons == ["cancelled"]
        assert await upstream.disconnected()


def test_leaving_leaves_it_running_and_join_goes_on(server: LiveServer) -> None:
    with ScriptedUpstream(long_answer(10)) as upstream, Client(f"{server.url}/api") as client:
        with client.stream(MESSAGES, model_at(f"{upstream.url}/v1")) as stream:
            first = [event for _, event in zip(range(3), stream, strict=False)]
        assert stream.id is not None
        rest = list(client.join(stream.id, after=stream.position))
        whole = client.join(stream.id).answer()
    assert first + rest == [event for each in truth(server, stream.id) if (event := read_event(_encoded(each)))]
    assert whole.content == "".join(event.text for event in first + rest if isinstance(event, TextDelta))
    assert (whole.stream_id, whole.finish_reason) == (stream.id, "stop")


def test_the_caller_may_choose_what_the_client_would(server: LiveServer) -> None:
    with ScriptedUpstream(HALF) as upstream, Client(f"{server.url}/api") as client:
        options = {"includeUsage": False, "onDisconnect": "cancel"}
        with client.stream(MESSAGES, model_at(f"{upstream.url}/v1"), stream_options=options) as stream:
            assert next(iter(stream)) == TextDelta("Hel")
        assert upstream.wait_disconnect()


def test_it_stands_on_the_stream_and_the_errors_alone() -> None:
    folder = Path(headrace.client.__file__).parent
    for path in folder.glob("*.py"):
        named = [
            node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
        ]
        ours = [name for name in named if name.startswith("headrace")]
        assert all(name.startswith(("headrace.client", "headrace.stream", "headrace.errors")) for name in ours), path
