"""The audit log: who did what, when, from where. It is given names and ids, never a body, a key or a password."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from headrace.common.conf import get_settings
from headrace.common.identity import TOKEN_PREFIX, caller_key
from headrace.people.models import AuditEntry
from headrace.people.revocation import watch

MAX_FACT = 200
PRUNE_SECONDS = 3600.0
"""Between two looks for entries whose time is over."""

_pruned = [0.0]


def record(action: str, *, request: HttpRequest | None = None, caller: Any = None, **facts: str) -> None:
    """Keep that `caller` did this."""
    name = caller.get_username() if caller is not None else ""
    AuditEntry.objects.create(
        action=action[:64],
        project=facts.pop("project", "")[:64],
        actor=caller_key(caller)[:64],
        actor_name=_short(name),
        address=str(request.META.get("REMOTE_ADDR", ""))[:64] if request is not None else "",
        facts={name: _short(value) for name, value in facts.items()},
    )
    prune()


def prune() -> None:
    """Now and then, let go of entries that are older than `HEADRACE_AUDIT_DAYS`."""
    now = time.monotonic()
    if not _pruned[0] or now - _pruned[0] > PRUNE_SECONDS:
        _pruned[0] = now
        oldest = timezone.now() - timedelta(days=get_settings().audit_days)
        AuditEntry.objects.filter(at__lt=oldest).delete()


def _short(value: str) -> str:
    """A fact as it is kept: short, and never a token that somebody put in the wrong place."""
    text = str(value)[:MAX_FACT]
    return "…" if TOKEN_PREFIX in text and len(text) > 20 else text


watch.chores.append(prune)
