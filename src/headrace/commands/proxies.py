"""Which proxies are believed when they say where a caller is, and that it came by https."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

from headrace.commands.terminal import CommandError

VARIABLE = "HEADRACE_TRUSTED_PROXIES"


def trusted_proxies(environment: Mapping[str, str]) -> str:
    """Addresses and networks, comma-separated; empty: nobody's word is taken. CommandError for anything else: a name
    would silently be nobody, and `*` would let every caller claim any address."""
    named = [part.strip() for part in environment.get(VARIABLE, "").split(",") if part.strip()]
    for each in named:
        try:
            ip_network(each)
        except ValueError:
            raise CommandError(
                f"{VARIABLE} takes addresses and networks, such as 127.0.0.1 or 172.16.0.0/12; got {each[:100]!r}"
            ) from None
    return ",".join(named)
