"""What is asked before a stream of a project starts, by apps that may be there or not. Nobody's gate costs nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Gate = Callable[[str], Awaitable[None]]
"""Is given a project's key; raises RequestError where no stream may start now."""
gates: list[Gate] = []


async def pass_gates(project: str) -> None:
    """RequestError where one of them is shut."""
    for gate in gates:
        await gate(project)
