"""Every address that a URL table answers, with something in the place of each parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
VALUES = {
    "project_id": "default",
    "name": "home.js",
    "config_id": "local-plain",
    "provider_id": "local",
    "stream_id": "none",
    "member_id": "none",
    "invitation_id": "none",
    "token_id": "none",
    "measure": "tokens",
    "period": "month",
}


def routes(urlconf: str) -> list[str]:
    """The addresses of `urlconf`, each once."""
    return sorted(set(_addresses(get_resolver(urlconf).url_patterns, "/")))


def views(urlconf: str) -> Iterator[URLPattern]:
    """The patterns that lead to a view."""
    return _leaves(get_resolver(urlconf).url_patterns)


def _addresses(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for pattern in patterns:
        here = before + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: VALUES[match[1]], str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, here)
        else:
            yield here


def _leaves(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _leaves(pattern.url_patterns)
        else:
            yield pattern
