"""Ending what runs when somebody else's server ends: by ASGI's lifespan, by a signal, or at the interpreter's exit.

Without one of them a server that is killed takes its streams along unseen: no `after_stream`, no last word to readers.
"""

from __future__ import annotations

import asyncio
import atexit
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from functools import cache
from types import FrameType
from typing import Any

from headrace.common.monitoring.tracing import send_spans
from headrace.common.streams.live import record_all
from headrace.common.streams.runtime import FAREWELL_SECONDS, close_clients, drain_streams, streams

SIGTERM_SECONDS = 20.0
"""For streams to end by themselves: gunicorn kills what still runs 30 s after it was told to end."""
LOOK_AGAIN = 0.05

greetings: list[Callable[[], None]] = []
"""What is done once a server under ASGI is about to serve. None may wait."""
farewells: list[Callable[[], None]] = []
"""What is done once all streams have ended, and before the process does. Each may wait a few seconds."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[..., Awaitable[None]]


def draining(application: Application, *, seconds: float = SIGTERM_SECONDS) -> Application:
    """`application` with a lifespan, for `asgi.py`: streams that still run when the server ends are ended in order.

    After SIGTERM they have this long; where the server ends sooner, until then.
    """

    async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return
        if threading.current_thread() is threading.main_thread():
            drain_on_sigterm(seconds)
        await serve_lifespan(receive, send)

    return with_lifespan


async def serve_lifespan(receive: Receive, send: Send) -> None:
    """Answer the server's two events: the shared journal gets to work; at the end everything is let go in order."""
    await receive()
    journal = streams().journal
    await journal.start()
    for greeting in greetings:
        greeting()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await drain_streams(0)
    await asyncio.to_thread(say_farewell)
    await close_clients()
    await journal.close()
    await asyncio.to_thread(send_spans)
    await send({"type": "lifespan.shutdown.complete"})


def drain_on_sigterm(seconds: float = SIGTERM_SECONDS) -> None:
    """For `wsgi.py`, in a process's main thread: after SIGTERM streams have this long, and are then ended in order.

    Whatever handled the signal before still does. Under gunicorn's `--preload` call it in `post_worker_init`.
    """
    before = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        streams().drain()
        last = None if callable(before) else before
        threading.Thread(target=_drain, args=(seconds, last), name="headrace-drain", daemon=True).start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, handle)


def _drain(seconds: float, last: Any) -> None:
    """Wait, end, and let the signal do at last what it would have done."""
    _wait(seconds)
    for live in streams().all():
        live.cancel("server_shutdown")
    _wait(FAREWELL_SECONDS)
    record_all()
    say_farewell()
    if last == signal.SIG_DFL:
        signal.raise_signal(signal.SIGINT)  # ends Python in order, as Ctrl-C does


def say_farewell() -> None:
    """The last chance of whatever keeps something of streams. Harmless twice."""
    for farewell in farewells:
        with suppress(Exception):
            farewell()


def _wait(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while len(streams()) and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN)


def at_exit() -> None:
    """End what still runs while the interpreter ends: on the background loop, or on a loop that its server has left."""
    for loop in {live.loop for live in streams().all() if live.running and live.loop is not None}:
        with suppress(Exception):
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(drain_streams(0.0), loop).result(FAREWELL_SECONDS + 1)
            else:
                loop.run_until_complete(drain_streams(0.0))
    say_farewell()


@cache
def end_with_the_process() -> None:
    """Under WSGI and in scripts the background loop dies with the process, and nobody ends what runs there."""
    register = getattr(threading, "_register_atexit", atexit.register)  # before the pools of threads are shut down
    register(at_exit)
