"""Sources that providers name, in all their shapes, as `Citation`s. Most shapes are told by their dialects' parsers.

Refuses links that are not http or https (a client may make them clickable) and to pass on whole documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from headrace.providers.lenient import MAX_COUNT, as_text, mended, whole_number
from headrace.stream.events import Citation

MAX_QUOTE = 2000
"""Characters of a source's words: some providers repeat the whole document with every citation."""
MAX_TITLE = 500
MAX_URL = 4096
MAX_CITATIONS = 1000
"""Sources of one answer: more are noise, and each is remembered."""

_LINKS = ("http://", "https://")


def cite(
    url: Any = None, title: Any = None, *, text: Any = None, quote: Any = None, start: Any = None, end: Any = None
) -> Citation | None:
    """The citation that these values make, whatever their types; None where they name no source."""
    known = Citation(
        _link(url), _cut(title, MAX_TITLE), _cut(text, MAX_QUOTE), _cut(quote, MAX_QUOTE), _place(start), _place(end)
    )
    return known if known.url or known.title or known.quote else None


class Sources:
    """The sources of one answer, each named once: many providers repeat their whole list in every piece."""

    __slots__ = ("_last", "_links", "_seen")

    def __init__(self) -> None:
        self._seen: set[Citation] = set()
        self._links: set[str] = set()
        self._last: Any = None

    def listed(self, value: Any) -> Iterator[Citation]:
        """The new links of a list of them, or of objects that name them (Perplexity's, xAI's, DashScope's)."""
        if value == self._last or not isinstance(value, list):
            return
        self._last = value
        for item in value:
            found = _listed(item)
            if found is not None and found.url not in self._links:
                self._links.add(found.url)
                yield from self.new([found])

    def referenced(self, content: list[Any]) -> Iterator[Citation]:
        """The new ones among content parts (Mistral's): references, which have an id or a link."""
        for part in content:
            if isinstance(part, dict) and part.get("type") in ("reference", "tool_reference"):
                ids = part.get("reference_ids")
                yield from self.new([cite(part.get("url"), part.get("title"), quote=part.get("description"))])
                yield from self.new(cite(title=each) for each in (ids if isinstance(ids, list) else ()))

    def annotated(self, value: Any) -> Iterator[Citation]:
        """The new ones of OpenAI's `annotations`, of its Chat Completions or its Responses."""
        for item in value if isinstance(value, list) else ():
            yield from self.new([annotation(item)])

    def new(self, found: Iterable[Citation | None]) -> Iterator[Citation]:
        for one in found:
            if one is not None and one not in self._seen and len(self._seen) < MAX_CITATIONS:
                self._seen.add(one)
                yield one


def annotation(value: Any) -> Citation | None:
    """One of OpenAI's annotations: a link, or a file that is named."""
    if not isinstance(value, dict):
        return None
    inner = value.get(str(value.get("type")))
    known = inner if isinstance(inner, dict) else value
    return cite(
        known.get("url"),
        known.get("title") or known.get("filename") or known.get("file_name"),
        quote=known.get("quote") or known.get("content"),
        start=known.get("start_index"),
        end=known.get("end_index"),
    )


def _listed(item: Any) -> Citation | None:
    if isinstance(item, str):
        return cite(item)
    if not isinstance(item, dict):
        return None
    url = item.get("url") or item.get("link") or item.get("source")
    return cite(url, item.get("title") or item.get("name"), quote=item.get("snippet") or item.get("description"))


def _link(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return mended(text) if text.lower().startswith(_LINKS) and len(text) <= MAX_URL else ""


def _cut(value: Any, limit: int) -> str:
    text = mended(as_text(value) or "").strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _place(value: Any) -> int | None:
    number = whole_number(value)
    return number if number is not None and 0 <= number <= MAX_COUNT else None
