"""The recorded answers of a dialect, what an independent decoder made of each, and the comparison of the two."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.errors import UpstreamError
from headrace.providers.base import Provider
from headrace.providers.failures import read_failure
from tests.corpus import WIRE
from tests.providers.outcomes import Outcome, bytewise, decode, merged, summed

SECONDS_A_STREAM = 0.1
"""Time for the cuts of one stream: all of them where it is short, a sample of them where not."""


@dataclass(frozen=True)
class Recording:
    path: Path
    status: int
    expected: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    def read(self) -> bytes:
        return self.path.with_suffix(".stream").read_bytes()


def recordings(api: str) -> list[Recording]:
    """All of one dialect; none where the corpus is missing."""
    found = []
    for path in sorted(WIRE.glob("*/*.json")):
        about = {} if path.name.endswith(".expect.json") else json.loads(path.read_text("utf-8"))
        if about.get("api") == api:
            expected = json.loads(path.with_suffix(".expect.json").read_text("utf-8"))
            found.append(Recording(path, about["http_status"], expected))
    return found


def check_stream(provider: Provider, recording: Recording) -> None:
    """Whole and byte by byte the recording gives exactly what is expected."""
    data = recording.read()
    for pieces in ([data], bytewise(data)):
        _compare(summed(decode(provider, pieces, think=None)), recording.expected)


def check_cuts(provider: Provider, recording: Recording) -> int:
    """No cut in two changes the events; how many were tried."""
    data = recording.read()
    whole = merged(decode(provider, [data], think=None))
    deadline = time.monotonic() + SECONDS_A_STREAM
    tried = 0
    for cut in _shuffled(len(data)):
        assert merged(decode(provider, [data[:cut], data[cut:]], think=None)) == whole, f"cut at {cut}"
        tried += 1
        if time.monotonic() > deadline:
            break
    return tried


def error_message(expected: dict[str, Any]) -> str:
    """The provider's words for its error."""
    error = expected["error"]
    if isinstance(error, dict):
        error = (error.get("errors") or [error])[0].get("message", "")
    return str(expected.get("error_message") or error)


def check_refusal(recording: Recording) -> UpstreamError:
    """An answer with an error status is told in the provider's words."""
    error = read_failure(recording.status, {}, recording.read(), secrets=(), now=0.0)
    assert error.status == recording.status
    assert error.message == " ".join(error_message(recording.expected).split())
    return error


def _shuffled(size: int) -> Iterator[int]:
    cuts = list(range(1, size))
    random.Random(size).shuffle(cuts)
    return iter(cuts)


def _compare(outcome: Outcome, expected: dict[str, Any]) -> None:
    assert outcome.content == expected["content"]
    assert outcome.reasoning == expected["reasoning"]
    calls = [[call["id"] or "", call["name"], call["arguments"]] for call in expected["tool_calls"]]
    assert outcome.calls == calls
    assert outcome.finish is not None
    assert outcome.finish.provider_reason == str(expected["finish_reason"] or "")
    usage, counted = outcome.finish.usage, expected["usage"]
    assert (usage is None) == (counted is None)
    for name in counted or ():
        assert counted[name] is None or getattr(usage, name) == counted[name]
    if expected["error"] is not None:
        assert outcome.failure is not None
        assert outcome.failure.message == error_message(expected)
    elif expected["terminated"]:
        assert outcome.failure is None
    else:
        assert outcome.failure is not None
        assert outcome.failure.code == "upstream_truncated"
