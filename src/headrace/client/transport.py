"""httpx, and what both clients tell it."""

from __future__ import annotations

from types import MappingProxyType

try:
    import httpx
except ImportError:
    raise ImportError('headrace.client needs httpx: pip install "headrace[client]"') from None

from headrace.client.patience import Patience

__all__ = ["DEFAULT_API", "LOCAL_MODEL", "httpx", "is_stopped", "timeouts"]

DEFAULT_API = "http://127.0.0.1:8000/api"
LOCAL_MODEL = MappingProxyType({"providerId": "local"})


def timeouts(patience: Patience) -> httpx.Timeout:
    """For one request. Waiting for a free connection is not waiting for the server, and has no end."""
    return httpx.Timeout(patience.idle or None, connect=patience.connect, pool=None)


def is_stopped(status: int) -> bool:
    """A stream that nobody knows any more does not run."""
    return status in (204, 404)
