"""How a stream's end is told: what was raised as a `Failure`, and the stream as one line of the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from headrace.errors import HeadraceError, RequestError, UpstreamError
from headrace.providers.failures import failure_of_error, scrub
from headrace.stream.events import Failure, Usage

if TYPE_CHECKING:
    from headrace.common.streams.live import LiveStream

logger = logging.getLogger("headrace.stream")


def failure_of(error: Exception, secrets: tuple[str, ...], max_duration: float) -> Failure:
    """Whatever was raised, as the one kind of failure that is shown. Unexpected errors keep their text to the log.

    `max_duration` is the stream's, in seconds.
    """
    match error:
        case UpstreamError():
            return failure_of_error(error, scrub(error.message, secrets))
        case TimeoutError():
            return Failure("upstream_total_timeout", f"The answer was not complete after {max_duration:g} s.")
        case RequestError():
            return Failure("upstream_bad_request", scrub(error.message, secrets))
        case HeadraceError():
            return Failure("internal", scrub(str(error), secrets))
        case _:
            logger.error("stream failed unexpectedly: %s", scrub(repr(error), secrets), exc_info=None)
            return Failure("internal", "Something went wrong inside Headrace. The server's log says what.")


def log_stream(stream: LiveStream) -> None:
    """One line a stream: never a key, never text."""
    finish, figures = stream.finish, stream.figures
    usage = (finish and finish.usage) or Usage()
    timing, answered = finish and finish.timing, stream.trace.answered
    said = {} if stream.options.question is None else {"question": stream.options.question, "answer": stream.text()}
    logger.info(
        "stream",
        extra=said
        | {
            "stream_id": stream.id,
            "project": stream.options.project,
            "provider": stream.source.provider,
            "model": stream.source.model,
            "outcome": stream.outcome,
            "ttft_ms": timing and timing.ttft_ms,
            "duration_ms": timing and timing.duration_ms,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "usage_source": usage.source,
            "attempts": stream.trace.attempts,
            "cost": finish and finish.cost,
            "fallbacks": [f"{each.config_id}: {each.code}" for each in answered.passed] if answered else None,
            "events": figures.entries if figures else 0,
        },
    )
