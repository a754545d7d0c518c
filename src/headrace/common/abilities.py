"""What can be said to a provider in its dialect: found out by saying it, to nobody. No table that could be wrong.

It is about the dialect: whether one model takes images is the model's affair.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from headrace.common.model_list import lists_models
from headrace.errors import RequestError
from headrace.providers.base import ChatRequest, Endpoint, Provider

_SAID = "ability"
_TEXT = [{"role": "user", "content": _SAID}]
_PNG = "data:image/png;base64,iVBORw0KGgo="
_IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": _PNG}}]}]
_TOOL = {"type": "function", "function": {"name": _SAID, "parameters": {"type": "object", "properties": {}}}}
_OBJECT = {"type": "object", "properties": {_SAID: {"type": "string"}}}
_SCHEMA = {"type": "json_schema", "json_schema": {"name": _SAID, "schema": _OBJECT}}
_EMPTY = [{"role": "user", "content": "x"}]
_PLACES = {
    "azure": "https://resource.openai.azure.com",
    "vertex": "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1",
}
_AWS = "https://bedrock-runtime.us-east-1.amazonaws.com"
_MODELS = {"bedrock-invoke": "anthropic.claude-sonnet-4-5"}


@lru_cache(maxsize=1024)
def abilities(row: Provider) -> dict[str, bool | None]:
    """`tools`, `images`, `structuredOutput`, and `models` (they can be listed); None: not known."""
    if not _takes(row, _SAID, messages=_TEXT):
        return {"tools": None, "images": None, "structuredOutput": None, "models": lists_models(row)}
    return {
        "tools": _takes(row, _SAID, messages=_EMPTY, tools=[_TOOL]),
        "images": _takes(row, "iVBORw0KGgo=", messages=_IMAGE),
        "structuredOutput": _takes(row, _SAID, messages=_EMPTY, response_format=_SCHEMA),
        "models": lists_models(row),
    }


def _takes(row: Provider, mark: str, **asked: Any) -> bool:
    """Whether the request can be built and holds the mark: what a dialect has no word for is refused or left out."""
    place = row.base_url or next((place for quirk, place in _PLACES.items() if quirk in row.quirks), _AWS)
    endpoint = Endpoint(place, _MODELS.get(row.adapter.name, "m"), "key")
    try:
        return mark.encode() in row.adapter.build(ChatRequest(**asked), endpoint, row).body
    except RequestError:
        return False
