"""Which addresses a request may go to: https to public ones, and what the operator's allow-list names. Pure.

It never resolves a name and never opens a socket: the connector asks it about each address right before connecting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from headrace.backends.http_address import Address, Kind, embedded, kind_of, read_address
from headrace.backends.http_target import Target, bracketed, parse_host, parse_port, parse_url, refusal
from headrace.errors import UpstreamError

SETTING = "HEADRACE_EGRESS_ALLOW"

# A name on the list stands for the operator's own machines wherever they are. It does not stand for whatever else a
# resolver may answer; and below a wildcard other people may own names, which must not lead to this machine.
_BY_WILDCARD = frozenset({Kind.PUBLIC, Kind.PRIVATE, Kind.SHARED, Kind.BENCHMARK})
_BY_NAME = _BY_WILDCARD | {Kind.LOOPBACK}

_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
_METADATA_ADDRESS = ip_address("169.254.169.254")  # what all of those names lead to
_FAKE_ADDRESSES = "198.18.0.0/15"  # a local proxy that uses them does so for every name
_ENTRY_SHAPE = re.compile(r"(\[[^\[\]]+\](?:/[0-9]+)?|[^:\[\]]+)(?::([0-9]+))?")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One item of the allow-list. An empty scheme or port means any."""

    scheme: str
    port: int
    name: str = ""
    wildcard: bool = False
    network: IPv4Network | IPv6Network | None = None

    def concerns(self, target: Target) -> bool:
        """Whether it may allow this target, as far as the text tells: a network concerns every name."""
        if self.scheme not in ("", target.scheme) or self.port not in (0, target.port):
            return False
        if self.network is not None:
            return True
        return target.host.endswith("." + self.name) if self.wildcard else target.host == self.name

    def permits(self, target: Target, address: Address, kind: Kind) -> bool:
        if not self.concerns(target):
            return False
        if self.network is None:
            return kind in (_BY_WILDCARD if self.wildcard else _BY_NAME)
        # A wide network is not meant to open the metadata service that lies within it.
        return address in self.network and (kind is not Kind.METADATA or self.network.num_addresses == 1)


def _parse_entry(text: str) -> _Entry:
    """Raises ValueError for an item that cannot be read: half a list would be worse than none."""
    scheme, mark, rest = text.strip().rpartition("://")
    rest = rest.removesuffix("/")
    network = _network(rest)
    if network is not None:
        return _Entry(scheme, 0, network=network)
    shape = _ENTRY_SHAPE.fullmatch(rest)
    if shape is None or scheme not in ("", "http", "https") or (mark and not scheme):
        raise ValueError(f"{SETTING}: {text!r} is none of host, *.host, host:port, http://host:port, address, network")
    try:
        port = 0 if shape[2] is None else parse_port(shape[2])
        network = _network(shape[1].replace("[", "").replace("]", ""))
        if network is not None:
            return _Entry(scheme, port, network=network)
        name, address = parse_host(shape[1].removeprefix("*."))
    except UpstreamError as error:
        raise ValueError(f"{SETTING}: {text!r} is no entry: {error.message}") from None
    return _Entry(scheme, port, name, shape[1].startswith("*."), None if address is None else ip_network(address))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


class EgressPolicy:
    """The operator's rule for where requests may go.

    `allow` holds `host`, `*.host`, `host:port`, `http://host:port`, an address, a network, each with a port if wanted
    (`10.0.0.0/8:8000`, `[fd00::/8]:8000`). `local` allows loopback too, as one person on one machine wants it.
    Both checks raise UpstreamError(egress_refused); where a setting would allow it, the message holds that very line.
    """

    def __init__(self, allow: tuple[str, ...] = (), *, local: bool = False) -> None:
        self._entries = tuple(_parse_entry(text) for text in allow if text.strip())
        self._local = local

    def check_url(self, url: str) -> Target:
        """Check what the URL's text alone tells. A name that passes may still resolve to an address that does not."""
        target = parse_url(url)
        if target.address is not None:
            self.check_address(target, target.host)
        elif not any(entry.concerns(target) for entry in self._entries):
            self._check_name(target)
        return target

    def check_address(self, target: Target, ip: str) -> None:
        """Check the address that is about to be connected to for this target."""
        try:
            address, kind = read_address(ip)
        except ValueError:
            raise refusal(f"{target.origin} leads to something that is no address") from None
        if "%" in ip or not self._permits(target, address, kind):
            raise self._refusal(target, address, kind)

    def permits_unresolved(self, target: Target) -> bool:
        """Whether a name may be handed to the operator's proxy without knowing where it leads."""
        if any(entry.network is None and entry.concerns(target) for entry in self._entries):
            return True
        return target.scheme == "https" and not _is_local(target.host) and target.host not in _METADATA_NAMES

    def _permits(self, target: Target, address: Address, kind: Kind) -> bool:
        inner = embedded(address)
        if inner is not None and not self._permits(target, inner, kind_of(inner)):
            return False
        if kind is Kind.PUBLIC and target.scheme == "https":
            return True
        if kind is Kind.LOOPBACK and self._local:
            return True
        return any(entry.permits(target, address, kind) for entry in self._entries)

    def _check_name(self, target: Target) -> None:
        if target.host in _METADATA_NAMES:
            raise self._refusal(target, _METADATA_ADDRESS, Kind.METADATA)
        if _is_local(target.host):
            if not self._local:
                raise self._refusal(target, None, Kind.LOOPBACK)
        elif target.scheme != "https":
            raise self._refusal(target, None, Kind.PUBLIC)

    def _refusal(self, target: Target, address: Address | None, kind: Kind) -> UpstreamError:
        if kind is Kind.PUBLIC:
            why = f"{target.origin} is asked over plain http; without leave only https is spoken"
        elif target.address is not None:
            why = f"{target.host} is {kind.value}"
        else:
            why = f"{target.host} leads to {kind.value}"
        beside = ", added to what stands there" if self._entries else ""
        return refusal(f"{why}. The line that allows it{beside}: {SETTING}={self._line(target, address, kind)}")

    def _line(self, target: Target, address: Address | None, kind: Kind) -> str:
        if kind is Kind.BENCHMARK and target.address is None:
            return _FAKE_ADDRESSES
        if address is None or (kind in _BY_NAME and target.address is None):
            return f"{target.scheme}://{target.origin}"
        inner = embedded(address)
        wanted = [address] if inner is None or self._permits(target, inner, kind_of(inner)) else [address, inner]
        return ",".join(f"{target.scheme}://{bracketed(str(item))}:{target.port}" for item in wanted)


def _is_local(host: str) -> bool:
    return host in _LOCAL_NAMES or host.endswith(".localhost")
