"""Where the recorded streams and hard cases lie, if they are there. They are other projects' and never copied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
WIRE = SHARED / "wire"
CASES = SHARED / "cases"
needs_corpus = pytest.mark.skipif(not WIRE.is_dir(), reason="no ../shared: recorded streams and cases are not here")


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a .jsonl file; none where the corpus is missing."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
