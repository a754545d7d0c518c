"""A loopback upstream that replays scripts of raw bytes: the faults of the real ones, as often as a test wants them.

It listens on 127.0.0.1 only, and runs in a thread of its own, so that synchronous and asynchronous tests can use it.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from headrace.backends.egress import EgressPolicy
from headrace.testing.certificates import server_context
from headrace.testing.peer import Peer, RecordedRequest
from headrace.testing.steps import (
    Blackhole,
    Refuse,
    Resolve,
    Script,
    Secure,
    Send,
    Setting,
    Step,
    chat_answer,
    read_steps,
)

HOST = "127.0.0.1"
DEAD_HOST = "127.0.0.2"  # loopback as well, and nothing listens there
NAME = "upstream.test"
PATIENCE = 10.0  # seconds that a test waits for what must happen
KEPT = 1024 * 1024
GOOD_TEXTS = ("Hel", "lo ", "wörld")


class ScriptedUpstream:
    """Answers its first request by the first script, the next by the next, and so on; the last one repeats.

    A script that does not end by `Hold`, `Reset` or `Close` leaves its connection open for another request. Settings
    (`Refuse`, `Blackhole`, `Resolve`, `Secure`) in any script hold for the whole upstream; a script of nothing else
    is a good answer.

        with ScriptedUpstream([Send(head), Send(event), Reset()]) as upstream:
            ...  # ask upstream.url
            assert upstream.requests[0].headers["authorization"] == "Bearer sk-test"
            assert upstream.wait_disconnect()
    """

    def __init__(self, *scripts: Script, protocol: str = "openai-sse") -> None:
        settings = [step for script in scripts for step in script if isinstance(step, Setting)]
        self._refuses = any(isinstance(setting, Refuse) for setting in settings)
        self._swallows = any(isinstance(setting, Blackhole) for setting in settings)
        self._named = next((setting for setting in settings if isinstance(setting, Resolve)), None)
        self._secure = next((setting for setting in settings if isinstance(setting, Secure)), None)
        good: list[Step] = [Send(chat_answer(*GOOD_TEXTS, protocol=protocol))]
        played = [[step for step in script if not isinstance(step, Setting)] for script in scripts]
        self._scripts = [steps or good for steps in played] or [good]
        self._changed = threading.Condition()
        self._peers: set[Peer] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="headrace-upstream-")
        self._sockets: list[socket.socket] = []
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._halt: Callable[[], object] = lambda: None
        self.port = 0
        self.ca_bundle: str | None = None
        """A file of the authority that a client has to trust, where the script speaks TLS."""
        self.requests: list[RecordedRequest] = []
        """Every whole request, in the order of arrival."""
        self.received = b""
        """All bytes that clients sent (after TLS), the first MiB of them."""
        self.accepted = 0
        """How many connections there were."""

    @classmethod
    def from_case(cls, row: Mapping[str, Any]) -> ScriptedUpstream:
        """The upstream of one row of a fault corpus: `steps`, and `proto` for what a good answer is."""
        return cls(read_steps(row["steps"]), protocol=row.get("proto", "openai-sse"))

    def __enter__(self) -> ScriptedUpstream:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Scheme, host and port; no path."""
        return f"{'http' if self._secure is None else 'https'}://{self._host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._peers)

    @property
    def _host(self) -> str:
        return HOST if self._named is None else NAME

    def client_options(self) -> dict[str, Any]:
        """What an `HTTPClient` needs to reach it: `HTTPClient(**upstream.client_options())`."""
        egress = EgressPolicy((f"{NAME}:{self.port}",), local=True)
        return {"egress": egress, "resolver": self.resolve, "ca_bundle": self.ca_bundle, "env": {}}

    async def resolve(self, host: str) -> Sequence[str]:
        """The resolver that knows this upstream's name, and answers as the script says."""
        answer = self._named.answer if self._named is not None and host == NAME else "nxdomain"
        if answer == "timeout":
            await asyncio.Event().wait()
        if answer == "servfail":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if answer == "nxdomain":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [{"good": HOST, "dead": DEAD_HOST}[one] for one in answer.split(",")]

    def wait_disconnect(self, within: float = PATIENCE) -> bool:
        """Blocks until there was a connection and none is left; False if that does not come in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.accepted > 0 and not self._peers, within)

    def wait_requests(self, count: int = 1, within: float = PATIENCE) -> bool:
        """Blocks until so many whole requests have arrived; False if they do not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, within)

    async def disconnected(self, within: float = PATIENCE) -> bool:
        """`wait_disconnect` that leaves the event loop free."""
        return await asyncio.to_thread(self.wait_disconnect, within)

    async def requested(self, count: int = 1, within: float = PATIENCE) -> bool:
        """`wait_requests` that leaves the event loop free."""
        return await asyncio.to_thread(self.wait_requests, count, within)

    def start(self) -> None:
        listener = self._socket()
        listener.bind((HOST, 0))
        self.port = listener.getsockname()[1]
        if self._refuses:
            return  # bound, so that nobody else gets the port; not listening, so that it refuses
        if self._swallows:
            self._fill(listener)
            return
        self._thread = threading.Thread(target=self._run, args=(listener,), name="scripted-upstream", daemon=True)
        self._thread.start()
        if not self._ready.wait(PATIENCE):
            raise RuntimeError("the scripted upstream did not start")

    def stop(self) -> None:
        """Ends every connection and the thread. A stopped upstream stays stopped."""
        with suppress(RuntimeError):  # its loop may have ended
            self._halt()
        if self._thread is not None:
            self._thread.join(PATIENCE)
        for sock in self._sockets:
            sock.close()
        self._folder.cleanup()

    def _socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._sockets.append(sock)
        return sock

    def _fill(self, listener: socket.socket) -> None:
        """Fills the queue of connections that nobody accepts: Linux then drops whatever else comes."""
        listener.listen(0)
        for _ in range(3):
            filler = self._socket()
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect((HOST, self.port))

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        halted = asyncio.Event()
        deaf, context = False, None
        if self._secure is not None:
            deaf = self._secure.certificate == "plain-http-on-tls-port"
            if not deaf:
                folder = Path(self._folder.name)
                context, self.ca_bundle = server_context(
                    folder, self._secure.certificate, self._secure.host or self._host
                )
        server = await loop.create_server(lambda: Peer(self, deaf=deaf), sock=listener, ssl=context, backlog=1024)
        self._halt = lambda: loop.call_soon_threadsafe(halted.set)
        self._ready.set()
        await halted.wait()
        server.close()
        peers = list(self._peers)
        for peer in peers:
            peer.drop()
        await asyncio.gather(*(peer.task for peer in peers), return_exceptions=True)

    # What a connection tells, in the upstream's own thread.

    def opened(self, peer: Peer) -> None:
        with self._changed:
            self.accepted += 1
            self._peers.add(peer)
            self._changed.notify_all()

    def closed(self, peer: Peer) -> None:
        with self._changed:
            self._peers.discard(peer)
            self._changed.notify_all()

    def heard(self, data: bytes) -> None:
        if len(self.received) < KEPT:
            self.received += data

    def asked(self, request: RecordedRequest) -> Sequence[Step]:
        with self._changed:
            steps = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
            self.requests.append(request)
            self._changed.notify_all()
        return steps
