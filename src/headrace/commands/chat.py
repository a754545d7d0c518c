"""`headrace chat`: one question, its answer as it comes. The answer goes to standard output, all else to the error one.

It takes no key as an argument: arguments are seen by everyone on the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TextIO

import msgspec

from headrace.commands.choice import LOCAL, choose
from headrace.commands.terminal import DIM, PLAIN, CommandError, coloured, complain
from headrace.common.services.llm_service import LLMService
from headrace.stream.events import Citation, Failure, Finish, ReasoningDelta, TextDelta, ToolCallDelta
from headrace.stream.wire import citation_object, failure_object, finish_object, tool_call_object

ShownEvent = TextDelta | ReasoningDelta | ToolCallDelta | Citation | Failure | Finish

# A model's text must not move the cursor, rename the window or do worse: its control characters are not shown.
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(13, 32), *range(127, 160)))


def run(arguments: argparse.Namespace) -> int:
    """Ask, show, and say with the exit status whether it went well."""
    config = choose(arguments.model, arguments.provider, arguments.endpoint, os.environ)
    options = {"temperature": arguments.temperature, "max_tokens": arguments.max_tokens}
    given = {name: value for name, value in options.items() if value is not None}
    stream = LLMService(config).stream_chat(_messages(arguments.prompt, arguments.system), **given)
    with closing(iter(stream)) as events:
        return _print_json(events) if arguments.json else _print(events, _title(config))


def _messages(prompt: str, system: str) -> list[dict[str, str]]:
    text = sys.stdin.read() if prompt == "-" else prompt
    if not text.strip():
        raise CommandError("There is nothing to ask: the prompt is empty.")
    asked = [{"role": "user", "content": text}]
    return [{"role": "system", "content": system}, *asked] if system else asked


def _title(config: dict[str, str]) -> str:
    where = "this machine" if config["providerId"] == LOCAL else config.get("endpoint") or config["providerId"]
    return f"{config['modelId']} ({where})"


def _print_json(events: Iterable[ShownEvent]) -> int:
    status = 0
    for event in events:
        sys.stdout.write(msgspec.json.encode(_shown(event)).decode() + "\n")
        sys.stdout.flush()
        status = 1 if isinstance(event, Failure) else status
    return status


def _shown(event: ShownEvent) -> dict[str, object]:
    """The event as the contract's stream shows it."""
    match event:
        case TextDelta(text):
            return {"type": "content", "content": text}
        case ReasoningDelta(text):
            return {"type": "reasoning", "content": text}
        case ToolCallDelta():
            return tool_call_object(event)
        case Citation():
            return citation_object(event)
        case Failure():
            return failure_object(event)
        case Finish():
            return finish_object(event)


def _print(events: Iterable[ShownEvent], title: str) -> int:
    screen = Screen(sys.stdout, sys.stderr)
    status = 0
    for event in events:
        match event:
            case TextDelta(text):
                screen.answer(text)
            case ReasoningDelta(text):
                screen.reasoning(text)
            case ToolCallDelta() | Citation():
                pass  # no tools are offered here, nor sources asked for
            case Failure():
                screen.close()
                complain(f"headrace: {event.message} ({event.code})")
                status = 1
            case Finish():
                screen.close()
                if event.reason != "error":
                    complain(figures(title, event))
    return status


class Screen:
    """Answer and reasoning on their own outputs, which are one and the same on most screens."""

    def __init__(self, out: TextIO, aside: TextIO) -> None:
        self._out = out
        self._aside = aside
        self._dim, self._plain = (DIM, PLAIN) if coloured(aside) else ("", "")
        self._thinking = False
        self._line_open = False

    def reasoning(self, text: str) -> None:
        self._thinking = True
        self._aside.write(f"{self._dim}{text.translate(_CONTROLS)}{self._plain}")
        self._aside.flush()
        self._line_open = not text.endswith("\n")

    def answer(self, text: str) -> None:
        self._end_thought()
        self._out.write(text.translate(_CONTROLS) if self._out.isatty() else text)
        self._out.flush()
        self._line_open = not text.endswith("\n")

    def close(self) -> None:
        """Leave the cursor at the start of a line."""
        if self._thinking:
            self._end_thought()
        elif self._line_open:
            self._out.write("\n")
            self._out.flush()
        self._line_open = False

    def _end_thought(self) -> None:
        if self._thinking:
            self._aside.write("\n\n" if self._line_open else "\n")
            self._aside.flush()
            self._thinking = self._line_open = False


def figures(title: str, finish: Finish) -> str:
    """One line: who answered, how soon, how fast, how much."""
    parts = [title]
    timing, usage = finish.timing, finish.usage
    if timing and timing.ttft_ms is not None:
        parts.append(f"first token {timing.ttft_ms / 1000:.2f} s")
    if timing and timing.tokens_per_second is not None:
        parts.append(f"{timing.tokens_per_second:.1f} tokens/s")
    if usage and usage.output_tokens:
        about = "about " if usage.source == "estimated" else ""
        parts.append(f"{about}{usage.output_tokens} tokens")
    if finish.reason not in ("stop", "error"):
        parts.append(f"ended by {finish.reason}")
    return " · ".join(parts)
