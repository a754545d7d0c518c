"""What became of timed events on their way through everything in front of us, and the line that mends it. Pure.

It judges what one reader saw; another way to the same server, or another hour, may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

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
    findings: list[Finding] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.findings.extend(self._judge())

    @property
    def good(self) -> bool:
        return bool(self.streams) and not any(finding.level == "bad" for finding in self.findings)

    def verdict(self) -> str:
        if self.good:
            return "Streams arrive as they are sent."
        broken = [finding.code for finding in self.findings if finding.level == "bad"]
        held = {"buffered", "compressed_buffered"} & set(broken)
        return "Streams are held back on their way." if held else "Streams do not arrive as they should."

    @property
    def _timed(self) -> tuple[Heard, ...]:
        return tuple(heard for heard in self.streams if not heard.silence)

    def _judge(self) -> Iterator[Finding]:
        if not self.streams:
            yield Finding("bad", "nothing", "No stream arrived at all.")
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
                text = f"A stream broke off after {len(heard.ticks)} of {EVENTS} events."
                yield Finding("bad", "broken_off", text, self._line("broken_off"))
                return

    def _arrival(self) -> Iterator[Finding]:
        held = [heard for heard in self._timed if heard.held_back]
        if not held and all(heard.complete for heard in self._timed):
            late = max((heard.lateness for heard in self._timed), default=0.0)
            text = f"{EVENTS} events arrived one by one, none more than {late * 1000:.0f} ms late."
            yield Finding("good", "prompt", text)
        elif not held:
            return
        elif len(held) < len(self._timed) and all(_foreign(heard) for heard in held):
            text = f"Something in front compresses ({held[0].coding}), and holds events back until it has enough."
            yield Finding("bad", "compressed_buffered", text, self._line("compressed"))
        else:
            which = "" if len(held) == len(self._timed) else f" in {_codings(held)} streams"
            text = (
                f"Something in front buffers{which}: the first event came {held[0].lateness:.1f} s late, in one burst."
            )
            yield Finding("bad", "buffered", text, self._line("buffered"))

    def _compression(self) -> Iterator[Finding]:
        foreign = [heard for heard in self._timed if _foreign(heard) and not heard.held_back]
        if foreign:
            text = f"Something in front compresses streams ({foreign[0].coding}). They pass; Headrace does it better."
            yield Finding("note", "compressed", text, self._line("compressed"))
        if not foreign and any(_unpacked(heard) for heard in self._timed):
            text = "Something in front takes Accept-Encoding away, so that streams are not compressed."
            yield Finding("note", "accept_encoding", text, self._line("accept_encoding"))

    def _protocol(self) -> Iterator[Finding]:
        about = self.streams[0].about
        if about.get("protocol") == "1.0":
            text = (
                "Headrace is asked by HTTP/1.0: each answer costs a connection, and its end cannot be told from a loss."
            )
            yield Finding("bad", "http10", text, self._line("http10"))
        if self.secure and about.get("scheme") == "http":
            text = "Headrace does not know that the page is https: its cookies are not marked Secure."
            yield Finding("note", "scheme", text, self._line("scheme"))

    def _workers(self) -> Iterator[Finding]:
        held = any(heard.held_back for heard in self._timed)
        kinds = {str(heard.about.get("workers", "")) for heard in self.streams}
        one_by_one = not held and any(
            later.head_at >= earlier.ended_at > 0 and earlier.complete
            for earlier, later in pairwise(sorted(self._timed, key=lambda heard: heard.head_at))
        )
        if "sync" in kinds or one_by_one:
            text = "A stream holds its whole worker process: each other request waits until it has ended."
            yield Finding("bad", "sync_worker", text, line_for("sync_worker", ""))

    def _idle(self) -> Iterator[Finding]:
        if not all(heard.complete for heard in self._timed):
            return  # what breaks off amid events says nothing of silence
        for heard in self.streams:
            if not heard.silence:
                continue
            keepalive = float(heard.about.get("keepAliveSeconds") or 0)
            if heard.complete:
                yield Finding("good", "patient", f"A silence of {heard.silence:g} s is borne.")
                continue
            cut = heard.longest_wait
            text = f"After {cut:.0f} s of silence the connection is cut"
            if keepalive and cut >= SPARE_IDLE * keepalive:
                yield Finding("note", "idle_cut", f"{text}; keep-alives come every {keepalive:g} s, so streams live.")
            else:
                shorter = f"\nor: HEADRACE_KEEPALIVE_SECONDS={int(cut / 2)}" if cut >= 2 else ""
                every = f"keep-alives come every {keepalive:g} s" if keepalive else "there are no keep-alives"
                yield Finding("bad", "idle_cut", f"{text}, and {every}.", f"{self._line('idle_cut')}{shorter}")


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
