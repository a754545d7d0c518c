"""Limits for each project, person and token: streams at once, requests a minute. Going over one is a 429.

Requests are counted in this process, or in Redis where workers share one; so are streams at once (`shared_limits.py`
for those of other workers). Where no limit is set, nothing is counted but a dictionary's entry a stream.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from headrace.common.conf import SettingError, Settings, get_settings
from headrace.common.identity import Program, caller_key
from headrace.errors import HeadraceError, RequestError

if TYPE_CHECKING:
    from limits.strategies import SlidingWindowCounterRateLimiter

INSTALL = 'pip install "headrace[people]"'
_SCHEMES = {"unix": "redis+unix", "valkey": "redis", "valkeys": "rediss"}
logger = logging.getLogger("headrace.limits")
STREAM_WAIT = 1.0
"""Seconds after which a place may be free again: nobody knows when a stream ends."""


class LimitError(RequestError):
    """Too much at once."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, code="too_many_requests", status=429, retry_after=retry_after)


class OpenStreams:
    """How many streams each project and caller has in this process. Safe from any thread."""

    def __init__(self) -> None:
        self._projects: dict[str, int] = {}
        self._callers: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, project: str, caller: str) -> None:
        """A place for one more stream. LimitError where there is none."""
        settings = get_settings()
        with self._lock:
            if settings.limited:
                self._check(settings, project, caller)
            self._projects[project] = self._projects.get(project, 0) + 1
            if caller:
                self._callers[caller] = self._callers.get(caller, 0) + 1

    def give(self, project: str, caller: str) -> None:
        """A stream has ended."""
        with self._lock:
            _less(self._projects, project)
            if caller:
                _less(self._callers, caller)

    def _check(self, settings: Settings, project: str, caller: str) -> None:
        for kind, most in stream_limits(settings, caller).items():
            counts, name = (self._projects, project) if kind == "project" else (self._callers, caller)
            if counts.get(name, 0) >= most:
                raise full(kind, most)


def stream_limits(settings: Settings, caller: str) -> dict[str, int]:
    """How many streams at once there may be for each kind of name that is limited."""
    kind, most = ("token", settings.token_streams) if is_token(caller) else ("person", settings.person_streams)
    found = {"project": settings.project_streams, kind: most if caller else 0}
    return {kind: most for kind, most in found.items() if most}


def _less(counts: dict[str, int], name: str) -> None:
    left = counts[name] - 1
    if left:
        counts[name] = left
    else:
        del counts[name]


def full(kind: str, limit: int) -> LimitError:
    message = f"this {kind} has {limit} streams at once (HEADRACE_{kind.upper()}_STREAMS); ask again when one has ended"
    return LimitError(message, STREAM_WAIT)


def is_token(caller: str) -> bool:
    return caller.startswith("token:")


def check_limits(caller: Any, project: str) -> None:
    """Count one request. LimitError where the minute has had enough."""
    settings = get_settings()
    limiter = _limiter(settings.limit_store)
    for kind, name, most in _minutes(settings, caller, project):
        if most:
            _hit(limiter, kind, name, most)


async def acheck_limits(caller: Any, project: str) -> None:
    """`check_limits` from a coroutine: a shared store is asked in a thread, the process's own at once."""
    if get_settings().limit_store:
        await asyncio.to_thread(check_limits, caller, project)
    else:
        check_limits(caller, project)


def _hit(limiter: SlidingWindowCounterRateLimiter, kind: str, name: str, most: int) -> None:
    item = _per_minute(most)
    try:
        if limiter.hit(item, kind, name):
            return
        wait = max(1, math.ceil(limiter.get_window_stats(item, kind, name).reset_time - time.time()))
    except Exception as error:  # a store that is away must not stop the work that it only counts
        logger.warning("requests could not be counted: %s", type(error).__name__)
    else:
        raise LimitError(
            f"this {kind} asks more than {most} times a minute (HEADRACE_{kind.upper()}_REQUESTS); "
            f"ask again in {wait} s",
            wait,
        )


def _minutes(settings: Settings, caller: Any, project: str) -> list[tuple[str, str, int]]:
    found = [("project", project, settings.project_requests)]
    if isinstance(caller, Program):
        found.append(("token", caller.key, settings.token_requests))
    elif caller is not None:
        found.append(("person", caller_key(caller), settings.person_requests))
    return found


@lru_cache(maxsize=16)
def _per_minute(most: int) -> Any:
    from limits import RateLimitItemPerMinute

    return RateLimitItemPerMinute(most)


@lru_cache(maxsize=2)
def _limiter(store: str) -> SlidingWindowCounterRateLimiter:
    try:
        from limits.storage import storage_from_string
        from limits.strategies import SlidingWindowCounterRateLimiter as Limiter
    except ImportError:
        raise SettingError(f"a limit of requests is set, and what counts them is not installed: {INSTALL}") from None
    scheme, mark, rest = store.partition("://")
    address = f"{_SCHEMES.get(scheme, scheme)}{mark}{rest}"
    try:
        return Limiter(storage_from_string(address or "memory://"))
    except Exception as error:
        raise HeadraceError(f"the store of limits cannot be used: {type(error).__name__}") from None
