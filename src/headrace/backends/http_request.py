"""A request as bytes. Pure; refuses to write a header that could end early or hide another."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headrace.backends.http_target import Target
from headrace.errors import UpstreamError

if TYPE_CHECKING:
    from headrace.providers.base import HTTPRequest

_OURS = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-authorization"),
        *("accept-encoding", "expect", "te", "trailer", "upgrade"),
    }
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request, checked and ready. `fields` may hold a key, so it never appears in a `repr`."""

    method: str
    target: Target
    fields: str = field(repr=False)
    body: bytes = field(repr=False)

    def head(self, *, via_proxy: bool, proxy_fields: str) -> bytes:
        """`via_proxy`: it goes to a proxy that reads it, with the whole URL in its first line."""
        where = f"http://{self.target.origin}{self.target.path}" if via_proxy else self.target.path
        extra = proxy_fields if via_proxy else ""
        return f"{self.method} {where} HTTP/1.1\r\n{self.fields}{extra}\r\n".encode("latin-1")


def outgoing(request: HTTPRequest, target: Target, method: str, codings: str = "identity") -> Outgoing:
    """Raises UpstreamError(bad_request) for a header that cannot be sent; it names the header, never its value."""
    lines = {"user-agent": "headrace"}
    for name, value in request.headers.items():
        if not _NAME.fullmatch(name):
            raise UpstreamError("upstream_bad_request", "the request has a header whose name cannot be sent")
        if not _VALUE.fullmatch(value):
            words = f"the {name.lower()} header (a key, perhaps) holds a line break or a letter that no header may hold"
            raise UpstreamError("upstream_bad_request", words)
        lines[name.lower()] = value.strip()
    kept = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if name not in _OURS)
    length = f"content-length: {len(request.body)}\r\n" if request.body or method == "POST" else ""
    fields = f"host: {target.authority}\r\naccept-encoding: {codings}\r\n{length}{kept}"
    return Outgoing(method, target, fields, request.body)
