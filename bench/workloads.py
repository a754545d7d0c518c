"""What is asked of each target. The figures are those that the project's goals are stated in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from bench.upstream import Behaviour

Name = Literal["full", "paced", "first", "memory", "extras"]
GAP = 50_000  # µs: 20 tokens a second, a common speed of large models
SLOW_GAP = 200_000  # 5 tokens a second: a thousand streams leave the processor time, and memory is all that is asked
OPENED_A_SECOND = 250  # streams: opening one costs as much as some twenty tokens
QUICK_SPAN = 5_000_000  # µs that a paced answer takes in the quick form
DELAY = 100_000


USUAL = frozenset({"direct", "nginx", "django", "headrace"})
EXTRAS = frozenset({"headrace", "bare", "gzip", "mirror"})


@dataclass(frozen=True, slots=True)
class Workload:
    """`requests` None: each stream is one request, opened over `ramp` seconds, and the load holds them all at once."""

    name: Name
    behaviour: Behaviour
    streams: int
    requests: int | None
    ramp: float = 0.0
    deadline: float = 40.0
    repeats: int = 3
    fresh: bool = False
    """Whether the target is started anew, so that memory left by earlier work does not hide what this one takes."""

    targets: frozenset[str] = USUAL
    once_for: str = ""
    """A target whose figures need no repeats."""

    @property
    def title(self) -> str:
        return _TITLES[self.name].format(streams=self.streams, tokens=self.behaviour.tokens, requests=self.requests)


_TITLES: dict[Name, str] = {
    "full": "Full pace: {streams} streams at once × {tokens} tokens",
    "paced": "Paced: {streams} streams × 20 tokens/s",
    "first": "First token: {requests} requests one at a time",
    "extras": "What figures, compression and a shared journal take: {streams} streams × 20 tokens/s",
    "memory": "Memory: {streams:,} open streams × 5 tokens/s",
}

WARM_UP = Workload("full", Behaviour(tokens=20), streams=4, requests=40, repeats=1)
ALL = (
    Workload("full", Behaviour(tokens=400), streams=64, requests=128),
    Workload("first", Behaviour(tokens=20), streams=1, requests=200),
    Workload(
        "paced",
        Behaviour(tokens=260, gap=GAP, delay=DELAY),
        streams=500,
        requests=None,
        ramp=2.0,
        deadline=20.0,
        repeats=2,
        once_for="direct",
    ),
    Workload(
        "extras",
        Behaviour(tokens=160, gap=GAP, delay=DELAY),
        streams=250,
        requests=None,
        ramp=2.0,
        deadline=16.0,
        targets=EXTRAS,
    ),
    Workload(
        "memory",
        Behaviour(tokens=60, gap=SLOW_GAP, delay=DELAY),
        streams=1000,
        requests=None,
        ramp=5.0,
        deadline=22.0,
        repeats=1,
        fresh=True,
    ),
)


def quick(workload: Workload) -> Workload:
    """The same, shorter: good to see a large change, not to publish."""
    behaviour = workload.behaviour
    if behaviour.gap:
        shorter = replace(behaviour, tokens=QUICK_SPAN // behaviour.gap)
        return replace(workload, behaviour=shorter, deadline=15.0, repeats=1)
    return replace(workload, requests=(workload.requests or 0) // 4, repeats=1)


def paced(streams: int) -> Workload:
    """So many streams at 20 tokens a second, long enough to see whether that can be kept up."""
    ramp = max(1.0, streams / OPENED_A_SECOND)
    behaviour = Behaviour(tokens=100, gap=GAP, delay=DELAY)
    return Workload("paced", behaviour, streams, requests=None, ramp=ramp, deadline=ramp + 10.0, repeats=1)
