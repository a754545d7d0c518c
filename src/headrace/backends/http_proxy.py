"""The operator's HTTP proxy: its address, its handshake, and the note about proxies that we ignore on purpose."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from headrace.backends.http_target import Target, parse_authority, parse_host
from headrace.errors import UpstreamError

PROXY_SETTING = "HEADRACE_UPSTREAM_PROXY"
MAX_HEAD = 8192  # bytes of a proxy's answer to CONNECT; real ones are below 1 KiB

_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
_SHAPE = re.compile(r"http://(?:([^@/]*)@)?([^@/]+)/?", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\r\n]*\r?\n")


def ignored_proxy_note(env: Mapping[str, str]) -> str:
    """What to say about a proxy in the environment. Such a one would see every request: only the operator sets one."""
    name = next((name for name in _VARIABLES if env.get(name)), "")
    if not name:
        return ""
    return f"{name} is set and not used; to go through a proxy, set {PROXY_SETTING}"


@dataclass(frozen=True, slots=True)
class Proxy:
    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """`http://[user:password@]host:port`. Raises ValueError, which never holds the password."""
        shape = _SHAPE.fullmatch(url)
        if shape is None:
            raise ValueError(f"{PROXY_SETTING} is not of the form http://host:port")
        try:
            host, port = parse_authority(shape[2])
            name, _ = parse_host(host)
        except UpstreamError as error:
            raise ValueError(f"{PROXY_SETTING}: {error.message}") from None
        login = shape[1]
        basic = "" if login is None else "Basic " + base64.b64encode(unquote(login).encode()).decode()
        return cls(name, port or 80, basic)

    @property
    def fields(self) -> str:
        return f"proxy-authorization: {self.authorization}\r\n" if self.authorization else ""

    async def tunnel(self, sock: socket.socket, target: Target) -> None:
        """Asks for a way to the target. Raises OSError, and UpstreamError where the proxy says no."""
        loop = asyncio.get_running_loop()
        request = f"CONNECT {target.origin} HTTP/1.1\r\nhost: {target.origin}\r\n{self.fields}\r\n"
        await loop.sock_sendall(sock, request.encode("ascii"))
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = await loop.sock_recv(sock, MAX_HEAD)
            answer += piece
            if not piece or len(answer) > MAX_HEAD:
                raise self._refused(target, "an answer that is none")
        status = _STATUS.match(answer)
        if status is None or not answer.endswith(b"\r\n\r\n"):
            raise self._refused(target, "an answer that is none")
        if not status[1].startswith(b"2"):
            raise self._refused(target, f"status {int(status[1])}")

    def _refused(self, target: Target, what: str) -> UpstreamError:
        words = f"the proxy {self.host}:{self.port} gave {what} when asked for {target.origin}"
        return UpstreamError("upstream_unreachable", words, retryable=True)
