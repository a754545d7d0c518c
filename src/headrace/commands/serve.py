"""`headrace serve`: the parent process. It owns the socket, the migration, the workers and the model servers.

It never imports Django and answers no request itself, so it stays small and cannot be brought down by one.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from headrace.backends.children import kill, start_python
from headrace.backends.localmodel import INSTALL, installed, model_address
from headrace.backends.metric_files import MetricsFolder
from headrace.backends.metrics import is_installed as can_count
from headrace.backends.supervisor import supervisor
from headrace.backends.supervisor_socket import SOCKET_VARIABLE, serve_models
from headrace.backends.valkey import EmbeddedValkey, ValkeyError
from headrace.commands.listening import address_of, bind, bound_sends
from headrace.commands.proxies import trusted_proxies
from headrace.commands.terminal import CommandError, complain, say
from headrace.commands.workers import Workers
from headrace.common.conf import PREFIX, SettingError, Settings, load

TRY = """\
Ready: {address}/

Try it (with the small model that comes along, in English):

curl -N {address}/api/projects/default/playground/chat/stream/ -H 'Content-Type: application/json' \
-d '{{"messages": [{{"role": "user", "content": "Tell me about rivers"}}], "model": {{"providerId": "local"}}}}'

Ctrl-C ends it."""
LOGGED_IN = """\
Ready: {address}/

HEADRACE_AUTH is "required": people log in, and programs carry a project's token. Ctrl-C ends it."""
NO_MODEL = f"The model that comes along is not installed. To have it: {INSTALL}"
NO_SERVER = 'The server is not installed. To have it: pip install "headrace[server]"'

UNSHARED = """\
{error}
Until then {workers} workers share no journal: a stream can be resumed, stopped and listed only where chance leads to
its own worker."""

EXIT_IMPATIENT = 130
RESTART = signal.SIGUSR1
JOURNAL_VARIABLE = f"{PREFIX}REDIS_URL"


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal says otherwise; the exit status."""
    if importlib.util.find_spec("uvicorn") is None:
        raise CommandError(NO_SERVER)
    try:
        settings = load()
    except SettingError as error:
        raise CommandError(str(error)) from None
    trusted_proxies(os.environ)
    with bind(arguments.host, arguments.port, only_loopback=settings.local) as listener:
        bound_sends(listener, settings.stall_seconds)
        return asyncio.run(_serve(listener, arguments.workers, settings))


async def _serve(listener: socket.socket, number: int, settings: Settings) -> int:
    stop = _stop_signal()
    with tempfile.TemporaryDirectory(prefix="headrace-") as private:  # only its owner may enter
        path = str(Path(private) / "supervisor")
        async with await serve_models(path, model_address), shared_journal(number, settings.redis_url) as shared:
            environment = dict(os.environ) | {SOCKET_VARIABLE: path} | shared
            try:
                if not await _unless(stop, _prepared(environment, address_of(listener))):
                    return 0
                with shared_counts(settings) as counts:
                    workers = Workers(number, listener, environment, settings.drain_seconds, counts=counts)
                    prepare = partial(_prepared, environment, address_of(listener))  # newer code, newer migrations
                    asyncio.get_running_loop().add_signal_handler(RESTART, workers.restart, prepare)
                    return await _run_workers(workers, stop, address_of(listener), settings)
            finally:
                await asyncio.to_thread(supervisor().close)


@contextmanager
def shared_counts(settings: Settings) -> Iterator[MetricsFolder | None]:
    """Where the workers count together, one of them too: its successor goes on with its figures."""
    if not (settings.metrics and can_count()):
        yield None
        return
    with closing(MetricsFolder(settings.data_dir)) as folder:
        yield folder


async def _run_workers(workers: Workers, stop: asyncio.Event, address: str, settings: Settings) -> int:
    try:
        if await _unless(stop, workers.start()):
            _welcome(address, local=settings.local)
            await stop.wait()
            say(f"Ending … (streams may run for {settings.drain_seconds:g} s more; Ctrl-C again ends at once)")
    finally:
        await workers.end()
    return 0


@asynccontextmanager
async def shared_journal(workers: int, url: str) -> AsyncIterator[dict[str, str]]:
    """What tells the workers where they share their streams: an embedded Valkey, where several have nothing else."""
    if workers == 1 or url:
        yield {}
        return
    valkey = EmbeddedValkey()
    try:
        await asyncio.to_thread(valkey.start)
    except ValkeyError as error:
        complain(UNSHARED.format(workers=workers, error=error))
        yield {}
        return
    try:
        yield {JOURNAL_VARIABLE: valkey.url}
    finally:
        await asyncio.to_thread(valkey.close)


async def _prepared(environment: Mapping[str, str], address: str) -> None:
    """Bring the database up to date, in a process of its own: Django's memory goes with it."""
    process = start_python("headrace.commands.database", address, env=environment)
    try:
        status = await asyncio.get_running_loop().run_in_executor(None, process.wait)
    finally:
        kill(process)
    if status:
        raise CommandError("The database could not be prepared.")


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do it, unless asked to stop before it is done: then it is cancelled, and the answer is False."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if doing.done():
        doing.result()
        return True
    doing.cancel()
    await asyncio.wait((doing,))
    return False


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():  # a second one does not wait for anybody: the children die with us
            os._exit(EXIT_IMPATIENT)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, on_signal)
    return stop


def _welcome(address: str, *, local: bool) -> None:
    say((TRY if local else LOGGED_IN).format(address=address))
    if local and not installed():
        say(NO_MODEL)
