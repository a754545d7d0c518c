"""Names to addresses, and addresses to sockets: the two things that touch the network before a request.

It decides nothing: the connector hands it addresses that the egress policy has passed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""A host name to its addresses, the best first. Raises OSError (`socket.gaierror`)."""
Dial = Callable[[str, int], Awaitable[socket.socket]]
"""A connected, non-blocking socket to exactly this address and port. Raises OSError."""

STAGGER = 0.25  # seconds that an address gets before the next is tried beside it: RFC 8305's value
MAX_ADDRESSES = 8  # of one name; more would be tried for longer than anyone waits


async def resolve(host: str) -> Sequence[str]:
    """The system's resolver, in a thread: it cannot be cancelled, so the caller bounds the wait."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def open_socket(ip: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (ip, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def race(dial: Dial, addresses: Sequence[str], port: int) -> socket.socket:
    """The socket that connects first. Attempts begin STAGGER apart, or at once when the one before has failed.

    Raises the last OSError where none connects. Leaves no socket and no task behind, cancelled or not.
    """
    waiting = list(addresses[:MAX_ADDRESSES])
    tasks: list[asyncio.Task[socket.socket]] = []
    pending: set[asyncio.Task[socket.socket]] = set()
    winner: asyncio.Task[socket.socket] | None = None
    failure: BaseException = OSError("the name has no address")
    try:
        while waiting or pending:
            if waiting:
                tasks.append(asyncio.create_task(_dial(dial, waiting.pop(0), port)))
                pending.add(tasks[-1])
            head_start = STAGGER if waiting else None
            done, pending = await asyncio.wait(pending, timeout=head_start, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is None:
                    winner = task
                    return task.result()
                failure = error
        raise failure
    finally:
        await _clear([task for task in tasks if task is not winner])


async def _dial(dial: Dial, ip: str, port: int) -> socket.socket:
    return await dial(ip, port)


async def _clear(losers: list[asyncio.Task[socket.socket]]) -> None:
    for task in losers:
        task.cancel()
    for result in await asyncio.gather(*losers, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()
