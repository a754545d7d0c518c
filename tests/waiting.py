"""Waiting for what must happen, with a deadline; never for a time to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DEADLINE = 5.0


async def until(condition: Callable[[], object], within: float = DEADLINE) -> None:
    """Returns once the condition holds; TimeoutError if it does not in time."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.002)
