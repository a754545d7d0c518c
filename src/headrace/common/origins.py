"""Origins: scheme, host and port as one comparable text. Two addresses with one origin are one party. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """`scheme://host:port` of an http(s) address, lower-cased, the port always there. ValueError: it has none."""
    parts = urlsplit(url.strip())
    host, port = parts.hostname, parts.port
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise ValueError(f"not an http:// or https:// address: {url[:80]!r}")
    name = _ascii(host.rstrip("."))
    if not name:
        raise ValueError("the host is empty")
    bracketed = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{bracketed}:{DEFAULT_PORTS[parts.scheme] if port is None else port}"


def _ascii(host: str) -> str:
    """The name as DNS asks for it. One that IDNA refuses stays as it is: it is equal to itself only."""
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host.lower()
