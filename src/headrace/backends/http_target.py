"""Reads an endpoint's URL so strictly that it has one meaning only. Pure.

Refuses every spelling that two parsers could read differently: disguised addresses, credentials, look-alike letters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Literal
from urllib.parse import quote

from headrace.backends.http_address import Address
from headrace.errors import UpstreamError

MAX_URL = 8192  # what common servers accept as a request line
MAX_NAME = 253  # RFC 1035, without the trailing dot
PARSED_URLS = 1024  # the same few endpoints are asked again and again, each twice; refusals are not kept
DEFAULT_PORTS: dict[str, int] = {"http": 80, "https": 443}

_SHAPE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH_KEEPS = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Target:
    """Where one request goes. `path` holds the query too, and never appears in a `repr`."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str = field(default="/", repr=False)
    address: Address | None = None
    """Set where the host is an address and not a name."""

    @property
    def origin(self) -> str:
        """`host:port`, the way it is named in messages."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """The `Host` header: without the scheme's own port."""
        return bracketed(self.host) if self.port == DEFAULT_PORTS[self.scheme] else self.origin


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def refusal(why: str) -> UpstreamError:
    return UpstreamError("egress_refused", f"this endpoint is refused: {why}")


@lru_cache(maxsize=PARSED_URLS)
def parse_url(url: str) -> Target:
    """One target for one text. Raises UpstreamError(egress_refused) for whatever is not plainly an http(s) URL."""
    _check_characters(url)
    shape = _SHAPE.fullmatch(url)
    if shape is None:
        raise refusal("it is no URL of the form https://host/path")
    scheme, authority, path = shape[1].lower(), shape[2], shape[3]
    if scheme not in ("http", "https"):
        raise refusal(f"its scheme is {scheme[:20]!r}; only https and http are spoken")
    host, port = parse_authority(authority)
    name, address = parse_host(host)
    if not path.startswith("/"):
        path = "/" + path
    number = DEFAULT_PORTS[scheme] if port is None else port
    return Target("https" if scheme == "https" else "http", name, number, quote(path, safe=_PATH_KEEPS), address)


def _check_characters(url: str) -> None:
    if len(url) > MAX_URL:
        raise refusal(f"it is longer than {MAX_URL} characters")
    if any(char <= " " or unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp") for char in url):
        raise refusal("it holds white space or control characters")
    if "\\" in url:
        raise refusal("it holds a backslash")
    if "#" in url:
        raise refusal("it holds a fragment (#)")


def parse_authority(authority: str) -> tuple[str, int | None]:
    """Host, still as written, and port of `host[:port]`."""
    if "@" in authority:
        raise refusal("it holds credentials before the host; a key belongs into its own field")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or not parts[1]:
        raise refusal("its host is missing or broken")
    return parts[1], None if parts[2] is None else parse_port(parts[2])


def parse_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise refusal("its port is not a number from 1 to 65535")
    return int(text)


def parse_host(host: str) -> tuple[str, Address | None]:
    """The canonical spelling of a host, and the address where it is one."""
    if host.startswith("["):
        return _parse_ipv6(host[1:-1])
    name = _ascii_name(host).lower().removesuffix(".")
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _parse_ipv4(name)
    if len(name) > MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise refusal("its host is not a valid name")
    return name, None


def _parse_ipv6(text: str) -> tuple[str, Address]:
    if "%" in text:
        raise refusal("its address names a network interface")
    try:
        address = IPv6Address(text)
    except ValueError:
        raise refusal("what stands in its brackets is no IPv6 address") from None
    return address.compressed, address


def _parse_ipv4(name: str) -> tuple[str, Address]:
    try:
        address = IPv4Address(name)
    except ValueError:
        raise refusal("its host is an address in disguise; write it as four plain decimal numbers") from None
    return str(address), address


def _ascii_name(host: str) -> str:
    """IDNA, for names that come back as they were written; look-alikes of plain letters and dots do not."""
    if host.isascii():
        return host
    plain = unicodedata.normalize("NFC", host).lower()
    try:
        encoded = plain.encode("idna").decode("ascii")
        again = encoded.encode("ascii").decode("idna")
    except UnicodeError:
        raise refusal("its host is not a valid name") from None
    if again != plain:
        raise refusal("its host is written in letters that stand for others; write it as it is registered (xn--…)")
    return encoded
