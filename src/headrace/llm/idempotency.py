"""One `Idempotency-Key`, one stream: a chat that is asked again joins the first one, on whichever worker it runs.

What is kept is a claim: the stream's name and an HMAC of the request without its key, nothing of the request itself.
The journal decides who was first.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from django.http import HttpRequest

from headrace.backends.journal import REPLAY_SECONDS, UnknownStreamError
from headrace.backends.known import Known
from headrace.backends.stream_ids import new_stream_id
from headrace.common.chats import Chat
from headrace.common.encryption import derived_key
from headrace.common.hooks import Hooks
from headrace.common.owners import project_key
from headrace.common.requests import InlineModel
from headrace.common.streams.live import LiveStream, StreamOptions
from headrace.common.streams.runtime import streams
from headrace.common.streams.sources import Source
from headrace.errors import RequestError
from headrace.llm.chats import prepared_chat, start_chat

HEADER = "Idempotency-Key"
HEADER_VARIABLE = "HTTP_IDEMPOTENCY_KEY"
STARTING_SECONDS = 10.0  # between a claim and its stream lie milliseconds: after this long, its worker died there
WAIT_SECONDS = 2.0  # for a stream that is just being started
LOOK_SECONDS = 0.02
BEHIND_SECONDS = 0.04  # what another worker has shown is here by then
ATTEMPTS = 3  # each time one finds the key free and another was faster with it, or it has just ended

_KEY = re.compile(r"[A-Za-z0-9:_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Started:
    """A chat's stream. `live` is there where this process produces it; `replayed` says that it was there before."""

    stream_id: str
    live: LiveStream | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What stands under a key. `made` is wall-clock seconds: workers may be on several machines."""

    stream_id: str
    fingerprint: str
    made: float

    @classmethod
    def read(cls, text: str) -> Claim:
        stream_id, fingerprint, made = text.split(" ")
        return cls(stream_id, fingerprint, float(made))

    def __str__(self) -> str:
        return f"{self.stream_id} {self.fingerprint} {self.made:.3f}"


def key_of(request: HttpRequest) -> str:
    """The request's key; empty where it has none. RequestError for one that is none."""
    key = request.META.get(HEADER_VARIABLE)
    if key is not None and _KEY.fullmatch(key) is None:
        message = f"{HEADER} must be 1 to 128 of the characters A-Z a-z 0-9 : _ -; got {key[:40]!r}"
        raise RequestError(message, field=HEADER)
    return key or ""


async def start_once(
    chat: Chat, project: Any, *, caller: str = "", key: str = "", hooks: Hooks | None = None
) -> Started:
    """The chat's stream: a new one or, where the key was used before, the stream that it was used for.

    A new one is ready to start, not yet asking. Raises RequestError and `JournalAwayError`.
    """
    if not key:
        live = await start_chat(chat, project, caller=caller, hooks=hooks)
        return Started(live.id, live)
    return await _Once(chat, project, caller, key, hooks).start()


class _Once:
    def __init__(self, chat: Chat, project: Any, caller: str, key: str, hooks: Hooks | None) -> None:
        self._chat, self._project, self._caller, self._hooks = chat, project, caller, hooks
        scope = "\n".join((project_key(project), caller, key))
        self._name = hashlib.sha256(scope.encode()).hexdigest()
        self._fingerprint = fingerprint(chat)
        self._journal = streams().journal

    async def start(self) -> Started:
        for _ in range(ATTEMPTS):
            held = await self._journal.claimed(self._name)
            if held is None:
                parts = await prepared_chat(self._chat, self._project, caller=self._caller, hooks=self._hooks)
                mine = Claim(new_stream_id(), self._fingerprint, time.time())
                held = await self._journal.claim(self._name, str(mine), self._lifetime())
                if held == str(mine):
                    return await self._created(mine, parts)
            if (joined := await self._joined(held)) is not None:
                return joined
        raise _busy()

    async def _created(self, mine: Claim, parts: tuple[Source, StreamOptions]) -> Started:
        """The stream under our claim, made without an `await` in between: whoever comes second finds it."""
        try:
            return Started(mine.stream_id, streams().create(*parts, stream_id=mine.stream_id))
        except RequestError:  # there is no place for it
            await self._journal.release(self._name, str(mine))
            raise

    async def _joined(self, held: str) -> Started | None:
        """The stream that stands under the key; None where there is none any more, and the key is free."""
        claim = Claim.read(held)
        known = await self._known(claim)
        if known is None or _failed_before_its_first_event(known):
            await self._journal.release(self._name, held)
            return None
        if not hmac.compare_digest(claim.fingerprint, self._fingerprint):
            message = f"this {HEADER} was used for another request; use a new one, or send the same body"
            raise RequestError(message, field=HEADER, code="idempotency_conflict", status=409)
        return Started(known.stream_id, streams().get(known.stream_id), replayed=True)

    async def _known(self, claim: Claim) -> Known | None:
        until = asyncio.get_running_loop().time() + WAIT_SECONDS
        settled = streams().get(claim.stream_id) is not None
        while True:
            try:
                known = await self._journal.known(claim.stream_id)
                if settled or known.total:
                    return known
                settled = True  # its end may have been shown, and not be here yet
                await asyncio.sleep(BEHIND_SECONDS)
                continue
            except UnknownStreamError:
                if time.time() - claim.made > STARTING_SECONDS:
                    return None
            if asyncio.get_running_loop().time() > until:
                raise _busy()
            await asyncio.sleep(LOOK_SECONDS)

    def _lifetime(self) -> float:
        """As long as the stream may be known."""
        return self._chat.settings.max_duration + max(self._journal.replay_seconds, REPLAY_SECONDS)


def fingerprint(chat: Chat) -> str:
    """A hash that is equal for requests that ask the same, whatever their API key and the order of their fields."""
    model = replace(chat.model, api_key="") if isinstance(chat.model, InlineModel) else chat.model
    asked = msgspec.json.encode([type(model).__name__, model, chat.request, chat.settings], order="deterministic")
    return hmac.new(derived_key("idempotency"), asked, hashlib.sha256).hexdigest()


def _failed_before_its_first_event(known: Known) -> bool:
    """Whether its log is nothing but its ending: it failed, or was cancelled, before anything was shown."""
    finish = known.finish
    if not known.ended or finish is None:
        return False
    return known.total <= (2 if finish.reason == "error" else 1) and finish.reason in ("error", "cancelled")


def _busy() -> RequestError:
    message = f"the request that came first with this {HEADER} is just being started; ask again in a moment"
    return RequestError(message, field=HEADER, code="starting", status=503)
