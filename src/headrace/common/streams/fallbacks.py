"""Several models for one question: the next one is asked where one failed before anything of it was shown.

Each has its own time-out and its own retries. After the first event there is no other model: text would come twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from headrace.common.streams.sources import Source, Trace
from headrace.errors import ErrorCode, RequestError, UpstreamError
from headrace.stream.events import Answered, Event, Passed


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored configuration, and the source that asks it."""

    config_id: str
    source: Source


class FallbackSource:
    """Asks the candidates in order. It is named after the one that is being asked, or has answered."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = tuple(candidates)
        self.current = self._candidates[0]

    @property
    def provider(self) -> str:
        return self.current.source.provider

    @property
    def model(self) -> str:
        return self.current.source.model

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(secret for each in self._candidates for secret in each.source.secrets)

    async def events(self, trace: Trace) -> AsyncGenerator[list[Event], None]:
        passed: tuple[Passed, ...] = ()
        for candidate in self._candidates:
            self.current = candidate
            trace.answered = self._answered(passed) if passed else None
            try:
                async with aclosing(candidate.source.events(trace)) as batches:
                    async for events in batches:
                        yield events
                return
            except (UpstreamError, RequestError) as error:
                if trace.shown or candidate is self._candidates[-1]:
                    raise
                trace.usage = None
                passed += (self._passed(error),)
                trace.note("fallback", passed[-1].code)

    def _answered(self, passed: tuple[Passed, ...]) -> Answered:
        return Answered(self.current.config_id, self.provider, self.model, passed)

    def _passed(self, error: UpstreamError | RequestError) -> Passed:
        code: ErrorCode = error.code if isinstance(error, UpstreamError) else "upstream_bad_request"
        return Passed(self.current.config_id, self.provider, self.model, code)


def answering(source: Source) -> Source:
    """The source that is really asked."""
    return source.current.source if isinstance(source, FallbackSource) else source
