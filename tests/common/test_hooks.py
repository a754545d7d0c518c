"""Hooks and signals: what refuses, what changes, and that the end of a stream is told exactly once, whatever it was."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404, HttpRequest
from django.test import AsyncClient, Client

from headrace import (
    Chat,
    Failure,
    LLMService,
    NoSharedJournalError,
    RequestError,
    StreamResult,
    after_stream,
    before_stream,
)
from headrace.common.conf import SettingError
from headrace.common.hooks import load_hook
from headrace.common.owners import project_key
from headrace.common.streams.runtime import Streams, streams
from headrace.projects.models import Project
from headrace.testing import FakeModel, read_events
from tests.waiting import DEADLINE, until

STREAM = "/api/projects/{}/playground/chat/stream/"
CHAT = "/api/projects/{}/playground/chat/"
LIST = "/api/projects/{}/playground/streams/"
NO_HOOK = "text"
QUESTION = [{"role": "user", "content": "Hi"}]


class Told:
    """An `after_stream` hook that keeps what it was told."""

    def __init__(self) -> None:
        self.results: list[StreamResult] = []
        self.came = threading.Event()

    def __call__(self, result: StreamResult) -> None:
        self.results.append(result)
        self.came.set()

    def one(self) -> StreamResult:
        """What it was told, exactly once."""
        assert self.came.wait(DEADLINE)
        (result,) = self.results
        return result


def quiet() -> bool:
    return len(streams()) == 0


def body(model: FakeModel, **fields: Any) -> dict[str, Any]:
    return {"messages": QUESTION, "model": model} | fields


def post(path: str, model: FakeModel, **fields: Any) -> Any:
    return Client().post(path, body(model, **fields), content_type="application/json")


@contextmanager
def connected(signal: Any, receiver: Callable[..., Any]) -> Iterator[None]:
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)


# -- the end of a stream


def test_a_whole_answer_is_told_with_everything_in_it() -> None:
    told = Told()
    model = FakeModel(["Hel", "lo"], reasoning="why", tool_calls=[{"name": "f", "arguments": "{}"}])
    answer = LLMService(model, after_stream=told).chat(QUESTION, metadata={"conversation": "7"})
    result = told.one()
    assert (result.content, result.reasoning, result.outcome) == ("Hello", "why", "stop")
    assert result.tool_calls == [{"id": "call_0", "name": "f", "arguments": "{}"}]
    assert result.metadata == {"conversation": "7"}
    assert result.messages == QUESTION
    assert (result.stream_id, result.usage) == (answer.stream_id, answer.usage)


def test_metadata_is_never_sent_upstream() -> None:
    model = FakeModel()
    LLMService(model).chat(QUESTION, metadata={"conversation": "7"})
    assert "conversation" not in repr(model.requests)


@pytest.mark.parametrize("fails_after", [0, 1, 2])
def test_a_broken_answer_is_told_with_what_had_come(fails_after: int) -> None:
    told = Told()
    LLMService(FakeModel(["a", "b"], fails_after=fails_after), after_stream=told).chat(QUESTION)
    result = told.one()
    assert (result.content, result.outcome) == ("ab"[:fails_after], "upstream_reset")
    assert isinstance(result.failure, Failure)


async def test_a_reader_that_leaves_is_told_as_cancelled() -> None:
    told, model = Told(), FakeModel(["a", "b"], holds_after=1)
    events = aiter(LLMService(model, after_stream=told).stream_chat(QUESTION))
    await anext(events)
    await events.aclose()
    result = await asyncio.to_thread(told.one)
    assert (result.content, result.outcome) == ("a", "cancelled")


async def test_a_stream_that_goes_on_is_told_at_its_own_end() -> None:
    told, model = Told(), FakeModel(["a", "b"], holds_after=1)
    stream = LLMService(model, after_stream=told).stream_chat(QUESTION, streamOptions={"onDisconnect": "continue"})
    events = aiter(stream)
    await anext(events)
    await events.aclose()
    stream.close()
    assert not told.results
    model.release()
    result = await asyncio.to_thread(told.one)
    assert (result.content, result.outcome) == ("ab", "stop")


async def test_stopping_and_breaking_at_once_is_told_once() -> None:
    for order in range(6):
        told = Told()
        stream = LLMService(FakeModel(["a"], fails_after=1), after_stream=told).stream_chat(QUESTION)
        stream.start(asyncio.get_running_loop())
        for _ in range(order):
            await asyncio.sleep(0)
        await streams().journal.cancel(stream.stream_id)
        stream.close()
        await asyncio.to_thread(told.one)
        await until(quiet)
        assert len(told.results) == 1


async def test_it_runs_off_the_loop_and_may_be_a_coroutine() -> None:
    seen: list[Any] = []

    async def hook(result: StreamResult) -> None:
        await asyncio.sleep(0)
        seen.append((threading.current_thread() is threading.main_thread(), result.content))

    await LLMService(FakeModel(["a"]), after_stream=hook).achat(QUESTION)
    await until(lambda: seen)
    assert seen == [(False, "a")]


def test_an_error_in_it_reaches_the_log_and_no_reader(caplog: pytest.LogCaptureFixture) -> None:
    def hook(_: StreamResult) -> None:
        raise ZeroDivisionError("broken hook")

    answer = LLMService(FakeModel(["a"]), after_stream=hook).chat(QUESTION)
    assert (answer.content, answer.failure) == ("a", None)
    for _ in range(1000):
        if quiet():
            break
        threading.Event().wait(0.005)
    assert "broken hook" in caplog.text
    assert quiet()


def test_a_stream_counts_as_running_until_its_end_is_dealt_with() -> None:
    go_on = threading.Event()
    answer = LLMService(FakeModel(), after_stream=lambda _: go_on.wait(DEADLINE)).chat(QUESTION)
    assert streams().get(answer.stream_id) is not None
    go_on.set()


def test_it_has_a_database_connection_of_its_own(database: None) -> None:
    used: list[Any] = []

    def hook(_: StreamResult) -> None:
        used.append((connection.connection is None, Project.objects.count(), connection.connection))

    Project.objects.count()
    response = post(STREAM.format("default"), FakeModel())
    for _ in range(2):
        told = Told()
        LLMService(FakeModel(), after_stream=lambda result, told=told: (hook(result), told(result))).chat(QUESTION)
        told.one()
    assert read_events(response).content == "Hello"
    assert [(fresh, count) for fresh, count, _ in used] == [(True, 1), (True, 1)]


# -- before a stream


def test_before_changes_what_is_asked() -> None:
    model = FakeModel()

    def hook(chat: Chat) -> Chat:
        return chat.changed(
            messages=[{"role": "system", "content": "Be kind."}, *chat.messages], temperature=0, metadata={"by": "hook"}
        )

    told = Told()
    LLMService(model, before_stream=hook, after_stream=told).chat(QUESTION, top_p=0.5)
    (asked,) = model.requests
    assert [message["role"] for message in asked.messages] == ["system", "user"]
    assert (asked.temperature, asked.top_p, asked.max_tokens) == (0, 0.5, 8192)
    assert asked.defaulted == {"max_tokens"}
    assert told.one().metadata == {"by": "hook"}


def test_before_may_send_the_question_elsewhere() -> None:
    model, other = FakeModel(), FakeModel(["other"])
    answer = LLMService(model, before_stream=lambda chat: chat.changed(model=other)).chat(QUESTION)
    assert (answer.content, model.requests) == ("other", [])


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PermissionDenied("no more today"), 403, "forbidden"),
        (Http404("gone"), 404, "not_found"),
        (RequestError("too dear", code="quota", status=429), 429, "quota"),
    ],
)
def test_before_may_refuse(error: Exception, status: int, code: str, asynchronous: bool) -> None:
    def plain(_: Chat) -> None:
        raise error

    async def coroutine(_: Chat) -> None:
        raise error

    model = FakeModel()
    with pytest.raises(RequestError) as refusal:
        LLMService(model, before_stream=coroutine if asynchronous else plain).chat(QUESTION)
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert model.requests == []


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_before_is_heard_in_a_coroutine_too(asynchronous: bool, database: None) -> None:
    async def coroutine(chat: Chat) -> Chat:
        count = await Project.objects.acount()
        return chat.changed(metadata={"n": str(count)})

    def plain(chat: Chat) -> Chat:
        return chat.changed(metadata={"n": str(Project.objects.count())})

    for ask in ("stream_chat", "astream_chat"):
        told = Told()
        service = LLMService(FakeModel(), before_stream=coroutine if asynchronous else plain, after_stream=told)
        asked = getattr(service, ask)(QUESTION)
        stream = await asked if asyncio.iscoroutine(asked) else asked
        assert [event async for event in stream]
        assert (await asyncio.to_thread(told.one)).metadata == {"n": "1"}


def test_a_hook_that_returns_something_else_is_told_so() -> None:
    with pytest.raises(TypeError, match="before_stream must return a Chat"):
        LLMService(FakeModel(), before_stream=lambda _: "yes").chat(QUESTION)


def test_what_a_hook_changes_is_checked() -> None:
    with pytest.raises(RequestError) as refusal:
        LLMService(FakeModel(), before_stream=lambda chat: chat.changed(temperature=7)).chat(QUESTION)
    assert refusal.value.field == "temperature"


# -- by settings, at the endpoint


async def resolve_anything(_: HttpRequest, project_id: str) -> str | None:
    return f"tenant-{project_id}" if project_id != "nobody" else None


def test_the_hooks_of_the_settings_are_heard_at_the_endpoint(headrace_settings: Any) -> None:
    told = Told()
    headrace_settings.HEADRACE = {
        "RESOLVE_PROJECT": f"{__name__}.resolve_anything",
        "AUTHORIZE": lambda request, project, chat: project != "tenant-closed",
        "BEFORE_STREAM": lambda chat: chat.changed(metadata={"project": chat.project}),
        "AFTER_STREAM": told,
    }
    response = post(STREAM.format("x"), FakeModel(["a"]))
    assert read_events(response).content == "a"
    result = told.one()
    assert (result.project, result.metadata) == ("tenant-x", {"project": "tenant-x"})
    (listed,) = Client().get(LIST.format("x")).json()["streams"]
    assert listed["streamId"] == response["X-Stream-Id"]
    assert Client().get(LIST.format("y")).json()["streams"] == []
    for name, status in (("nobody", 404), ("closed", 403)):
        for refused in (
            post(STREAM.format(name), FakeModel()),
            post(CHAT.format(name), FakeModel()),
            Client().get(LIST.format(name)),
        ):
            assert refused.status_code == status
            assert refused.json().keys() == {"error", "code", "field"}
    assert len(told.results) == 1


def test_a_foreign_stream_is_not_found_under_another_project(headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"RESOLVE_PROJECT": f"{__name__}.resolve_anything"}
    response = post(STREAM.format("x"), FakeModel(["a"]))
    read_events(response)
    own, foreign = (f"{LIST.format(name)}{response['X-Stream-Id']}/" for name in "xy")
    assert read_events(Client().get(own)).content == "a"
    assert Client().get(foreign).status_code == 404
    assert Client().delete(foreign).status_code == 404


def test_stored_configurations_belong_to_our_own_projects(headrace_settings: Any, database: None) -> None:
    headrace_settings.HEADRACE = {"RESOLVE_PROJECT": lambda request, project_id: "theirs"}
    refused = post(STREAM.format("x"), {"configId": "local-plain"})  # type: ignore[arg-type]
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_configuration")
    assert Client().get("/api/projects/x/models/").status_code == 404
    assert Client().get("/api/projects/").json() == {"projects": []}
    headrace_settings.HEADRACE = {"RESOLVE_PROJECT": lambda request, project_id: Project.objects.first()}
    assert Client().get("/api/projects/x/models/").status_code == 200
    assert len(Client().get("/api/projects/").json()["projects"]) == 1


async def test_the_same_under_asgi(headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {
        "RESOLVE_PROJECT": f"{__name__}.resolve_anything",
        "AUTHORIZE": lambda request, project, chat: chat is None or chat.metadata.get("may") == "yes",
    }
    asked = body(FakeModel(["a", "b"], reasoning="r"), metadata={"may": "yes"})
    client = AsyncClient()
    response = await client.post(STREAM.format("x"), asked, content_type="application/json")
    events = await read_events(response)
    assert (events.reasoning, events.content, events.error) == ("r", "ab", None)
    refused = await client.post(STREAM.format("x"), body(FakeModel()), content_type="application/json")
    assert refused.status_code == 403


# -- signals


def test_signals_are_sent_at_the_same_moments() -> None:
    told, chats = Told(), []
    with (
        connected(before_stream, lambda sender, chat, **_: chats.append(chat)),
        connected(after_stream, lambda sender, result, **_: told(result)),
    ):
        LLMService(FakeModel(["a"])).chat(QUESTION)
        assert told.one().content == "a"
    assert [chat.messages for chat in chats] == [QUESTION]


def test_a_receiver_may_refuse() -> None:
    def receiver(sender: Any, chat: Chat, **_: Any) -> None:
        raise PermissionDenied("no")

    with connected(before_stream, receiver), pytest.raises(RequestError):
        LLMService(FakeModel()).chat(QUESTION)


def test_nothing_is_done_at_the_end_where_nobody_wants_to_know() -> None:
    stream = LLMService(FakeModel()).stream_chat(QUESTION)
    live = streams().get(stream.stream_id)
    assert live is not None
    assert live.options.conclude is None
    list(stream)


# -- what hooks and projects may be


@pytest.mark.parametrize(
    ("value", "words"), [("no.such.place", "cannot be imported"), (f"{__name__}.NO_HOOK", "function")]
)
def test_a_hook_that_is_none_is_named(value: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        load_hook("authorize", value)


@pytest.mark.parametrize("value", [True, None, "", object(), "x" * 201, 1.5])
def test_what_stands_for_no_project_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        project_key(value)


def test_keys_of_projects() -> None:
    assert [project_key(value) for value in ("a", 7, Project(pk=3, public_id="p"))] == ["a", "7", "p"]


# -- started here, read elsewhere


def test_starting_for_others_needs_a_shared_journal() -> None:
    with pytest.raises(NoSharedJournalError, match="HEADRACE_REDIS_URL"):
        LLMService(FakeModel()).start(QUESTION, project="default")


def test_a_started_stream_goes_on_without_readers_and_is_joined_by_its_id(
    monkeypatch: pytest.MonkeyPatch, headrace_settings: Any, database: None
) -> None:
    headrace_settings.HEADRACE = {"ORPHAN_SECONDS": 0}
    told, model = Told(), FakeModel(["a", "b"], holds_after=1)
    monkeypatch.setattr(type(Streams().journal), "shared", True, raising=False)
    stream_id = LLMService(model, after_stream=told).start(QUESTION, project="default").stream_id
    joined = Client().get(f"{LIST.format('default')}{stream_id}/")
    model.release()
    assert read_events(joined).content == "ab"
    assert told.one().outcome == "stop"
