"""The event-stream interpretation of the HTML standard, word for word and slowly, to compare the fast one with.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Interpreted:
    events: list[tuple[str, str, str]] = field(default_factory=list)
    """Data, type and last event id of each."""
    comments: int = 0
    retry: int | None = None
    last_event_id: str = ""


def interpret(body: bytes) -> Interpreted:
    """Everything that the standard makes of a whole body; the unterminated rest is discarded."""
    seen = Interpreted()
    data, kind, last_id = "", "", ""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    for line in re.split("\r\n|\n|\r", text)[:-1]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            seen.last_event_id = last_id
            if data:
                seen.events.append((data.removesuffix("\n"), kind, last_id))
            data, kind = "", ""
        elif name == "":
            seen.comments += 1
        elif name == "event":
            kind = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            seen.retry = int(value)
    return seen
