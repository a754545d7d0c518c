"""The operator's proxy: its address, who we are to it, and the note about proxies that we ignore on purpose. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from headrace.backends.http_target import bracketed, parse_authority, parse_host
from headrace.errors import UpstreamError

PROXY_SETTING = "HEADRACE_UPSTREAM_PROXY"
PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""The schemes that are spoken. `socks5h` is what curl calls a SOCKS proxy that is given names, as ours always is."""
MAX_LOGIN = 255  # bytes of a name or a password: RFC 1929 has one byte for their length

_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
_SHAPE = re.compile(r"(http|https|socks5h?)://(?:([^@/]*)@)?([^@/]+)/?", re.IGNORECASE)


def ignored_proxy_note(env: Mapping[str, str]) -> str:
    """What to say about a proxy in the environment. Such a one would see every request: only the operator sets one."""
    name = next((name for name in _VARIABLES if env.get(name)), "")
    if not name:
        return ""
    return f"{name} is set and not used; to go through a proxy, set {PROXY_SETTING}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """`secure`: it is itself spoken to by TLS. `socks`: SOCKS5 (RFC 1928) instead of HTTP."""

    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    secure: bool = False
    socks: bool = False

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """`http://[user:password@]host[:port]`, or https, socks5. Raises ValueError, which never holds the password."""
        shape = _SHAPE.fullmatch(url)
        if shape is None:
            raise ValueError(f"{PROXY_SETTING} is not of the form http://host:port (or https://, socks5://)")
        scheme = shape[1].lower()
        try:
            host, port = parse_authority(shape[3])
            name, _ = parse_host(host)
        except UpstreamError as error:
            raise ValueError(f"{PROXY_SETTING}: {error.message}") from None
        user, _, password = (shape[2] or "").partition(":")
        login = unquote(user), unquote(password)
        if any(len(part.encode()) > MAX_LOGIN for part in login):
            raise ValueError(f"{PROXY_SETTING} holds a name or a password of more than {MAX_LOGIN} bytes")
        return cls(name, port or PORTS[scheme], *login, secure=scheme == "https", socks=scheme.startswith("socks"))

    @property
    def origin(self) -> str:
        """`host:port`, the way it is named in messages."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def fields(self) -> str:
        """The header lines that an HTTP proxy wants from a request that it reads."""
        if self.socks or not (self.user or self.password):
            return ""
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"proxy-authorization: Basic {login}\r\n"
