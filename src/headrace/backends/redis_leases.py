"""Says once a second that this worker lives, and ends the streams of those that no longer say so.

Whoever finds a lease over, and still over at a second look, takes the worker's name from it for good and then writes
the endings. A worker that only slept finds its name taken and appends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.backends import redis_keys as rk
from headrace.backends.endings import lost_ending
from headrace.backends.redis_facts import Facts, facts
from headrace.backends.redis_follow import Followers
from headrace.backends.redis_mirror import Mirror
from headrace.backends.redis_mirrored import described, pack
from headrace.backends.redis_server import FAILURES, Server, evaluate, raised
from headrace.backends.redis_wire import ReplyError, command

OnLost = Callable[[str, Mapping[str, Any]], None]
CHUNK = 64  # streams ended in one go
PRUNE_SECONDS = 30.0


class Leases:
    """This worker's heartbeat. `fenced` is called when our name was taken, `holds` says which logs we still keep,
    `lost` is told of each stream that was ended for another worker."""

    def __init__(
        self,
        server: Server,
        keys: rk.Keys,
        mirror: Mirror,
        followers: Followers,
        loop: asyncio.AbstractEventLoop,
        *,
        replay_seconds: float,
        fenced: Callable[[], None],
        holds: Callable[[str], bool],
        lost: OnLost,
    ) -> None:
        self._server = server
        self._keys = keys
        self._mirror = mirror
        self._followers = followers
        self._replay = str(int(replay_seconds * 1000))
        self._fenced = fenced
        self._holds = holds
        self._lost = lost
        self._loop = loop
        self._heard = self._loop.time()
        self._epoch: bytes | None = None
        self._expired: dict[tuple[str, bytes], float] = {}
        self._refused_at = -rk.SECOND_LOOK_SECONDS
        self._refresh_at = self._loop.time() + rk.REFRESH_SECONDS
        self._prune_at = self._loop.time() + PRUNE_SECONDS

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            try:
                async with asyncio.timeout(rk.COMMAND_SECONDS):
                    await self._tick()
            except FAILURES as error:
                self._expired.clear()  # what was seen before a pause of the server says nothing after it
                self._server.away.begin(error)
                if isinstance(error, ReplyError):
                    self._server.close()  # it may only follow the one that has taken over, at the same address
                self._mirror.vigil.beat(answered=False)
                if self._loop.time() - self._heard > rk.AWAY_SECONDS:
                    self._followers.lose()
            else:
                self._heard = self._loop.time()
                self._server.away.end()
                self._mirror.vigil.beat(answered=True)
                await self._attend()
            self._prune()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rk.TICK_SECONDS):
                    await self._mirror.recovered.wait()
            self._mirror.recovered.clear()

    async def leave(self) -> None:
        """End in order: give up the lease, so that nobody waits for it to expire."""
        worker = self._mirror.worker
        await self._server.ask_all(
            [
                command("ZREM", self._keys.leases, worker),
                command("UNLINK", self._keys.running(worker), self._keys.control(worker)),
            ]
        )

    async def _tick(self) -> None:
        keys, worker = self._keys, self._mirror.worker
        names = (keys.leases, keys.dead(worker), keys.epoch, keys.ended, keys.control(worker))
        renew = "0" if self._mirror.stalled else "1"
        args = (worker, int(rk.LEASE_SECONDS * 1000), renew, int(rk.CONTROL_SECONDS * 1000))
        fenced, renewed, epoch, over = await self._server.run(rk.TICK, names, *args)
        if fenced:
            self._fenced()
        if renewed < 0:
            self._refused_at = self._loop.time()
        if self._epoch not in (None, epoch):
            self._mirror.restart()
            self._followers.restart()
        self._epoch = epoch
        self._look(over)

    def _look(self, over: Sequence[bytes]) -> None:
        """Remember since when each lease is over: a renewed one has another score, and is forgotten."""
        now = self._loop.time()
        seen = {(worker.decode(), score) for worker, score in zip(over[::2], over[1::2], strict=True)}
        self._expired = {pair: self._expired.get(pair, now) for pair in seen if pair[0] != self._mirror.worker}

    async def _attend(self) -> None:
        """What is due after a tick. Its failures do not stop the ticking: what was not done is tried after the next."""
        now = self._loop.time()
        with contextlib.suppress(*FAILURES):  # the next tick tells of it
            async with asyncio.timeout(rk.COMMAND_SECONDS):
                await self._followers.look_for_missing()
                await self._followers.say_who_reads()
                for (worker, score), since in list(self._expired.items()):
                    if now - since >= rk.SECOND_LOOK_SECONDS:
                        await self._end(worker, score)
                if now >= self._refresh_at:
                    await self._refresh()
                    self._refresh_at = now + rk.REFRESH_SECONDS

    async def _end(self, worker: str, score: bytes) -> None:
        """End a lost worker's streams. Where the server refuses even that, our own readers are told.

        A full server lets nobody renew: what it says of others counts only some time after it has taken our own word.
        """
        keys = self._keys
        if self._loop.time() - self._refused_at < rk.SECOND_LOOK_SECONDS:
            self._followers.lose(worker=worker)
            return
        try:
            names = (keys.leases, keys.dead(worker), keys.running(worker))
            ids = await self._server.run(rk.FENCE, names, worker, score, int(rk.DEAD_SECONDS * 1000))
            if ids is None:
                return
            for at in range(0, len(ids), CHUNK):
                await self._write_endings(worker, [name.decode() for name in ids[at : at + CHUNK]])
            await self._server.ask_all([command("ZREM", keys.leases, worker), command("UNLINK", keys.running(worker))])
        except ReplyError:
            self._followers.lose(worker=worker)

    async def _write_endings(self, worker: str, stream_ids: Sequence[str]) -> None:
        found = await facts(self._server, self._keys, stream_ids)
        theirs = [known for known in found if known is not None and known.worker == worker]
        raised(await self._server.ask_all([self._ending(worker, known) for known in theirs]))
        for known in theirs:
            if lost_ending(known.newest[-1] if known.newest else None):
                self._lost(known.stream_id, described(known.about))

    def _ending(self, worker: str, known: Facts) -> bytes:
        keys, stream_id = self._keys, known.stream_id
        ending = lost_ending(known.newest[-1] if known.newest else None)
        names = (keys.about(stream_id), keys.log(stream_id), keys.running(worker), keys.ended)
        packed = pack(ending) if ending else b""
        return evaluate(rk.LOSE, names, stream_id, self._replay, known.top, known.top + len(ending), packed)

    async def _refresh(self) -> None:
        """Renew the expiry of the keys of streams that still run."""
        lifetime = int(rk.RUNNING_SECONDS * 1000)
        running = [mirrored.stream_id for mirrored in self._mirror.all() if not mirrored.done]
        for at in range(0, len(running), CHUNK):
            names = [key(name) for name in running[at : at + CHUNK] for key in (self._keys.about, self._keys.log)]
            await self._server.ask_all([command("PEXPIRE", name, lifetime) for name in names])

    def _prune(self) -> None:
        """Now and then forget what can no longer be mirrored, whether the server is there or not."""
        now = self._loop.time()
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_SECONDS
            for mirrored in self._mirror.all():
                if not self._holds(mirrored.stream_id):
                    self._mirror.forget(mirrored.stream_id)
