"""What a Gemini answer rests on: pages that were searched, documents that were given, texts that were recited.
https://ai.google.dev/gemini-api/docs/google-search

Refuses Google's places in the answer: they count bytes, not characters. The passage itself is passed on instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.providers.citations import cite
from headrace.providers.lenient import whole_number
from headrace.stream.events import Citation


def grounds(metadata: Any) -> Iterator[Citation | None]:
    """Each source with each passage that it supports; a source that supports none, by itself."""
    if not isinstance(metadata, dict):
        return
    sources = _objects(metadata.get("groundingChunks"))
    used: set[int] = set()
    for support in _objects(metadata.get("groundingSupports")):
        segment = support.get("segment")
        indices = support.get("groundingChunkIndices")
        for index in map(whole_number, indices if isinstance(indices, list) else ()):
            if index is not None and 0 <= index < len(sources):
                used.add(index)
                yield _source(sources[index], segment.get("text") if isinstance(segment, dict) else None)
    for index, source in enumerate(sources):
        if index not in used:
            yield _source(source, None)


def recited(metadata: Any) -> Iterator[Citation | None]:
    """Texts that the model repeats: `citationSources` on Google's own API, `citations` on Vertex."""
    if isinstance(metadata, dict):
        for source in _objects(metadata.get("citationSources") or metadata.get("citations")):
            yield cite(source.get("uri"), source.get("title"))


def _source(chunk: dict[str, Any], passage: Any) -> Citation | None:
    held = next((chunk[kind] for kind in ("web", "retrievedContext", "maps", "image") if chunk.get(kind)), None)
    if not isinstance(held, dict):
        return None
    return cite(held.get("uri") or held.get("sourceUri"), held.get("title"), text=passage, quote=held.get("text"))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
