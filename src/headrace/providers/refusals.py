"""Reads a provider's refusal of an option: what to change if it was our default, what to say if it was the caller's.

Pure. Refuses to change a value that the caller gave; sending it under the name that the model wants is no change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from headrace.errors import FramingError, UpstreamError
from headrace.providers.base import ChatRequest
from headrace.providers.error_facts import ErrorFacts, read_facts
from headrace.providers.scrubbing import MAX_SHOWN, one_line
from headrace.stream.payload import decode_json

LOWERED = "max_tokens_lowered"
"""The mark of a limit that was lowered once: refused again, it is dropped, so that adjusting comes to an end."""

NO_SUMMARY = "no_reasoning_summary"
"""The quirk of a model, or of an account, that is refused summaries of its thoughts."""

_OPTIONS: Mapping[str, re.Pattern[str]] = {
    "stream_options": re.compile(r"stream_options|include_usage", re.IGNORECASE),
    "max_tokens": re.compile(
        r"max(?:imum)?[_ ]?(completion|new|output)?[_ ]?tokens|(completion|output) tokens|in the completion"
        r"|num_predict",
        re.IGNORECASE,
    ),
    "reasoning_summary": re.compile(r"reasoning[._ ]?summar(y|ies)", re.IGNORECASE),
    "temperature": re.compile(r"temperature|温度", re.IGNORECASE),
    "top_p": re.compile(r"\btop_?p\b", re.IGNORECASE),
    "top_k": re.compile(r"\btop_?k\b", re.IGNORECASE),
    "seed": re.compile(r"\bseed\b", re.IGNORECASE),
    "stop": re.compile(r"[`'\"]stop[`'\"]"),
    "tool_choice": re.compile(r"tool_?choice", re.IGNORECASE),
    "tools": re.compile(r"[`'\"]tools[`'\"]|\btool call", re.IGNORECASE),
    "response_format": re.compile(r"response_?format", re.IGNORECASE),
    "reasoning_effort": re.compile(r"reasoning_?effort", re.IGNORECASE),
}
_WIRE_NAMES = {
    "max_tokens": "maxTokens",
    "top_p": "topP",
    "top_k": "topK",
    "tool_choice": "toolChoice",
    "response_format": "responseFormat",
    "reasoning_effort": "reasoningEffort",
}
_RENAME = re.compile(r"(use|to|with|favou?r of|instead:?)\W+max_completion_tokens", re.IGNORECASE)
_CONTEXT = re.compile(r"context (length|window|size)|context_length|in the completion|\+\W*max", re.IGNORECASE)
_NUMBER = r"(\d{1,3}(?:,\d{3})+|\d+)"
_AT_MOST = re.compile(
    rf"(?:at most|up to|<=|≤|less than or equal to|>(?!=)|limit(?: is| of|:)"
    rf"|maximum(?: value)?(?: allowed)?(?: is| of|:)|max(?:imum)? (?:output |completion )?tokens (?:is|of)"
    rf"|between [01] and|[\[(（【][01]\s*[,，~-]|不超过|不能超过|不能大于|不得大于|小于等于"
    rf"|最大(?:值)?(?:为|是)?|上限(?:为|是)?)\W{{0,3}}{_NUMBER}",
    re.IGNORECASE,
)
_BELOW = re.compile(
    rf"(?:less than|smaller than|below|<(?![=\d]))\W{{0,3}}{_NUMBER}|{_NUMBER} \(exclusive\)|\[[01],\s*{_NUMBER}\)",
    re.IGNORECASE,
)
_ONLY = re.compile(r"only (?:the )?(?:default )?\W?(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_RANGE = re.compile(
    r"[\[(]\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*[\])]|between (-?[\d.]+) and (-?\d+(?:\.\d+)?)"
)


@dataclass(frozen=True, slots=True)
class Adjustments:
    """What one model at one endpoint has taught us: remember it once the adjusted request was accepted.

    `dropped` and `max_tokens` concern our defaults alone; `learned` are quirks, which change no value.
    """

    dropped: frozenset[str] = frozenset()
    max_tokens: int | None = None
    learned: frozenset[str] = frozenset()

    def apply(self, request: ChatRequest) -> ChatRequest:
        """The request as this model takes it; the same object where nothing changes."""
        changed: dict[str, Any] = dict.fromkeys(self.dropped & request.defaulted)
        limit = self.max_tokens
        if limit is not None and "max_tokens" in request.defaulted - self.dropped and (request.max_tokens or 0) > limit:
            changed["max_tokens"] = limit
        if not changed and self.learned <= request.learned:
            return request
        return replace(
            request,
            **changed,
            learned=request.learned | self.learned,
            defaulted=request.defaulted - self.dropped,
        )

    def __or__(self, other: Adjustments) -> Adjustments:
        limits = [limit for limit in (self.max_tokens, other.max_tokens) if limit is not None]
        return Adjustments(self.dropped | other.dropped, min(limits, default=None), self.learned | other.learned)


def read_refusal(error: UpstreamError, request: ChatRequest) -> Adjustments | None:
    """What to change about our own defaults so that the model may take the request, or None.

    Read again after each refusal it comes to an end by itself, within five rounds.
    """
    facts = _facts(error)
    for option in _refused(error, facts):
        if option == "stream_options" and request.stream and "no_stream_options" not in request.learned:
            return Adjustments(learned=frozenset({"no_stream_options"}))
        if option == "reasoning_summary" and NO_SUMMARY not in request.learned:
            return Adjustments(learned=frozenset({NO_SUMMARY}))
        if option == "max_tokens" and (adjustments := _limit_refused(_said(facts), request)) is not None:
            return adjustments
        if option == "temperature" and option in request.defaulted and request.temperature is not None:
            return Adjustments(dropped=frozenset({option}))
    return None


def explain(error: UpstreamError, request: ChatRequest) -> UpstreamError:
    """The same error; where it refuses a value of the caller's, saying which, what was sent and what is allowed."""
    facts = _facts(error)
    for option in _refused(error, facts):
        sent = getattr(request, option, None)
        if sent is None or option in request.defaulted:
            continue
        shown = f"{sent} was" if isinstance(sent, int | float | str) else "it was"
        message = f"{_WIRE_NAMES.get(option, option)}: {shown} sent, {_allowed(option, sent, _said(facts))}"
        message = one_line(f"{message}. The provider says: {error.message}", MAX_SHOWN + len(message))
        return UpstreamError(
            error.code,
            message,
            status=error.status,
            retryable=error.retryable,
            retry_after=error.retry_after,
            body=error.body,
        )
    return error


def named_limit(said: str, sent: int) -> int | None:
    """The greatest number of tokens that a refusal allows, or None where it names none below what was sent."""
    allowed = [_int(found[1]) for found in _AT_MOST.finditer(said)]
    allowed += [_int(found[1] or found[2] or found[3]) - 1 for found in _BELOW.finditer(said)]
    if not any(1 < limit < sent for limit in allowed):
        numbers = {_int(number) for number in re.findall(rf"(?<![\w.-]){_NUMBER}(?![\w.-]*\d)", said)}
        others = [number for number in numbers if 1 < number < sent]
        allowed = others if len(others) == 1 else []
    return min((limit for limit in allowed if 1 < limit < sent), default=None)


def _limit_refused(said: str, request: ChatRequest) -> Adjustments | None:
    if _RENAME.search(said) and "max_completion_tokens" not in request.learned and request.max_tokens is not None:
        return Adjustments(learned=frozenset({"max_completion_tokens"}))
    if "max_tokens" not in request.defaulted or request.max_tokens is None:
        return None
    limit = None if _CONTEXT.search(said) else named_limit(said, request.max_tokens)
    if limit is None or LOWERED in request.learned:
        return Adjustments(dropped=frozenset({"max_tokens"}))
    return Adjustments(max_tokens=limit, learned=frozenset({LOWERED}))


def _refused(error: UpstreamError, facts: ErrorFacts) -> list[str]:
    """The options that a refusal speaks of: the one that it names as its parameter, else all in its text."""
    if error.code != "upstream_bad_request":
        return []
    named = [option for option, pattern in _OPTIONS.items() if pattern.search(f"'{facts.param}'")]
    return named or [option for option, pattern in _OPTIONS.items() if pattern.search(_said(facts))]


def _facts(error: UpstreamError) -> ErrorFacts:
    try:
        return read_facts(decode_json(error.body))
    except FramingError:
        return ErrorFacts(error.message)


def _said(facts: ErrorFacts) -> str:
    return f"{facts.message} {facts.param} {facts.code}"


def _allowed(option: str, sent: object, said: str) -> str:
    if option == "max_tokens" and isinstance(sent, int) and not _CONTEXT.search(said):
        limit = named_limit(said, sent)
        return f"at most {limit} is allowed" if limit is not None else "which is not allowed"
    if (only := _ONLY.search(said)) is not None:
        return f"only {only[1]} is allowed"
    if (between := _RANGE.search(said)) is not None:
        return f"{between[1] or between[3]} to {between[2] or between[4]} is allowed"
    return "which this model does not accept"


def _int(digits: str) -> int:
    return int(digits.replace(",", "")[:18])
