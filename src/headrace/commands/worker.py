"""The main of one worker process: uvicorn on a socket that it inherited. It ends with its parent, whatever happens."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

import uvicorn

from headrace.backends.children import die_with_parent
from headrace.commands.workers import DRAIN_SECONDS, LAST_SECONDS

APPLICATION = "headrace.config.asgi:application"
READY = b"1"
PROXIES_VARIABLE = "HEADRACE_TRUSTED_PROXIES"


class Worker(uvicorn.Server):
    """Says through a pipe when it accepts connections. The pipe's end is this process's end."""

    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            os.write(self._ready, READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams under way may end by themselves for a while, new ones are refused; then the rest is told why."""
        from headrace.common.streams.runtime import close_clients, drain_streams
        from headrace.config.health import drain

        drain()
        await drain_streams(DRAIN_SECONDS)
        await close_clients()
        await super().shutdown(sockets)


def configuration(proxies: str = "") -> uvicorn.Config:
    """`proxies` are the addresses whose X-Forwarded headers are believed; nobody's, when empty."""
    return uvicorn.Config(
        APPLICATION,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,  # the settings decide about logs
        log_level="warning",
        access_log=False,  # each stream has its own line; requests have the proxy's
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
        timeout_graceful_shutdown=LAST_SECONDS,
    )


def main(argv: Sequence[str]) -> None:
    die_with_parent()
    listener, ready = (int(number) for number in argv)
    worker = Worker(configuration(os.environ.get(PROXIES_VARIABLE, "")), ready)
    worker.run(sockets=[socket.socket(fileno=listener)])
    sys.exit(0 if worker.started else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
