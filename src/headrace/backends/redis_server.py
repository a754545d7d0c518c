"""One Redis or Valkey server as seen from one event loop: short patience, no repeating, and trouble told once.

It never shows the address that it was given: that may hold a password.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from headrace.backends import redis_keys as rk
from headrace.backends.redis_wire import Address, ReplyError, Wire, command

SHOWN_ERROR = 200

FAILURES = (ReplyError, OSError)
"""What a server that is away, full or confused may raise. A time-out is an OSError."""

logger = logging.getLogger("headrace.journal")


class Trouble:
    """Something that may go wrong for a while. Logged when it begins and when it is over, and not in between."""

    def __init__(self, what: str, meanwhile: str) -> None:
        self._what = what
        self._meanwhile = meanwhile
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        return self._since is not None

    def begin(self, error: BaseException) -> None:
        if self._since is None:
            self._since = time.monotonic()
            shown = f"{type(error).__name__}: {error}"[:SHOWN_ERROR]
            logger.error("the shared journal %s (%s): %s", self._what, shown, self._meanwhile)

    def end(self) -> None:
        if self._since is not None:
            logger.warning("the shared journal %s no longer, after %.1f s", self._what, time.monotonic() - self._since)
            self._since = None


class Server:
    """Where the journal is shared. Belongs to the event loop that first uses it. Raises `AddressError`."""

    def __init__(self, url: str) -> None:
        self._address = Address.parse(url)
        self._wire: Wire | None = None
        self._connecting = asyncio.Lock()
        self.away = Trouble(
            "is away", "streams go on for readers on their own worker; on other workers they end until it is back"
        )

    async def connect(self) -> Wire:
        """A connection of one's own."""
        return await Wire.connect(self._address, rk.COMMAND_SECONDS)

    async def ask_all(self, commands: Sequence[bytes]) -> list[Any]:
        """The answers, refusals among them, on the connection that all questions share. Raises OSError."""
        if not commands:
            return []
        wire = self._wire
        if wire is None or wire.broken:
            wire = await self._shared()
        return await wire.exchange(commands, rk.COMMAND_SECONDS)

    async def ask(self, *parts: bytes | str | int) -> Any:
        """One answer. Raises what is in `FAILURES`."""
        (answer,) = raised(await self.ask_all([command(*parts)]))
        return answer

    async def run(self, script: rk.Script, keys: Sequence[str], *args: bytes | str | int) -> Any:
        """What a script answers."""
        (answer,) = raised(await self.ask_all([evaluate(script, keys, *args)]))
        return answer

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    async def _shared(self) -> Wire:
        async with self._connecting:
            if self._wire is None or self._wire.broken:
                self._wire = await self.connect()
            return self._wire


def evaluate(script: rk.Script, keys: Sequence[str], *args: bytes | str | int) -> bytes:
    """The command that runs a script."""
    return command("EVAL", script.text, len(keys), *keys, *args)


def raised(answers: list[Any]) -> list[Any]:
    """The answers, if none of them is a refusal."""
    for answer in answers:
        if isinstance(answer, ReplyError):
            raise answer
    return answers
