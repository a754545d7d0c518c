"""A conversation as one text, for the APIs that continue a text and know no chats.

Refuses, by the field's name, what no text can carry: calls of tools and their results. Images are their dialect's.
"""

from __future__ import annotations

from collections.abc import Sequence

from headrace.errors import RequestError
from headrace.providers.turns import Call, Result, Text, Turn

_NAMES = {"user": "User", "assistant": "Assistant"}


def as_prompt(turns: Sequence[Turn], *, cue: bool) -> str:
    """One question as it is; several turns as a transcript. With `cue` it ends where the answer is to begin."""
    for turn in turns:
        for block in turn.blocks:
            if isinstance(block, Call | Result):
                raise RequestError(
                    "This API continues a text: a talk that has used tools cannot be sent to it.",
                    field=block.field if isinstance(block, Result) else "messages",
                )
    if len(turns) == 1:
        return _said(turns[0])
    told = [f"{_NAMES[turn.role]}: {_said(turn)}" for turn in turns]
    return "\n\n".join([*told, *(["Assistant:"] if cue else [])])


def _said(turn: Turn) -> str:
    return "\n\n".join(block.text for block in turn.blocks if isinstance(block, Text))
