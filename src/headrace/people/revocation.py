"""Access that is taken away ends the streams of whoever had it: within `PERIOD` and one more look, on every worker.

A worker that has streams of people looks at one number in the database; where that has risen, it asks who of those
streaming may still. The look is a thread's of its own, never a stream's, and ends with the last stream.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.models import F
from django.db.models.signals import m2m_changed, post_delete, post_save

from headrace.common.limits import is_token
from headrace.common.streams.runtime import streams
from headrace.people.models import Generation, Token
from headrace.projects.models import Membership, Project

PERIOD = 1.5
"""Seconds between looks; with the two seconds that a lookup is believed, revoking takes less than five."""
EVERY = 30.0
"""Seconds after which everybody is asked about again whatever the number: tokens expire by themselves."""

logger = logging.getLogger("headrace.people")
Place = tuple[str, str]
"""A caller and a project, by their keys."""


class Watch:
    """What is open on behalf of whom in this process. Safe from any thread."""

    def __init__(self) -> None:
        self._open: dict[object, tuple[Place, Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._seen = -1
        self._asked = 0.0
        self._admitted: set[Place] = set()
        self.chores: list[Callable[[], None]] = []
        """What else is done at each look, and once more at the last."""
        self.forgets: list[Callable[[], None]] = []
        """What drops what this process believes."""

    def add(self, caller: str, project: str, end: Callable[[], None]) -> Callable[[], None]:
        """Call `end` should `caller` lose `project`; returns what stops watching."""
        mark = object()
        with self._lock:
            self._open[mark] = ((caller, project), end)
        self.wake()

        def stop() -> None:
            with self._lock:
                self._open.pop(mark, None)

        return stop

    def admit(self, caller: str, project: str) -> None:
        """This caller may: from now on, their streams end when they no longer may. Those of others are not ours."""
        self._admitted.add((caller, project))

    def wake(self) -> None:
        """Start the thread that looks, unless it runs."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="headrace-people", daemon=True)
                self._thread.start()

    def look(self) -> None:
        """End what is open for those who may no longer."""
        places = self._places()
        if not places:
            return
        number = Generation.objects.values_list("number", flat=True).filter(pk=1).first() or 0
        now = time.monotonic()
        if number == self._seen and now - self._asked < EVERY:
            return
        for forget in self.forgets:  # a stream that starts now must not be believed because of what was
            forget()
        lost = places - still_allowed(places)
        self._seen, self._asked = number, now
        if lost:
            self._admitted -= lost
            self._end(lost)

    def _places(self) -> set[Place]:
        with self._lock:
            found = {place for place, _ in self._open.values()}
        running = {(live.options.caller, live.options.project) for live in streams().all()}
        return (found | running) & self._admitted

    def _end(self, lost: set[Place]) -> None:
        with self._lock:
            ends = [end for place, end in self._open.values() if place in lost]
        for live in streams().all():
            if (live.options.caller, live.options.project) in lost:
                live.cancel()
        for end in ends:
            end()
        logger.info("access was taken away", extra={"callers": len(lost), "readers": len(ends)})

    def _run(self) -> None:
        while True:
            time.sleep(PERIOD)
            try:
                self.look()
                for chore in self.chores:
                    chore()
            except Exception:
                logger.exception("the people could not be looked at; trying again")
            finally:
                connections.close_all()
            with self._lock:
                if not self._open and not any(live.options.caller for live in streams().all()):
                    self._thread = None
                    return


watch = Watch()


def still_allowed(places: Iterable[Place]) -> set[Place]:
    """Those of these callers that may still use those projects."""
    wanted = set(places)
    tokens = {(caller, project) for caller, project in wanted if is_token(caller)}
    good = Token.objects.filter(Token.good(), public_id__in=[caller.partition(":")[2] for caller, _ in tokens])
    found = {(f"token:{token}", project) for token, project in good.values_list("public_id", "project__public_id")}
    return wanted & (found | _people(wanted - tokens))


def _people(places: set[Place]) -> set[Place]:
    pks = {caller for caller, _ in places}
    projects = {project for _, project in places}
    people = get_user_model().objects.filter(pk__in=pks, is_active=True)
    lords = {str(pk) for pk in people.filter(is_superuser=True).values_list("pk", flat=True)}
    there = set(Project.objects.filter(public_id__in=projects).values_list("public_id", flat=True))
    members = Membership.objects.filter(user__in=people, project__public_id__in=projects)
    found = {(str(user), project) for user, project in members.values_list("user_id", "project__public_id")}
    return found | {(lord, project) for lord in lords for project in there}


def raise_generation(**_: Any) -> None:
    """Tell all workers that somebody may have lost access."""
    if not Generation.objects.filter(pk=1).update(number=F("number") + 1):
        Generation.objects.get_or_create(pk=1, defaults={"number": 1})


def connect(forget: Callable[..., None]) -> None:
    """Watch for what takes access away; `forget` drops what this process believes."""
    user = get_user_model()
    watch.forgets.append(forget)

    def changed(update_fields: Any = None, **_: Any) -> None:
        if update_fields is None or set(update_fields) != {"last_login"}:
            forget()
            raise_generation()

    for model in (Token, Membership, Project, user):
        post_save.connect(changed, sender=model, weak=False, dispatch_uid=f"headrace.people.saved.{model.__name__}")
        post_delete.connect(changed, sender=model, weak=False, dispatch_uid=f"headrace.people.gone.{model.__name__}")
    m2m_changed.connect(changed, sender=Membership, weak=False, dispatch_uid="headrace.people.members")
