"""The main of one worker process: uvicorn on a socket that it inherited. It ends with its parent, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence

import uvicorn

from headrace.backends.children import die_with_parent
from headrace.commands.connections import bounded
from headrace.commands.proxies import trusted_proxies
from headrace.commands.workers import LAST_SECONDS, RETIRE
from headrace.common.conf import Settings, load

IDLE_SECONDS = 95
"""For a connection between two requests: longer than proxies keep theirs to us (nginx and AWS ALB 60 s, Traefik 90 s),
so that none asks on one which is closing just then."""
APPLICATION = "headrace.config.asgi:application"
READY = b"1"


class Worker(uvicorn.Server):
    """Says through a pipe when it accepts connections. The pipe's end is this process's end.

    Told to end, it refuses new chats and answers everything else while its streams go on for a while. Told to retire,
    it leaves new connections to the other workers, if they know its streams.
    """

    def __init__(self, config: uvicorn.Config, ready: int, drain_seconds: float) -> None:
        super().__init__(config)
        self._ready = ready
        self._drain_seconds = drain_seconds
        self._retiring = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            os.write(self._ready, READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams under way may end by themselves for a while, new ones are refused; then the rest is told why."""
        from headrace.common.streams.runtime import drain_streams, streams
        from headrace.config.health import drain

        drain()
        if self._retiring and streams().journal.shared:
            self._leave_to_others()
        await drain_streams(self._drain_seconds)
        await super().shutdown(sockets)

    def _leave_to_others(self) -> None:
        """New connections, and what a proxy would ask on those that it keeps: they close, idle ones at once."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours end the process in order. uvicorn would raise the signal again at the end, and so die of it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, RETIRE):
            loop.add_signal_handler(number, self._on_signal, number)
        yield

    def _on_signal(self, number: int) -> None:
        self._retiring = number == RETIRE
        self.should_exit = True


def configuration(settings: Settings, proxies: str = "") -> uvicorn.Config:
    """`proxies` are the addresses whose X-Forwarded headers are believed; nobody's, when empty."""
    return uvicorn.Config(
        APPLICATION,
        loop="uvloop",
        http=bounded(settings.stall_seconds, settings.max_body_bytes),
        lifespan="on",
        ws="none",
        log_config=None,  # the settings decide about logs
        log_level="warning",
        access_log=False,  # each stream has its own line; requests have the proxy's
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=LAST_SECONDS,
    )


def main(argv: Sequence[str]) -> None:
    die_with_parent()
    listener, ready = (int(number) for number in argv)
    settings = load()
    worker = Worker(configuration(settings, trusted_proxies(os.environ)), ready, settings.drain_seconds)
    worker.run(sockets=[socket.socket(fileno=listener)])
    sys.exit(0 if worker.started else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
