"""What the shared server holds about streams: read only, several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from headrace.backends import redis_keys as rk
from headrace.backends.known import Known
from headrace.backends.redis_mirrored import described, unpack
from headrace.backends.redis_server import Server, raised
from headrace.backends.redis_wire import command
from headrace.stream.events import Entry, Finish


@dataclass(frozen=True, slots=True)
class Facts:
    """`top` is the number of the newest event; `kept` how many there are without the ending of a lost producer."""

    stream_id: str
    worker: str
    state: bytes
    about: bytes
    oldest: int
    kept: int
    top: int
    newest: Sequence[Entry]

    @property
    def running(self) -> bool:
        return self.state == rk.RUNNING

    def known(self) -> Known:
        ended = bool(self.newest) and isinstance(self.newest[-1], Finish)
        finish = self.newest[-1] if ended else None
        assert finish is None or isinstance(finish, Finish)
        lost = self.state == rk.LOST
        return Known(self.stream_id, described(self.about), self.top, ended, finish, self.oldest, lost)


async def facts(server: Server, keys: rk.Keys, stream_ids: Sequence[str]) -> list[Facts | None]:
    """None for each stream that the server does not know."""
    commands: list[bytes] = []
    for stream_id in stream_ids:
        commands.append(command("HMGET", keys.about(stream_id), "worker", "state", "about", "oldest", "kept"))
        commands.append(command("XREVRANGE", keys.log(stream_id), "+", "-", "COUNT", 1))
    answers = raised(await server.ask_all(commands))
    return [
        _facts(stream_id, held, newest)
        for stream_id, held, newest in zip(stream_ids, answers[::2], answers[1::2], strict=True)
    ]


def _facts(stream_id: str, held: Sequence[bytes | None], newest: Sequence[Any]) -> Facts | None:
    worker, state, about, oldest, kept = held
    if worker is None or state is None:
        return None
    top, entries = 0, list[Entry]()
    if newest:
        entry_id, (_, data) = newest[0]
        top = event_number(entry_id)
        with suppress(
            msgspec.DecodeError, msgspec.ValidationError
        ):  # another version's: its number is known all the same
            entries = unpack(data)
    return Facts(stream_id, worker.decode(), state, about or b"", int(oldest or 1), int(kept or top), top, entries)


def event_number(entry_id: bytes) -> int:
    """The number of the last event in a batch, from the batch's id."""
    return int(entry_id[: entry_id.index(b"-")])
