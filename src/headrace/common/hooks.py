"""The site's own say about a chat: which project it means, who may, what is asked, what becomes of the answer.

Hooks come from the settings or as arguments, written as plain functions or as coroutines; each is run where it may use
the ORM. What the first three raise refuses the chat; what the last one raises is logged and never reaches a reader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from inspect import isawaitable, iscoroutinefunction
from typing import Any, NoReturn

from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.module_loading import import_string
from msgspec import UNSET, UnsetType

from headrace.common.chats import Chat
from headrace.common.conf import SettingError, get_settings
from headrace.common.database import with_connection
from headrace.common.signals import before_stream
from headrace.errors import RequestError

HOOK_THREADS = 8
"""Plain functions that are asked at a time on behalf of coroutines: a slow one must not hold up our own lookups."""

Hook = Callable[..., Any]
GivenHook = Hook | str | UnsetType | None
"""A hook, its dotted path, or None for none at all; left unset, the settings' own."""

logger = logging.getLogger("headrace.hooks")
_pool = ThreadPoolExecutor(max_workers=HOOK_THREADS, thread_name_prefix="headrace-hook")


@dataclass(frozen=True, slots=True)
class Hooks:
    """The functions by which a site takes part in a chat. None: Headrace's own way."""

    resolve_project: Hook | None = None
    authorize: Hook | None = None
    before_stream: Hook | None = None
    after_stream: Hook | None = None


def site_hooks(**given: GivenHook) -> Hooks:
    """The hooks of the settings, those that are given over them."""
    settings = get_settings()
    found = _loaded(settings.resolve_project, settings.authorize, settings.before_stream, settings.after_stream)
    over = {name: load_hook(name, value) for name, value in given.items() if value is not UNSET}
    return replace(found, **over) if over else found


def load_hook(name: str, value: Hook | str | UnsetType | None) -> Hook | None:
    """The function that a setting or an argument names. SettingError says what is wrong with it."""
    if not isinstance(value, str):
        return value or None
    try:
        found = import_string(value)
    except ImportError as error:
        raise SettingError(f"HEADRACE[{name.upper()!r}] is {value!r}, which cannot be imported: {error}") from error
    if not callable(found):
        raise SettingError(f"HEADRACE[{name.upper()!r}] is {value!r}, which is no function")
    return found  # type: ignore[no-any-return]


@lru_cache(maxsize=4)
def _loaded(*values: Hook | str | None) -> Hooks:
    return Hooks(*(load_hook(name, value) for name, value in zip(Hooks.__dataclass_fields__, values, strict=True)))


async def acall(hook: Hook, *given: Any) -> Any:
    """What the hook returns; a plain function runs in a thread. RequestError: it refuses."""
    try:
        if iscoroutinefunction(hook):
            return await hook(*given)
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(_pool, with_connection, partial(hook, *given))
        return await result if isawaitable(result) else result
    except (PermissionDenied, Http404) as error:
        _refuse(error)


def call(hook: Hook, *given: Any) -> Any:
    """`acall` for a plain function. Where an event loop runs, that loop waits: `acall` is for coroutines."""
    if asyncio._get_running_loop() is not None:
        return _pool.submit(with_connection, partial(call, hook, *given)).result()
    try:
        result = hook(*given)
        return async_to_sync(_awaited)(result) if isawaitable(result) else result
    except (PermissionDenied, Http404) as error:
        _refuse(error)


async def abefore(chat: Chat, hooks: Hooks) -> Chat:
    """The chat as the site's `before_stream` leaves it. RequestError where that refuses it."""
    if hooks.before_stream is not None:
        chat = _changed(await acall(hooks.before_stream, chat), chat)
    if before_stream.has_listeners():
        await acall(partial(before_stream.send, Chat, chat=chat))
    return chat


def before(chat: Chat, hooks: Hooks) -> Chat:
    """`abefore` for a plain function."""
    if hooks.before_stream is not None:
        chat = _changed(call(hooks.before_stream, chat), chat)
    if before_stream.has_listeners():
        call(partial(before_stream.send, Chat, chat=chat))
    return chat


def _changed(returned: Any, chat: Chat) -> Chat:
    if returned is None:
        return chat
    if isinstance(returned, Chat):
        return returned
    raise TypeError(f"before_stream must return a Chat, or None for the same one; it returned {returned!r:.80}")


async def _awaited(what: Any) -> Any:
    return await what


def _refuse(error: PermissionDenied | Http404) -> NoReturn:
    """Django's own refusals, in the shape of all others."""
    if isinstance(error, Http404):
        raise RequestError(str(error) or "there is nothing here", code="not_found", status=404) from None
    raise RequestError(str(error) or "this is not allowed", code="forbidden", status=403) from None
