"""How a log ends whose producer cannot end it. Brackets stay balanced even then."""

from __future__ import annotations

from headrace.stream.events import Entry, Failure, Finish, ReasoningDelta, ReasoningEnd, ReasoningStart

LOST = "The worker that produced this stream was lost; what had arrived is kept. Ask again."


def lost_ending(last: Entry | None, message: str = LOST) -> list[Entry]:
    """What to append after this last entry; nothing where it was the end already."""
    if type(last) is Finish:
        return []
    ending: list[Entry] = [Failure("producer_lost", message, retryable=True), Finish("error")]
    thinking = type(last) is ReasoningStart or type(last) is ReasoningDelta
    return [ReasoningEnd(), *ending] if thinking else ending
