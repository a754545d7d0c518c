"""Where somebody asks from, as wrong passwords are counted: an address, or the network that one household is given."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest

HOUSEHOLD = 64
"""Bits of an IPv6 address that its owner does not choose: the others give whoever guesses a new address each time."""


def counted_address(request: HttpRequest) -> str | None:
    """The caller's IPv4 address or IPv6 network; None where it is neither, as behind a proxy that names none."""
    try:
        address = ip_address(str(request.META.get("REMOTE_ADDR", "")).partition("%")[0])
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, HOUSEHOLD), strict=False).network_address)
