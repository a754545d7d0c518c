"""What the site does with a stream that has ended: exactly once for each, whatever the ending, off the stream's path.

It runs in a thread of its own with a fresh database connection. A stream counts among the running ones until it is
done, so that slow code here is answered by 503, not by a queue without end.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

from django.conf import settings as django_settings
from django.db import connections

from headrace.common.chats import Chat, StreamResult
from headrace.common.draining import end_with_the_process
from headrace.common.hooks import Hook, Hooks, call
from headrace.common.signals import after_stream
from headrace.common.streams.live import Conclude, LiveStream
from headrace.stream.answer import Answer, gather
from headrace.stream.events import ReasoningEnd, ReasoningStart

AFTER_THREADS = 4
"""Endings that are dealt with at a time, each with a database connection while it lasts."""

logger = logging.getLogger("headrace.hooks")
_pool = ThreadPoolExecutor(max_workers=AFTER_THREADS, thread_name_prefix="headrace-after")


def ending_of(chat: Chat, hooks: Hooks) -> Conclude | None:
    """What is to be done when the stream of this chat has ended; None, at no cost, where nobody wants to know."""
    if hooks.after_stream is None and not after_stream.has_listeners():
        return None
    end_with_the_process()
    return partial(_conclude, chat, hooks.after_stream)


def result_of(chat: Chat, stream: LiveStream) -> StreamResult:
    """What became of this stream."""
    answer = Answer()
    for entry in chain.from_iterable(batch.entries for batch in stream.batches()):
        if not isinstance(entry, ReasoningStart | ReasoningEnd):
            gather(answer, entry)
    return StreamResult(
        stream_id=stream.id,
        outcome=stream.outcome,
        content=answer.content,
        reasoning=answer.reasoning,
        tool_calls=answer.tool_calls,
        citations=answer.citations,
        usage=answer.usage,
        finish=stream.finish,
        failure=stream.failure,
        messages=chat.messages,
        metadata=chat.metadata,
        project=chat.project,
        caller=chat.caller,
        provider=stream.source.provider,
        model=stream.source.model,
    )


def _conclude(chat: Chat, hook: Hook | None, stream: LiveStream, done: Callable[[], None]) -> None:
    """Hand over to a thread: this is called on the loop that produced the stream, which must not wait."""
    try:
        _pool.submit(_tell, chat, hook, stream, done)
    except RuntimeError:  # the interpreter is about to end, and its pools have
        threading.Thread(target=_tell, args=(chat, hook, stream, done)).start()


def _tell(chat: Chat, hook: Hook | None, stream: LiveStream, done: Callable[[], None]) -> None:
    fresh = django_settings.configured
    if fresh:
        connections.close_all()
    try:
        result = result_of(chat, stream)
        after_stream.send_robust(StreamResult, result=result)
        if hook is not None:
            call(hook, result)
    except Exception:
        logger.exception("after_stream failed", extra={"stream_id": stream.id})
    finally:
        if fresh:
            connections.close_all()
        done()
