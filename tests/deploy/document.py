"""The lines that docs/deploying.md tells people to run, as they stand there.

For a bare Debian machine `python3 tests/deploy/document.py >walk.sh` writes them down; change the password there, and
give `createuser` the same.
"""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "docs/deploying.md").read_text()
_HERE_DOCUMENT = re.compile(r"<<'(\w+)'")


WALK = "Step by step on a Debian machine"


def section(heading: str) -> str:
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def commands(text: str) -> list[str]:
    """What stands behind the prompts of the first block, with what is fed to each."""
    found: list[str] = []
    end = ""
    for line in text.partition("```console\n")[2].partition("\n```")[0].splitlines():
        if end:
            found[-1] += f"\n{line}"
            end = "" if line == end else end
            continue
        assert line.startswith("# "), line
        found.append(line.removeprefix("# "))
        fed = _HERE_DOCUMENT.search(line)
        end = fed[1] if fed else ""
    return found


def step(text: str, title: str) -> list[str]:
    """The commands among the words of a numbered step."""
    found = re.search(rf"^\d+\. \*\*{re.escape(title)}\*\*(.*)$", text, re.MULTILINE)
    assert found, title
    return [span for span in re.findall(r"`([^`]+)`", found[1]) if span.startswith(("headrace ", "systemctl "))]


if __name__ == "__main__":
    print("set -eux", *commands(section(WALK)), sep="\n")
