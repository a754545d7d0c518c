"""What was asked, as far as figures and, where the operator wants it, the log need it: its size, its text."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.providers.base import Message

MAX_LOGGED = 16 * 1024  # characters of a question in the log; an image is left out before that


def text_size(messages: Sequence[Message]) -> int:
    """Characters of text in all messages: what an estimate of input tokens is made of."""
    return sum(len(_text(message)) for message in messages)


def question_text(messages: Sequence[Message]) -> str:
    """Role and text of each message, without images and tool calls."""
    return "\n".join(f"{message.get('role')}: {_text(message)}" for message in messages)[-MAX_LOGGED:]


def _text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content or () if part.get("type") == "text")
