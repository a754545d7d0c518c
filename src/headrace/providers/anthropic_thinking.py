"""How one of Anthropic's models is told to think, which changed with its versions.
https://platform.claude.com/docs/en/build-with-claude/extended-thinking

Before 4.6 a model has a budget of tokens; from 4.6 it judges by itself, at an effort; from 5 it thinks unless told not
to. Refuses a budget that leaves no room for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import RequestError
from headrace.providers.turns import Call, Conversation, Result, Thought

Version = tuple[int, int]

SMALLEST_BUDGET = 1024
"""Tokens; the API refuses fewer."""

_NAME = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)", re.IGNORECASE)
_ADAPTIVE: Version = (4, 6)
_XHIGH: Version = (4, 7)
_BY_DEFAULT: Version = (5, 0)
_NO_SAMPLING: Version = (4, 7)
_SHARES: Mapping[str, float] = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.9, "max": 0.95}
"""Of the answer's tokens, which pay for the thoughts too."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """The API's `thinking` and its `output_config.effort`; None where they are not sent."""

    fields: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        return self.fields is not None and self.fields["type"] != "disabled"


def version_of(model: str) -> Version | None:
    """4.5 as (4, 5), also where the name says it in front or with a cloud's prefix; None for other models."""
    found = _NAME.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else None


def refuses_sampling(model: str) -> bool:
    """Whether the model takes no temperature."""
    return (version_of(model) or (0, 0)) >= _NO_SAMPLING


def plan(effort: str | None, model: str, max_tokens: int, conversation: Conversation) -> Thinking:
    """What to send for an effort in OpenAI's words, or for none."""
    version = version_of(model) or (0, 0)
    if effort is None:
        return Thinking(_shown() if version >= _BY_DEFAULT else None)
    if effort == "none":
        return Thinking({"type": "disabled"} if version >= _BY_DEFAULT else None)
    if version >= _ADAPTIVE:
        return Thinking(_shown(), _effort(effort, version))
    if _is_inside_a_tool_loop(conversation):
        return Thinking()
    return Thinking({"type": "enabled", "budget_tokens": _budget(effort, max_tokens)})


def _shown() -> dict[str, Any]:
    """From 4.7 on thoughts come empty unless they are asked for."""
    return {"type": "adaptive", "display": "summarized"}


def _effort(effort: str, version: Version) -> str:
    if effort == "minimal":
        return "low"
    return "max" if effort == "xhigh" and version < _XHIGH else effort


def _budget(effort: str, max_tokens: int) -> int:
    share = _SHARES.get(effort)
    if share is None:
        raise RequestError(f"reasoningEffort must be none or one of {', '.join(_SHARES)}.", field="reasoningEffort")
    if max_tokens <= SMALLEST_BUDGET:
        raise RequestError(
            f"This model thinks in at least {SMALLEST_BUDGET} tokens, which count as its answer's: raise maxTokens"
            f" above that (it is {max_tokens}), or leave reasoningEffort out.",
            field="maxTokens",
        )
    return max(SMALLEST_BUDGET, int(max_tokens * share))


def _is_inside_a_tool_loop(conversation: Conversation) -> bool:
    """Whether a tool was just used without the signed thought before it: then a budget would be refused."""
    turns = conversation.turns
    if len(turns) < 2 or not any(isinstance(block, Result) for block in turns[-1].blocks):
        return False
    last = turns[-2].blocks
    return any(isinstance(block, Call) for block in last) and not isinstance(last[0], Thought)
