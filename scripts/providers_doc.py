"""Writes docs/providers.md from the rows of `headrace.providers.presets`. It holds no fact about a provider itself.

PYTHONPATH=src python scripts/providers_doc.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from headrace.providers import presets
from headrace.providers.base import Provider
from headrace.stream.styles import DEFAULT, STYLES, ThinkStyle

PAGE = Path(__file__).resolve().parents[1] / "docs" / "providers.md"

HEAD = """\
<!-- Written by scripts/providers_doc.py from providers/rows.py and presets.py: change those, then run it. -->
# Providers

`model.providerId` is a name or another name from these tables; letter case, blanks and `_` make no difference. An
unknown one is known by the host of its `endpoint`, else it is asked as any endpoint that speaks OpenAI's Chat
Completions. `endpoint` may be left out where the table has an address. A trailing slash, a missing path (for a known
host) and a pasted `/chat/completions` do no harm.

The variable is where `headrace chat` looks for the key. For a chat the server reads none of them: a key comes with the
request or from a stored configuration, into which [the playground](playground.md) of one person on their own machine
takes it at one click. To add a provider, see [adding-a-provider.md](adding-a-provider.md); for one server alone,
[a file](deploying.md#providers-of-your-own) will do. `GET /api/providers/` answers these rows.
"""
DIALECTS: Mapping[str, str] = {
    "openai-chat": "OpenAI's Chat Completions",
    "openai-responses": "OpenAI's Responses",
    "openai-completions": "OpenAI's completions",
    "mistral": "Mistral's Chat Completions",
    "cohere": "Cohere's chat, version 2",
    "dashscope": "DashScope's own form",
    "cloudflare-run": "Cloudflare's `ai/run`",
    "ollama-generate": "Ollama's `/api/generate`",
    "ollama": "Ollama's `/api/chat`",
    "anthropic": "Anthropic's Messages",
    "gemini": "Gemini's `generateContent`",
    "bedrock": "Amazon Bedrock's Converse",
    "bedrock-invoke": "Amazon Bedrock's InvokeModel",
}
QUIRKS: Mapping[str, str] = {
    "max_completion_tokens": "`max_completion_tokens` instead of `max_tokens`",
    "azure": "the key travels as `api-key`; `api-version` is kept",
    "no_stream_options": "`stream_options` is not sent: usage comes by itself, or is estimated",
    "openai_models": "`max_completion_tokens` for reasoning models, and none of our default temperature",
    "self_hosted": "`/v1` is added to an address without a path",
    "vertex": "the key is an OAuth access token; the address names project and region",
}
STYLES_HEAD = """\
## Reasoning in tags

A reasoning field or block wins over tags. Where there is none, an answer that begins with one of these is split; what
stands between them is reasoning, and the tags themselves are shown nowhere. A model's name
chooses the row, unless its provider's habits above name a tag:

| in the model's name | opener | closer |
| --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    dialects: dict[str, list[Provider]] = {}
    for row in presets.PRESETS.values():
        dialects.setdefault(row.adapter.name, []).append(row)
    sections = (_section(name, rows) for name, rows in dialects.items())
    return "\n".join([HEAD, *sections, _hosts(), _styles()])


def _section(dialect: str, rows: Iterable[Provider]) -> str:
    lines = ["| `providerId` | other names | provider | address | variable | habits |", "| --- |" + " --- |" * 5]
    return "\n".join([f"## {DIALECTS.get(dialect, dialect)}", "", *lines, *map(_row, rows), ""])


def _row(row: Provider) -> str:
    title = f"[{row.title}]({row.docs_url})" if row.docs_url else row.title
    others = sorted(other for other, name in presets.ALIASES.items() if name == row.name)
    cells = [_code(row.name), ", ".join(map(_code, others)), title, _code(row.base_url), _code(row.key_variable)]
    return f"| {' | '.join([*cells, '; '.join(_habits(row))])} |"


def _habits(row: Provider) -> Iterator[str]:
    yield from (QUIRKS.get(quirk, _code(quirk)) for quirk in sorted(row.quirks))
    if row.think is None:
        yield "reasoning in blocks only"
    elif row.think is not DEFAULT:
        yield f"tags: {_code(row.think.openers[0])}"


def _hosts() -> str:
    hosts = {**presets._OTHER_HOSTS, **{f"*{end}": name for end, name in presets._HOST_ENDINGS.items()}}
    lines = [f"| {_code(host)} | {_code(name)} |" for host, name in sorted(hosts.items())]
    return "\n".join(["## Further hosts that are known", "", "| host | row |", "| --- | --- |", *lines, ""])


def _styles() -> str:
    named = [(_code(part), STYLES[style]) for part, style in presets._MODEL_STYLES]
    return STYLES_HEAD + "".join(_style(name, style) for name, style in [*named, ("any other", DEFAULT)])


def _style(name: str, style: ThinkStyle) -> str:
    opener, closer = (", ".join(map(_code, tags)) for tags in (style.openers, style.closers))
    return f"| {name} | {opener} | {closer} |\n"


def _code(text: str) -> str:
    escaped = text.replace("|", "\\|")
    return f"`{escaped}`" if text else ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
