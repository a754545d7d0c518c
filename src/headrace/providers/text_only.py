"""Models that are known to read no images, so that a picture is refused in words that help before anyone is asked.

Refuses to guess: a model whose name is not here is asked, and answers for itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from headrace.errors import RequestError
from headrace.providers.base import Message

_TEXT_ONLY = re.compile(
    r"(?:^|[/.:@])(?:"
    r"gpt-3\.5|gpt-4-(?:0314|0613|32k)|o1-mini|o1-preview|o3-mini|gpt-oss|davinci|babbage"
    r"|claude-(?:2|instant)|gemini-1\.0-pro(?!-vision)"
    r"|deepseek-(?:chat|reasoner|coder|r1|v2|v3)"
    r"|command-r|command-a-(?:03|reasoning)|command(?:$|-light|-nightly)"
    r"|codestral|devstral|mixtral|(?:open-)?mistral-(?:7b|nemo|tiny)"
    r"|qwq|qwen(?:2|2\.5|3)?-(?:coder|math|turbo)"
    r"|(?:meta-)?llama-?3(?:\.[13])?(?:$|[-:](?:instruct|\d+b))|nova-micro|titan-text"
    r")",
    re.IGNORECASE,
)


def reads_text_only(model: str) -> bool:
    """Whether this model is known to see no pictures."""
    return _TEXT_ONLY.search(model) is not None


def refuse_images(messages: Sequence[Message], model: str) -> None:
    """RequestError that names the first image, where this model reads none."""
    if not reads_text_only(model):
        return
    for at, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, dict) and part.get("type") == "image_url":
                raise RequestError(
                    f"{model} reads text only: leave the image out, or ask a model that sees.",
                    field=f"messages[{at}].content[{place}].image_url",
                )
