"""What an IP address is for, by the registries of IANA and the habits of the clouds. Pure; it permits nothing."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address


class Kind(Enum):
    """What an address is for, in the words of a message."""

    PUBLIC = "a public address"
    LOOPBACK = "a loopback address"
    PRIVATE = "a private address"
    SHARED = "an address shared by a carrier or an overlay network"
    BENCHMARK = "a benchmarking address (local proxies that fake addresses use these)"
    LINK_LOCAL = "a link-local address"
    METADATA = "a cloud's metadata service, which gives out this machine's own credentials"
    EMBEDDED = "an IPv6 form of an IPv4 address"
    MULTICAST = "a multicast address"
    UNSPECIFIED = "the unspecified address (to reach this machine, write 127.0.0.1)"
    RESERVED = "a reserved address"


# `is_global` of the standard library lets some of these through: Azure's and Oracle's stand among public numbers.
_METADATA_TEXTS = (
    *("169.254.169.254", "169.254.169.253", "169.254.170.2", "169.254.170.23", "169.254.42.42", "169.254.0.23"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "fe80::a9fe:a9fe"),
)
_METADATA = frozenset(map(ip_address, _METADATA_TEXTS))

# The first match counts.
_RANGES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.UNSPECIFIED, ("0.0.0.0/32", "::/128")),
    (Kind.LOOPBACK, ("127.0.0.0/8", "::1/128")),
    (Kind.PRIVATE, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")),
    (Kind.SHARED, ("100.64.0.0/10",)),
    (Kind.LINK_LOCAL, ("169.254.0.0/16", "fe80::/10")),
    (Kind.BENCHMARK, ("198.18.0.0/15",)),
    (Kind.MULTICAST, ("224.0.0.0/4", "ff00::/8")),
    (Kind.EMBEDDED, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")),
    (Kind.EMBEDDED, ("2001::/32", "2002::/16")),
    (Kind.RESERVED, ("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")),
    (Kind.RESERVED, ("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24", "240.0.0.0/4")),
    (Kind.RESERVED, ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20")),
    (Kind.PUBLIC, ("0.0.0.0/0", "2000::/3")),
    (Kind.RESERVED, ("::/0",)),
)
_TABLE = tuple((ip_network(text), kind) for kind, texts in _RANGES for text in texts)

_ENDS_IN_IPV4 = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: the upper half of an interface identifier that ends in an IPv4 address


def kind_of(address: Address) -> Kind:
    if address in _METADATA:
        return Kind.METADATA
    kind = next(kind for network, kind in _TABLE if address in network)
    return Kind.EMBEDDED if kind is Kind.PUBLIC and embedded(address) else kind


@lru_cache(maxsize=4096)
def read_address(text: str) -> tuple[Address, Kind]:
    """The address in this text and what it is for; ValueError for what is none. Few hosts are asked, and often."""
    address = ip_address(text)
    return address, kind_of(address)


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to, where its form says so (mapped, NAT64, 6to4, Teredo, ISATAP)."""
    if isinstance(address, IPv4Address) or int(address) <= 1:
        return None
    if address.teredo:
        return address.teredo[1]
    if address.sixtofour:
        return address.sixtofour
    low = int(address) & 0xFFFF_FFFF
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP or any(address in network for network in _ENDS_IN_IPV4):
        return IPv4Address(low)
    return None
