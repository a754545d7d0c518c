"""Notices on their way to a project's webhook: signed, through the egress policy, again and again until they arrive.

What waits stands in the database, so a restart loses none; with several workers each is sent by one of them at a time.
A notice may arrive twice (its id says so), never not at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from headrace.backends.loops import background_loop
from headrace.common.database import in_database
from headrace.common.streams.runtime import http_client
from headrace.errors import HeadraceError, UpstreamError
from headrace.providers.base import HTTPRequest
from headrace.stats.models import Notice

SIGNATURE = "headrace-signature"
ID = "headrace-id"
SEND_SECONDS = 15.0
"""For one attempt, the answer's head included."""
CLAIM_SECONDS = 60.0
"""A worker that took a notice and died: another takes it after this long."""
FIRST_WAIT = 2.0
LONGEST_WAIT = 3600.0
AT_ONCE = 8
"""Notices on their way at the same time: a webhook that says nothing for 15 s keeps seven others from nothing."""
LOOK_SECONDS = 60.0
"""Between two looks while something waits: other workers' notices are seen so."""
GIVEN_UP_SECONDS = 30 * 86_400.0
"""A month after it was made a notice of a day or a month tells nobody anything."""
KEPT_SECONDS = 3 * GIVEN_UP_SECONDS
"""After its period began: as long as that runs, the notice says that it was told."""

logger = logging.getLogger("headrace.budgets")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One notice, ready to be sent. The secret is in no `repr`."""

    pk: int
    name: str
    url: str
    body: bytes
    attempts: int
    headers: dict[str, str]

    def __repr__(self) -> str:
        return f"<notice {self.name}>"


def signature(secret: str, at: int, body: bytes) -> str:
    """`t=` seconds since 1970, `v1=` HMAC-SHA256 in hex of that number, a dot and the body."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def wait_after(attempts: int) -> float:
    """Seconds before the next attempt."""
    return min(FIRST_WAIT * 2.0 ** min(attempts, 20), LONGEST_WAIT)


class Courier:
    """Delivers what is due while anything waits; one task on the background loop of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._changed = threading.Event()

    def wake(self) -> None:
        """Something may wait. From any thread; returns at once."""
        with self._lock:
            self._changed.set()
            if self._running is None or self._running.done():
                self._running = asyncio.run_coroutine_threadsafe(self._run(), background_loop())

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                wait = await self._deliver()
            except Exception as error:
                logger.warning("notices could not be looked for, and will be: %s", type(error).__name__)
                wait = LOOK_SECONDS
            with self._lock:
                if wait is None and not self._changed.is_set():
                    self._running = None
                    return
            await self._rest(wait or 0.0)

    async def _rest(self, seconds: float) -> None:
        """Until the next notice is due, or one has come."""
        until = time.monotonic() + min(seconds, LOOK_SECONDS)
        while not self._changed.is_set() and (left := until - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, 0.5))

    async def _deliver(self) -> float | None:
        """Send what is due; seconds until the next is, None where nothing waits."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(_deliver_in_turn())
        due = await in_database(lambda: Notice.objects.filter(settled=False).order_by("due").first())
        return None if due is None else max(due.due - time.time(), 0.1)


async def _deliver_in_turn() -> None:
    """Send what is due, one after another."""
    while (parcel := await in_database(take)) is not None:
        problem = await send(parcel)
        await in_database(partial(settle, parcel, problem))


courier = Courier()


def take() -> Parcel | None:
    """One notice that is due and that no other worker takes; None where there is none."""
    now = time.time()
    for found in Notice.objects.filter(settled=False, due__lte=now).select_related("budget").order_by("due")[:20]:
        mine = Notice.objects.filter(pk=found.pk, due=found.due, settled=False)
        if mine.update(due=now + CLAIM_SECONDS) and (parcel := _packed(found, int(now))) is not None:
            return parcel
    return None


def _packed(found: Notice, now: int) -> Parcel | None:
    budget, body = found.budget, found.body.encode()
    try:
        signed = signature(budget.webhook_secret.reveal(), now, body)
    except HeadraceError as error:  # sealed under a key that is gone: the operator can bring it back
        _again(found.pk, found.attempts, str(error))
        return None
    headers = {"content-type": "application/json", SIGNATURE: signed, ID: found.notice_id}
    return Parcel(found.pk, found.notice_id, budget.webhook_url, body, found.attempts, headers)


async def send(parcel: Parcel) -> str:
    """What kept it from arriving; empty when it did. Anything but 2xx did not take it."""
    if not parcel.url:
        return ""
    deadline = asyncio.get_running_loop().time() + SEND_SECONDS
    try:
        request = HTTPRequest(parcel.url, parcel.headers, parcel.body)
        answer = await http_client().send(request, deadline=deadline, idle=SEND_SECONDS)
    except UpstreamError as error:
        return f"{error.code}: {error.message}"
    answer.close()
    return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"


def prune() -> None:
    """Let go of what was told in periods that are long over."""
    oldest = int(time.time() - KEPT_SECONDS) // 60
    Notice.objects.filter(settled=True, start__lt=oldest).delete()


def settle(parcel: Parcel, problem: str) -> None:
    """Keep how it went."""
    if problem:
        _again(parcel.pk, parcel.attempts, problem)
    else:
        Notice.objects.filter(pk=parcel.pk).update(settled=True, attempts=parcel.attempts + 1, problem="")


def _again(pk: int, attempts: int, problem: str) -> None:
    now = time.time()
    found = Notice.objects.filter(pk=pk).first()
    too_old = found is not None and now - found.made.timestamp() > GIVEN_UP_SECONDS
    logger.warning("a budget's notice did not arrive: %s", problem, extra={"attempts": attempts + 1})
    Notice.objects.filter(pk=pk).update(
        attempts=attempts + 1, due=now + wait_after(attempts), problem=problem[:200], settled=too_old
    )
