"""The memory journal under whatever order of events: writing, reading from anywhere, packing, ending, expiring."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headrace.backends import log as logs
from headrace.backends.journal import MemoryJournal, UnknownStreamError
from headrace.backends.log import CursorError, Follower, Log
from headrace.backends.waiting import ThreadWaiter
from headrace.stream.events import Entry, Failure, Finish, TextDelta

REPLAY = 10.0


class Reader:
    """One that has read so far, and what it got."""

    def __init__(self, log: Log, after: int) -> None:
        self.after = after
        self.got: list[tuple[int, Entry]] = []
        self.following = log.follow(ThreadWaiter(0), after)
        self.follower: Follower = self.following.__enter__()

    def step(self) -> bool:
        batch = None if self.follower.ended else self.follower.next()
        if batch is not None:
            self.got += enumerate(batch.entries, batch.first)
        return batch is not None


class Journals(RuleBasedStateMachine):
    """One stream at a time, with its truth beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.journal = MemoryJournal(replay_seconds=REPLAY, clock=lambda: self.now)
        self.names = (f"s{n}" for n in count())
        self.begin()

    def begin(self) -> None:
        self.name = next(self.names)
        self.log = self.journal.create(self.name)
        self.truth: list[Entry] = []
        self.readers: list[Reader] = []

    @precondition(lambda self: not self.log.ended)
    @rule(size=st.integers(1, 40), length=st.integers(0, 3))
    def write(self, size: int, length: int) -> None:
        entries = [TextDelta(f"{len(self.truth) + n}" * length) for n in range(size)]
        self.truth += entries
        self.log.append(entries)

    @precondition(lambda self: not self.log.ended)
    @rule(fails=st.booleans(), last=st.integers(0, 2))
    def end(self, fails: bool, last: int) -> None:
        ending: list[Entry] = [TextDelta("last")] * last
        ending += [Failure("upstream_reset", "gone"), Finish("error")] if fails else [Finish()]
        self.truth += ending
        self.log.append(ending)
        self.journal._finished[self.name] = self.now + REPLAY

    @rule()
    def pack(self) -> None:
        self.log.pack()

    @rule(ahead=st.integers(-50, 4))
    def join(self, ahead: int) -> None:
        after = max(0, len(self.truth) + ahead)
        if self.log.ended and after > len(self.truth):
            with pytest.raises(CursorError, match="ended with event"):
                Reader(self.log, after)
        else:
            self.readers.append(Reader(self.log, after))

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), steps=st.integers(1, 3))
    def read(self, data: st.DataObject, steps: int) -> None:
        reader = data.draw(st.sampled_from(self.readers))
        for _ in range(steps):
            reader.step()

    @precondition(lambda self: self.log.ended)
    @rule()
    def expire(self) -> None:
        """Who reads goes on to the end; nobody new finds it; nothing of it is counted any more."""
        self.now += REPLAY
        with pytest.raises(UnknownStreamError):
            self.journal.log(self.name)
        self.journal.sweep()
        assert (len(self.journal), self.journal.size) == (0, 0)
        for reader in self.readers:
            while reader.step():
                pass
            assert reader.follower.ended
            self.check(reader)
            reader.following.__exit__(None, None, None)
        assert not self.log.waiters
        self.begin()

    @invariant()
    def every_history_is_right(self) -> None:
        for reader in self.readers:
            self.check(reader)

    def check(self, reader: Reader) -> None:
        due = list(enumerate(self.truth, 1))[reader.after :]
        if reader.follower.ended and not due and reader.got:  # the log ended short of where this one waited
            ending = list(enumerate(logs.ending_of(self.truth), reader.after + 1))
            assert reader.got == ending
        else:
            assert reader.got == due[: len(reader.got)]
            assert not reader.follower.ended or len(reader.got) == len(due)


TestJournals = Journals.TestCase
TestJournals.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
