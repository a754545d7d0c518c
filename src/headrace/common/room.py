"""How many streams one WSGI process serves at a time: each holds one of its threads, and the site needs some too.

Under ASGI a stream holds no thread and nothing is counted; Django's development server starts a thread for each
request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from headrace.backends.loops import refuse_green_threads
from headrace.common.conf import get_settings
from headrace.errors import RequestError

_lock = threading.RLock()  # collecting garbage while it is held may give a place back
_taken = 0


def check_room(request: HttpRequest | None) -> None:
    """RequestError 503 where no thread is left for one more stream: asked before anything is started."""
    if _is_counted(request) and _taken >= get_settings().wsgi_streams:
        raise _full()


def take_room(request: HttpRequest | None) -> Callable[[], None] | None:
    """Take a place; what is returned gives it back, once. None where places are not counted. RequestError 503."""
    global _taken  # noqa: PLW0603 - one count for each process is what it is
    if not _is_counted(request):
        return None
    with _lock:
        if _taken >= get_settings().wsgi_streams:
            raise _full()
        _taken += 1
    return _Place().leave


@contextmanager
def held_room(request: HttpRequest | None) -> Iterator[None]:
    """A place for as long as this lasts. RequestError 503."""
    leave = take_room(request)
    try:
        yield
    finally:
        if leave is not None:
            leave()


class _Place:
    def __init__(self) -> None:
        self._held = True

    def leave(self) -> None:
        global _taken  # noqa: PLW0603
        with _lock:
            held, self._held = self._held, False
            _taken -= held

    __del__ = leave  # a response that no server has closed


def _is_counted(request: HttpRequest | None) -> bool:
    """Whether this request is served by a thread of a bounded pool. False without a request: nothing else tells."""
    if request is None or hasattr(request, "scope"):
        return False
    refuse_green_threads()
    meta = request.META
    return bool(meta.get("wsgi.multithread")) and not str(meta.get("SERVER_SOFTWARE", "")).startswith("WSGIServer")


def _full() -> RequestError:
    message = (
        f"this process serves {get_settings().wsgi_streams} streams, a thread each (HEADRACE_WSGI_STREAMS); try again"
    )
    return RequestError(message, code="too_many_streams", status=503)
