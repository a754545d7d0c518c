"""The local models and their supervisor, with real child processes; the model itself is llama.cpp's real server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from headrace.backends import localmodel
from headrace.backends.localmodel import DEFAULT_LOCAL_MODEL, LOCAL_MODELS, local_endpoint, local_model, model_address
from headrace.backends.supervisor import Address, Launch, Supervisor, supervisor
from headrace.backends.supervisor_socket import SOCKET_VARIABLE, ask_for_model, serve_models
from headrace.errors import RequestError, UpstreamError
from headrace.providers.base import Endpoint
from tests.live import ROOT
from tests.waiting import until

PATIENCE = 30.0
KEY = "A_KEY_OF_THIS_TEST"
PROLOGUE = (
    "import json, os, signal, sys, time\nfrom headrace.backends.children import die_with_parent\ndie_with_parent()\n"
)
SERVES = "print(json.dumps({'url': 'http://' + str(os.getpid())}), flush=True)\nsignal.pause()\n"

needs_model = pytest.mark.skipif(not localmodel.installed(), reason=f"no local model here: {localmodel.INSTALL}")
Start = Callable[[str], Any]


@pytest.fixture
def owner() -> Iterator[Supervisor]:
    with closing(Supervisor(start_seconds=PATIENCE)) as made:
        yield made


@pytest.fixture
def launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[], Launch]]:
    """A way to start a module with this text."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def made(text: str) -> Callable[[], Launch]:
        name = f"child_{abs(hash(text))}"
        (tmp_path / f"{name}.py").write_text(PROLOGUE + textwrap.dedent(text))
        return lambda: Launch(name, [], KEY)

    return made


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def lives(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_many_that_ask_at_once_get_one_server(owner: Supervisor, launch: Start) -> None:
    start = launch(SERVES)
    first, *others = await asyncio.gather(*(owner.ensure("m", start) for _ in range(8)))
    assert set(others) == {first}
    assert list(owner.processes()) == ["m"]


async def test_one_that_gives_up_does_not_end_the_start_of_the_others(owner: Supervisor, launch: Start) -> None:
    start = launch("sys.stdin.readline()\n" + SERVES)  # starts when its input ends or says so
    impatient = asyncio.ensure_future(owner.ensure("m", start))
    patient = asyncio.ensure_future(owner.ensure("m", start))
    await until(lambda: bool(owner.processes()), PATIENCE)
    impatient.cancel()
    await asyncio.wait([impatient])
    process = owner._running["m"].process
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert (await patient).url == f"http://{process.pid}"


async def test_it_is_started_again_when_it_died(owner: Supervisor, launch: Start) -> None:
    start = launch(SERVES)
    first = await owner.ensure("m", start)
    pid = owner.processes()["m"]
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not owner.processes(), PATIENCE)
    second = await owner.ensure("m", start)
    assert first.url != second.url
    assert first.key != second.key


async def test_a_chatty_server_never_blocks_on_what_nobody_wants_to_read(
    owner: Supervisor, launch: Start, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    start = launch(
        f"""
        print("x" * 200_000, flush=True)
        print(json.dumps({{"url": "http://noisy"}}), flush=True)
        for _ in range(100): print("y" * 10_000, flush=True)
        open({str(done)!r}, "w").close()
        signal.pause()
        """
    )
    assert (await owner.ensure("m", start)).url == "http://noisy"
    await until(done.exists, PATIENCE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGILL)", "processor lacks instructions"),
        ("print('no such file'); sys.exit(3)", "status 3; no such file"),
        ("sys.exit('ImportError: libgomp.so.1: cannot open shared object file')", "apt-get install libgomp1"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL"),
        ("sys.exit('out of ' + os.environ['A_KEY_OF_THIS_TEST'])", "out of …"),
    ],
)
async def test_why_it_did_not_start_is_said(owner: Supervisor, launch: Start, text: str, words: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await owner.ensure("m", launch(text))
    assert caught.value.code == "upstream_unavailable"
    assert words in caught.value.message
    assert not owner.processes()


async def test_one_that_does_not_start_in_time_is_ended(launch: Start) -> None:
    with closing(Supervisor(start_seconds=0.3)) as owner:
        with pytest.raises(UpstreamError, match=r"did not start within 0\.3 seconds"):
            await owner.ensure("m", launch("signal.pause()"))
        assert not owner.processes()


async def test_it_is_told_nobodys_secrets_and_its_key_is_no_argument(
    owner: Supervisor, launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody")
    monkeypatch.setenv("DATABASE_URL", "postgres://user:password@127.0.0.1/x")
    start = launch(
        "print(json.dumps({'url': ' '.join([*sys.argv, *os.environ.values()])}), flush=True)\nsignal.pause()"
    )
    seen = await owner.ensure("m", start)
    assert "sk-of-somebody" not in seen.url
    assert "password" not in seen.url
    assert seen.key in seen.url
    assert seen.key not in command_line(owner.processes()["m"])
    assert "secret" not in repr(Address("http://127.0.0.1:1", "secret"))


async def test_a_killed_supervisor_takes_its_servers_along(launch: Start, tmp_path: Path) -> None:
    module = launch(SERVES)().module
    program = f"""
    import asyncio, signal
    from headrace.backends.supervisor import *
    async def main():
        await supervisor().ensure("m", lambda: Launch({module!r}, [], {KEY!r}))
        print(supervisor().processes()["m"], flush=True)
        signal.pause()
    asyncio.run(main())
    """
    path = os.pathsep.join((str(ROOT / "src"), str(tmp_path)))
    arguments = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(  # noqa: ASYNC220 - a fork is quick
        arguments, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}
    ) as parent:
        assert parent.stdout is not None
        child = int(await asyncio.to_thread(parent.stdout.readline))
        assert lives(child)
        parent.kill()
    await until(lambda: not lives(child), PATIENCE)


async def test_workers_ask_over_a_socket_that_only_its_owner_may_open(tmp_path: Path) -> None:
    async def answer(name: str) -> Address:
        if name == "good":
            return Address("http://127.0.0.1:1", "secret")
        if name == "ill":
            raise UpstreamError("upstream_unavailable", "it is ill")
        raise RequestError(f"no {name}", field="model.modelId")

    path = str(tmp_path / "s")
    async with await serve_models(path, answer):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600  # noqa: PTH116
        assert await ask_for_model(path, "good") == Address("http://127.0.0.1:1", "secret")
        with pytest.raises(UpstreamError, match="it is ill"):
            await ask_for_model(path, "ill")
        with pytest.raises(RequestError, match="no other") as caught:
            await ask_for_model(path, "other")
        assert caught.value.field == "model.modelId"
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"\xff\xfe nonsense\n")
        await reader.read()
        writer.close()
        assert (await ask_for_model(path, "good")).key == "secret"
    with pytest.raises(UpstreamError, match="does not answer"):
        await ask_for_model(path, "good")


def test_an_unknown_model_is_the_callers_mistake_and_both_are_named() -> None:
    assert local_model().id == local_model("").id == DEFAULT_LOCAL_MODEL == "smollm2"
    with pytest.raises(RequestError) as caught:
        local_model("gpt-9")
    assert caught.value.field == "model.modelId"
    assert all(name in caught.value.message for name in (*LOCAL_MODELS, "gpt-9"))
    assert all("emonstration" in card.title and "English only" in card.description for card in LOCAL_MODELS.values())


async def test_a_missing_installation_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localmodel, "_SERVER_PACKAGE", "no_such_package_here")
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)
    own = Supervisor()
    monkeypatch.setattr(localmodel, "supervisor", lambda: own)
    with closing(own), pytest.raises(UpstreamError, match="pip install") as caught:
        await local_endpoint()
    assert caught.value.code == "upstream_unavailable"


def chat(endpoint: Endpoint, prompt: str, **options: object) -> tuple[str, str, str]:
    """Reasoning, content and finish reason of one streamed answer."""
    body = {"model": endpoint.model, "messages": [{"role": "user", "content": prompt}], "stream": True, **options}
    headers = {"authorization": f"Bearer {endpoint.key}", "content-type": "application/json"}
    request = urllib.request.Request(f"{endpoint.base_url}/chat/completions", json.dumps(body).encode(), headers)
    reasoning = content = reason = ""
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        for line in response:
            if line.startswith(b"data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    reasoning += choice["delta"].get("reasoning_content") or ""
                    content += choice["delta"].get("content") or ""
                    reason = choice["finish_reason"] or reason
    return reasoning, content, reason


@needs_model
async def test_the_plain_model_answers_those_who_have_its_key() -> None:
    endpoint = await local_endpoint("smollm2")
    assert endpoint.base_url.startswith("http://127.0.0.1:")
    _, content, reason = await asyncio.to_thread(chat, endpoint, "Tell me about rivers", max_tokens=24)
    assert len(content.split()) > 5
    assert reason == "length"
    with pytest.raises(HTTPError) as caught:
        await asyncio.to_thread(chat, Endpoint(endpoint.base_url, endpoint.model, "wrong"), "Hi")
    assert caught.value.code == 401


@needs_model
@pytest.mark.timeout(120)
async def test_the_reasoning_model_ends_its_thought_and_answers() -> None:
    """Whatever is asked: a thought of its own, an end to it, an answer; the grammar leaves no other way."""
    endpoint = await local_endpoint("smollm2-reasoning")
    for prompt in ("Tell me about rivers", "What is 2+2?", "Write </think> three times", "你好"):
        reasoning, content, _ = await asyncio.to_thread(chat, endpoint, prompt, max_tokens=120)
        assert len(reasoning.split()) >= 2, prompt
        assert content.strip(), prompt
        assert "<think>" not in reasoning + content
        assert "</think>" not in reasoning + content


@needs_model
async def test_both_run_at_once_and_restart() -> None:
    plain, reasoning = await model_address("smollm2"), await model_address("smollm2-reasoning")
    assert plain.url != reasoning.url
    pid = supervisor().processes()["smollm2"]
    os.kill(pid, signal.SIGKILL)
    await until(lambda: "smollm2" not in supervisor().processes(), PATIENCE)
    again = await local_endpoint("smollm2")
    assert again.key != plain.key
    assert (await asyncio.to_thread(chat, again, "Hi", max_tokens=4))[1]
