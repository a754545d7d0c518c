"""What became of timed events on their way through everything in front of us, and the line that mends it. Pure.

It judges what one reader saw; another way to the same server, or another hour, may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from headrace.common.delivery_words import WORDS, Language
from headrace.common.proxy_lines import line_for, names_of
from headrace.common.timed_events import EVENTS

Level = Literal["good", "note", "bad"]
HELD = 0.5  # seconds later than the promptest event: longer than a bad network's jitter
SPARE_IDLE = 1.3  # how much longer than a keep-alive's interval a limit on silence has to be: networks are late


@dataclass(frozen=True, slots=True)
class Tick:
    """One event: when it was sent, by the server's clock, and when it arrived, by the reader's. Seconds, both."""

    sent: float
    arrived: float


@dataclass(frozen=True, slots=True)
class Heard:
    """One stream as it came. `about` is what the server said of the request that reached it."""

    about: dict[str, Any]
    ticks: tuple[Tick, ...]
    head_at: float
    ended_at: float
    complete: bool
    asked: str = "identity"
    """The content coding that the reader would take; browsers take several."""
    coding: str = ""
    """The content coding that arrived."""
    server: str = ""
    """Who calls itself the server: the fields `Server` and `Via`."""
    silence: float = 0.0
    """How long the server was asked to be silent at the end, in seconds."""

    @property
    def held_back(self) -> bool:
        """Whether most events came much later than the promptest did."""
        late = sorted(tick.arrived - tick.sent for tick in self.ticks[:EVENTS])
        return bool(late) and late[len(late) // 2] - late[0] >= HELD

    @property
    def lateness(self) -> float:
        late = [tick.arrived - tick.sent for tick in self.ticks[:EVENTS]]
        return max(late) - min(late) if late else 0.0

    @property
    def longest_wait(self) -> float:
        """Between two arrivals, or the last and the end."""
        times = [*(tick.arrived for tick in self.ticks), self.ended_at]
        return max((after - before for before, after in pairwise(times)), default=0.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is for programs, `line` the configuration that mends it, if there is one."""

    level: Level
    code: str
    text: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was seen: plain streams, compressed ones, one with a silence at its end, as far as they were asked for."""

    streams: tuple[Heard, ...]
    secure: bool = False
    """Whether the reader asked by https."""
    language: Language = "en"
    findings: list[Finding] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.findings.extend(self._judge())

    @property
    def good(self) -> bool:
        return bool(self.streams) and not any(finding.level == "bad" for finding in self.findings)

    def verdict(self) -> str:
        if self.good:
            return self._say("good")
        broken = [finding.code for finding in self.findings if finding.level == "bad"]
        held = {"buffered", "compressed_buffered"} & set(broken)
        return self._say("held" if held else "wrong")

    def _say(self, words: str, **figures: float | str) -> str:
        return WORDS[self.language][words].format(**figures)

    def _found(self, level: Level, code: str, *, words: str = "", line: str = "", **figures: float | str) -> Finding:
        """In the words of its code, unless there are several for it."""
        return Finding(level, code, self._say(words or code, **figures), line)

    @property
    def _timed(self) -> tuple[Heard, ...]:
        return tuple(heard for heard in self.streams if not heard.silence)

    def _judge(self) -> Iterator[Finding]:
        if not self.streams:
            yield self._found("bad", "nothing")
            return
        yield from self._broken()
        yield from self._arrival()
        yield from self._compression()
        yield from self._protocol()
        yield from self._workers()
        yield from self._idle()

    @property
    def _front(self) -> str:
        return names_of(next((heard.server for heard in self.streams if heard.server), ""))

    def _line(self, fault: str) -> str:
        return line_for(fault, self._front)

    def _broken(self) -> Iterator[Finding]:
        for heard in self._timed:
            if not heard.complete:
                came, line = len(heard.ticks), self._line("broken_off")
                yield self._found("bad", "broken_off", line=line, came=came, events=EVENTS)
                return

    def _arrival(self) -> Iterator[Finding]:
        held = [heard for heard in self._timed if heard.held_back]
        if not held and all(heard.complete for heard in self._timed):
            late = max((heard.lateness for heard in self._timed), default=0.0)
            yield self._found("good", "prompt", events=EVENTS, late=late * 1000)
        elif not held:
            return
        elif len(held) < len(self._timed) and all(_foreign(heard) for heard in held):
            yield self._found("bad", "compressed_buffered", line=self._line("compressed"), coding=held[0].coding)
        else:
            words = "buffered" if len(held) == len(self._timed) else "some_buffered"
            late, line = held[0].lateness, self._line("buffered")
            yield self._found("bad", "buffered", words=words, line=line, coding=_codings(held), late=late)

    def _compression(self) -> Iterator[Finding]:
        foreign = [heard for heard in self._timed if _foreign(heard) and not heard.held_back]
        if foreign:
            yield self._found("note", "compressed", line=self._line("compressed"), coding=foreign[0].coding)
        if not foreign and any(_unpacked(heard) for heard in self._timed):
            yield self._found("note", "accept_encoding", line=self._line("accept_encoding"))

    def _protocol(self) -> Iterator[Finding]:
        about = self.streams[0].about
        if about.get("protocol") == "1.0":
            yield self._found("bad", "http10", line=self._line("http10"))
        if self.secure and about.get("scheme") == "http":
            yield self._found("note", "scheme", line=self._line("scheme"))

    def _workers(self) -> Iterator[Finding]:
        held = any(heard.held_back for heard in self._timed)
        kinds = {str(heard.about.get("workers", "")) for heard in self.streams}
        one_by_one = not held and any(
            later.head_at >= earlier.ended_at > 0 and earlier.complete
            for earlier, later in pairwise(sorted(self._timed, key=lambda heard: heard.head_at))
        )
        if "sync" in kinds or one_by_one:
            yield self._found("bad", "sync_worker", line=line_for("sync_worker", ""))

    def _idle(self) -> Iterator[Finding]:
        if not all(heard.complete for heard in self._timed):
            return  # what breaks off amid events says nothing of silence
        for heard in self.streams:
            if not heard.silence:
                continue
            if heard.complete:
                yield self._found("good", "patient", silence=heard.silence)
            else:
                yield self._cut(heard.longest_wait, float(heard.about.get("keepAliveSeconds") or 0))

    def _cut(self, cut: float, every: float) -> Finding:
        if every and cut >= SPARE_IDLE * every:
            return self._found("note", "idle_cut", words="idle_cut_later", cut=cut, every=every)
        line = self._line("idle_cut")
        if cut >= 2:
            line += "\n" + self._say("or", line=f"HEADRACE_KEEPALIVE_SECONDS={int(cut / 2)}")
        words = "idle_cut" if every else "idle_cut_bare"
        return self._found("bad", "idle_cut", words=words, line=line, cut=cut, every=every)


def _foreign(heard: Heard) -> bool:
    """Whether it arrived in a coding that the server did not put it in."""
    return not _plain(heard) and heard.coding != heard.about.get("coding")


def _unpacked(heard: Heard) -> bool:
    """Whether it arrived plain although the reader would have taken a coding, by what was done in between."""
    kept = heard.about.get("accepted") not in ("", "identity") and not heard.about.get("coding")
    return heard.asked != "identity" and _plain(heard) and not kept


def _plain(heard: Heard) -> bool:
    return heard.coding in ("", "identity")


def _codings(streams: Sequence[Heard]) -> str:
    return " and ".join(sorted({heard.coding or "plain" for heard in streams}))
