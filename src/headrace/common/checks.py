"""What `manage.py check` says of a site: what would hold back, cut off or lose streams, with the line that mends it.

It reads settings and environment only; it connects to nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warned
from django.urls import URLPattern
from django.utils.module_loading import import_string

from headrace.backends.http import ignored_proxy_note
from headrace.common.conf import SettingError, Settings, get_settings
from headrace.common.guard import PREFLIGHT
from headrace.common.hooks import site_hooks

STANDALONE = "headrace.config.settings"
CORS = "corsheaders.middleware.CorsMiddleware"
_WORKERS = re.compile(r"(?:^|\s)(?:-w\s*|--workers[=\s]\s*)(\d+)")


def check_site(**_: Any) -> list[CheckMessage]:
    """Everything that is to be said of this site."""
    try:
        settings = get_settings()
        site_hooks()
    except SettingError as error:
        return [Error(str(error), id="headrace.E001")]
    return [*_middleware(), *_workers(), *_keys(settings), *_proxy(settings), *_access(settings), *_cors(settings)]


def _middleware() -> Iterator[CheckMessage]:
    for path in django_settings.MIDDLEWARE:
        middleware = import_string(path)
        if any(base.__name__ == "GZipMiddleware" for base in getattr(middleware, "__mro__", ())):
            yield Warned(
                f"{path} holds streams back, or cuts them into members of which many clients read the first only.",
                hint=f"Remove {path!r} from MIDDLEWARE: Headrace compresses its streams itself, and a proxy the rest.",
                id="headrace.W001",
            )
        elif not getattr(middleware, "async_capable", False):
            yield Warned(
                f"{path} is synchronous only: under ASGI it costs each request a thread, and two hops between them.",
                hint="Make it async_capable (django.utils.decorators.sync_and_async_middleware), or, on a site that "
                'runs under WSGI, SILENCED_SYSTEM_CHECKS = ["headrace.W002"].',
                id="headrace.W002",
            )


def _workers() -> Iterator[CheckMessage]:
    arguments = _WORKERS.search(os.environ.get("GUNICORN_CMD_ARGS", ""))
    counts = {"WEB_CONCURRENCY": os.environ.get("WEB_CONCURRENCY", ""), "WORKERS": os.environ.get("WORKERS", "")}
    counts["GUNICORN_CMD_ARGS"] = arguments[1] if arguments else ""
    named = next((name for name, text in counts.items() if text.isdigit() and int(text) > 1), None)
    if named is not None and not getattr(get_settings(), "redis_url", ""):
        yield Warned(
            f"{named} asks for {counts[named]} workers, and they share no journal: a stream can be resumed, listed and "
            "stopped on the worker that produces it only.",
            hint="HEADRACE_REDIS_URL=redis://127.0.0.1:6379/0 for a journal that they share, or one worker.",
            id="headrace.W003",
        )


def _keys(settings: Settings) -> Iterator[CheckMessage]:
    if settings.secret_keys or _is_standalone() or not apps.is_installed("headrace.llm"):
        return
    yield Warned(
        f"HEADRACE has no SECRET_KEYS: stored API keys are sealed with a file made in {settings.data_dir}, which "
        "other machines and the next container do not have.",
        hint="HEADRACE_SECRET_KEYS=\"$(python -c 'from cryptography.fernet import Fernet; "
        "print(Fernet.generate_key().decode())')\", once, kept where SECRET_KEY is kept.",
        id="headrace.W004",
    )


def _proxy(settings: Settings) -> Iterator[CheckMessage]:
    note = "" if settings.upstream_proxy else ignored_proxy_note(os.environ)
    if note:
        yield Warned(note, hint="HEADRACE_UPSTREAM_PROXY=http://proxy.example.com:3128", id="headrace.W005")


def _access(settings: Settings) -> Iterator[CheckMessage]:
    hooked = site_hooks().resolve_project is not None
    if settings.auth == "required" and not hooked and not apps.is_installed("headrace.projects"):
        yield Error(
            "Nobody may use anything: HEADRACE['AUTH'] is 'required', and nothing says whose project is whose.",
            hint="HEADRACE['RESOLVE_PROJECT'] = 'mysite.ai.resolve_project', or 'headrace.projects' in INSTALLED_APPS.",
            id="headrace.E002",
        )
    if settings.auth == "none" and not hooked and not django_settings.DEBUG and not _is_standalone():
        yield Warned(
            "Everybody who gets past Host may use every project: HEADRACE['AUTH'] is 'none' and DEBUG is off.",
            hint="HEADRACE['AUTH'] = 'required', or HEADRACE['RESOLVE_PROJECT'] = 'mysite.ai.resolve_project'.",
            id="headrace.W006",
        )


def _cors(settings: Settings) -> Iterator[CheckMessage]:
    """django-cors-headers answers each preflight itself, before our views: what ours allow must be in its settings."""
    if CORS not in django_settings.MIDDLEWARE or not settings.allowed_origins:
        return
    defaults = import_string("corsheaders.defaults.default_headers")
    allowed = {name.lower() for name in getattr(django_settings, "CORS_ALLOW_HEADERS", defaults)}
    lacking = sorted(set(PREFLIGHT["Access-Control-Allow-Headers"].lower().split(", ")) - allowed)
    if lacking:
        yield Warned(
            f"django-cors-headers answers preflights here and does not allow {', '.join(lacking)}.",
            hint=f"CORS_ALLOW_HEADERS = [*corsheaders.defaults.default_headers, {', '.join(map(repr, lacking))}]",
            id="headrace.W007",
        )


class CheckedPattern(URLPattern):
    """An address whose check is the site's: Django's URL checks ask it where no app of ours is installed."""

    def check(self) -> list[CheckMessage]:
        installed = apps.is_installed("headrace.projects") or apps.is_installed("headrace.llm")
        return [*super().check(), *([] if installed else check_site())]


def _is_standalone() -> bool:
    return getattr(django_settings, "SETTINGS_MODULE", "") == STANDALONE
