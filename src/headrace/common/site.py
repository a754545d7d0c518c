"""What the site that we are part of wants of every view: a login by its middleware, a transaction around requests."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

LOGIN_MIDDLEWARE = ("django.contrib.auth.middleware", "LoginRequiredMiddleware")


class _Every(frozenset[str]):
    """A set that has everything in it."""

    def __contains__(self, _: object) -> bool:
        return True


EVERY_DATABASE = _Every()
"""For `_non_atomic_requests`: this view takes no transaction of any database around it."""


@cache
def site_wants_login() -> bool:
    """Whether `LoginRequiredMiddleware`, or a class made of it, stands before the views."""
    return any(
        (base.__module__, base.__name__) == LOGIN_MIDDLEWARE
        for path in settings.MIDDLEWARE
        for base in getattr(import_string(path), "__mro__", ())
    )


def _on_setting_changed(*, setting: str, **_: Any) -> None:
    if setting == "MIDDLEWARE":
        site_wants_login.cache_clear()


setting_changed.connect(_on_setting_changed, dispatch_uid="headrace.site")
