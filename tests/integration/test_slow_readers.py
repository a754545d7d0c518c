"""A client that takes nothing: it is cut off, holds up nobody, costs little memory, and can resume."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from soak.client import PLAYGROUND
from soak.cluster import Cluster, cluster
from soak.upstream import texts

from headrace.testing.history import History

STALL = 2.0
EVENTS = 20_000  # over 1 MB on the wire: more than all buffers between server and client hold


@pytest.fixture(params=[1, 2], ids=["its own worker", "another worker"])
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """The first worker produces, the last one is read."""
    async with cluster(request.param, HEADRACE_STALL_SECONDS=str(STALL)) as each:
        yield each


def rss(pid: int) -> int:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def idle_reader(port: int, stream_id: str) -> socket.socket:
    """A connection that asks for a stream and reads nothing, with a small window."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {PLAYGROUND}/streams/{stream_id}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return client


def is_held(port: int, client: socket.socket) -> bool:
    """Whether the server still holds its end of this connection. The client hears nothing of it: its window is shut."""
    theirs, ours = f":{port:04X}", f":{client.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if local.endswith(theirs) and remote.endswith(ours):
            return state == "01"  # established; what was closed with bytes unsent may linger in other states
    return False


async def test_who_takes_nothing_is_cut_and_can_resume(running: Cluster) -> None:
    port, client, pid = running.ports[-1], running.client(-1), running.members[-1].process.pid
    stream_id = await running.client(0).start("slow", EVENTS, 0)
    history = History()
    history.wrote("slow", texts("slow", EVENTS))
    await client.read(history.reading("slow"), stream_id)  # the whole is there
    before = rss(pid)
    began = time.monotonic()
    idle = [idle_reader(port, stream_id) for _ in range(20)]
    try:
        async with asyncio.timeout(STALL + 20):
            while any(is_held(port, each) for each in idle):
                await client.read(history.reading("slow", EVENTS - 5), stream_id)  # nobody else waits for them
                await asyncio.sleep(0.05)
        assert time.monotonic() - began >= STALL
        assert rss(pid) - before < 20 * 2 * 1024**2
    finally:
        for each in idle:
            each.close()
    await client.read(history.reading("slow", 1000), stream_id)
    history.check()


async def test_who_takes_a_little_is_not_cut(running: Cluster) -> None:
    port = running.ports[-1]
    stream_id = await running.client(0).start("little", EVENTS, 0)
    await running.client(-1).read(History().reading("little"), stream_id)
    with idle_reader(port, stream_id) as slow:
        slow.setblocking(False)
        until = time.monotonic() + 2.5 * STALL
        while time.monotonic() < until:
            assert await asyncio.get_running_loop().sock_recv(slow, 16_384)
            await asyncio.sleep(STALL / 20)
        assert is_held(port, slow)
