"""What an answer cost, by the price list of `genai-prices`: its own data, never the network.

Refuses to guess: None for tokens that were estimated, for an address whose prices are not known to be its provider's,
for a model that the list has no price of, and where the list is not installed (`pip install "headrace[prices]"`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from functools import lru_cache
from typing import Any

import msgspec

from headrace.common.streams.sources import HTTPSource, Source
from headrace.providers.base import ChatRequest
from headrace.providers.presets import GENERIC, resolve
from headrace.stream.events import Usage

CACHE_APART = frozenset({"anthropic", "bedrock", "bedrock-invoke"})
"""Dialects whose input tokens leave out what was read from a cache, and whose writes to it are billed apart."""
DIGITS = 10  # after the point, of a dollar: a token of the cheapest models costs 1e-8

logger = logging.getLogger("headrace.cost")


class _Prices:
    """The list, loaded once in a thread of its own: that takes a second, which no event loop has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.module: Any = None

    def load(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, name="headrace-prices", daemon=True)
                self._thread.start()

    async def loaded(self) -> Any:
        """The module, or None where it is not installed."""
        self.load()
        assert self._thread is not None
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        return self.module

    def _load(self) -> None:
        try:
            import genai_prices
        except ImportError:
            return
        self.module = genai_prices


_prices = _Prices()


def load_prices(source: Source) -> None:
    """Have the list ready by the end of this stream, if it may be needed then. Returns at once."""
    if isinstance(source, HTTPSource) and _is_listed(source.base_url):
        _prices.load()


async def cost_of(source: Source, usage: Usage | None) -> float | None:
    """US dollars for these tokens of this source's model, or None."""
    if usage is None or usage.source != "reported" or not isinstance(source, HTTPSource):
        return None
    apart = source.provider_row.adapter.name in CACHE_APART
    if not _is_listed(source.base_url) or (apart and _writes_cache(source.request)):
        return None
    module = await _prices.loaded()
    return None if module is None else _price(module, source.base_url, source.model, usage, apart)


def _price(module: Any, base_url: str, model: str, usage: Usage, apart: bool) -> float | None:
    given = usage.input_tokens + (usage.cached_tokens if apart else 0)
    counted = module.Usage(
        input_tokens=given, output_tokens=usage.output_tokens, cache_read_tokens=usage.cached_tokens or None
    )
    try:
        found = module.calc_price(counted, model, provider_api_url=base_url)
    except (LookupError, ValueError) as error:
        logger.debug("no price: %s", error)
        return None
    return round(float(found.total_price), DIGITS)


@lru_cache(maxsize=256)
def _is_listed(base_url: str) -> bool:
    """Whether the address is a known provider's own: a proxy's prices are its own affair."""
    return base_url.startswith("https:") and resolve("", base_url) is not GENERIC


def _writes_cache(request: ChatRequest) -> bool:
    """Whether the question asks to be cached; what that writes is billed, and not in the usage that we keep."""
    return b"cache_control" in msgspec.json.encode((request.messages, request.tools, request.extra_body))
