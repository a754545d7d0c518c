"""How models mark their chain of thought in plain text: one row of data for each habit, and no code.

Rows are named for models or their families. `DEFAULT` is for every model that nothing is known of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ThinkStyle:
    """One habit. Tags are matched in any letter case; every closer ends what any opener began."""

    name: str
    openers: tuple[str, ...] = ("<think>",)
    closers: tuple[str, ...] = ("</think>",)
    starts_inside: bool = False
    """The prompt already opened the block: the answer begins as reasoning, and an opener there says nothing new."""
    mid_answer: bool = False
    """A block may open anywhere, and more than once; white space around a later one belongs to the answer."""
    label: str = ""
    """A word that may follow the opener and is no thought."""
    wrapper: tuple[str, str] | None = None
    """Tags that may stand around the whole answer, and are dropped."""

    def inside(self, starts_inside: bool = True) -> ThinkStyle:
        """The same habit with the block opened, or not, by the prompt."""
        return replace(self, starts_inside=starts_inside)


_ROWS = (
    ThinkStyle("think"),
    ThinkStyle("deepseek-r1", starts_inside=True),
    ThinkStyle("qwen3"),
    ThinkStyle("qwen3-thinking", starts_inside=True),
    ThinkStyle("glm"),
    ThinkStyle("lfm2"),
    ThinkStyle("cogito"),
    ThinkStyle("holo2", starts_inside=True),
    ThinkStyle("minimax-m2", starts_inside=True),
    ThinkStyle("nemotron", starts_inside=True),
    ThinkStyle("olmo3", starts_inside=True),
    ThinkStyle("step3", starts_inside=True),
    ThinkStyle("hunyuan", wrapper=("<answer>", "</answer>")),
    ThinkStyle("ernie", starts_inside=True, wrapper=("<response>", "</response>")),
    ThinkStyle("magistral", ("[THINK]",), ("[/THINK]",), mid_answer=True),
    ThinkStyle("gemma", ("<|channel>",), ("<channel|>",), mid_answer=True, label="thought\n"),
    ThinkStyle(
        "granite-3.2",
        ("Here is my thought process:", "Here's my thought process:"),
        ("Here is my response:", "Here's my response:"),
    ),
    ThinkStyle("thinking", ("<thinking>",), ("</thinking>",)),
    ThinkStyle("seed-oss", ("<seed:think>",), ("</seed:think>",)),
    ThinkStyle("kimi-vl", ("◁think▷",), ("◁/think▷",)),
    ThinkStyle("exaone-deep", ("<thought>",), ("</thought>",), starts_inside=True),
    ThinkStyle(
        "command-a",
        ("<|START_THINKING|>",),
        ("<|END_THINKING|>",),
        wrapper=("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ),
)

STYLES: Mapping[str, ThinkStyle] = {row.name: row for row in _ROWS}
DEFAULT = STYLES["think"]
