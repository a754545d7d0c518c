"""What the commands print: plain lines, at once. Progress goes to standard output, complaints to standard error."""

from __future__ import annotations

import os
import sys
from typing import TextIO

DIM = "\x1b[2m"
PLAIN = "\x1b[0m"


class CommandError(Exception):
    """The command cannot go on; the message is for a person, and the exit status is 1."""


def say(text: str = "") -> None:
    """A line of progress."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """A line about what went wrong, or beside the answer."""
    _write(sys.stderr, text)


def coloured(stream: TextIO) -> bool:
    """Whether to dim and undim: only for a person's terminal, and not where NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()
