"""The models that a provider offers, asked of the provider itself: one GET, within bounds, by the egress policy.

The key goes where a chat's would, and nowhere else. What comes back is names, for a person to choose from.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from headrace.backends.http import HTTPAnswer, HTTPClient
from headrace.common.requests import InlineModel
from headrace.common.streams.runtime import http_client
from headrace.errors import RequestError, UpstreamError
from headrace.providers.base import ChatRequest, Endpoint, HTTPRequest, Provider
from headrace.providers.failures import MAX_BODY_READ, read_failure

LIST_SECONDS = 15.0
"""For the whole of it: a person waits."""
MAX_LIST = 4 * 1024 * 1024
"""Bytes of the answer; the longest in the wild, OpenRouter's with its descriptions, has about one MiB."""
MAX_MODELS = 5000
MAX_MODEL_NAME = 512

_PATHS = {
    "openai-chat": "/models",
    "openai-completions": "/models",
    "openai-responses": "/models",
    "mistral": "/models",
    "ollama": "/api/tags",
    "ollama-generate": "/api/tags",
    "anthropic": "/models?limit=1000",
    "gemini": "/models?pageSize=1000",
}
_ELSEWHERE = frozenset({"vertex", "azure"})
"""Habits of rows whose models are listed by another service than the one that answers chats."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """`title` is the provider's name for people, or empty."""

    id: str
    title: str = ""


def lists_models(row: Provider) -> bool:
    """Whether we know where this provider lists its models."""
    return row.adapter.name in _PATHS and not (row.quirks & _ELSEWHERE)


async def provider_models(
    row: Provider, model: InlineModel, base: str, *, client: Callable[[str], HTTPClient] = http_client
) -> list[ListedModel]:
    """The models at `base`. UpstreamError for what went wrong there; RequestError where none can be listed."""
    if not lists_models(row):
        raise RequestError(f"{row.title} does not list its models in a way that we know", field="providerId")
    secrets = row.adapter.secrets(model.api_key)
    deadline = asyncio.get_running_loop().time() + LIST_SECONDS
    try:
        async with asyncio.timeout_at(deadline):
            request = _request(row, Endpoint(base, "model", model.api_key))
            answer = await client(row.name).send(request, deadline=deadline, idle=LIST_SECONDS, method="GET")
            async with answer:
                return _listed(await _body(answer, secrets))
    except TimeoutError:
        message = f"The list of models was not complete after {LIST_SECONDS:g} s."
        raise UpstreamError("upstream_total_timeout", message, retryable=True) from None


def _request(row: Provider, endpoint: Endpoint) -> HTTPRequest:
    """A GET with the headers that a chat would have: each dialect knows how its key travels."""
    chat = row.adapter.build(ChatRequest(messages=[{"role": "user", "content": "x"}]), endpoint, row)
    headers = {name: value for name, value in chat.headers.items() if name not in ("content-type", "accept")}
    return HTTPRequest(endpoint.base_url + _PATHS[row.adapter.name], headers | {"accept": "application/json"}, b"")


async def _body(answer: HTTPAnswer, secrets: tuple[str, ...]) -> bytes:
    good = 200 <= answer.status < 300
    body = b""
    while data := await answer.read():
        body += data
        if len(body) > (MAX_LIST if good else MAX_BODY_READ):
            if good:
                raise UpstreamError("upstream_limit", f"The list of models is longer than {MAX_LIST} bytes.")
            break
    if not good:
        raise read_failure(answer.status, answer.headers, body[:MAX_BODY_READ], secrets=secrets, now=time.time())
    return body


def _listed(body: bytes) -> list[ListedModel]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = "The provider's list of models is not JSON: is the endpoint its API?"
        raise UpstreamError("upstream_protocol", message) from None
    named = {model.id: model for row in _rows(found) if (model := _model(row)) is not None}
    return list(named.values())[:MAX_MODELS]


def _rows(found: Any) -> Iterator[Any]:
    """The list in the shapes of the world: the body itself, or under `data` or `models`."""
    rows = found if isinstance(found, list) else None
    if isinstance(found, dict):
        rows = next((found[name] for name in ("data", "models") if isinstance(found.get(name), list)), None)
    if rows is None:
        raise UpstreamError("upstream_protocol", "The provider's answer holds no list of models.")
    yield from rows


def _model(row: Any) -> ListedModel | None:
    if not isinstance(row, dict):
        return None
    name = next((value for key in ("id", "name", "model") if isinstance(value := row.get(key), str) and value), "")
    title = next((value for key in ("display_name", "displayName") if isinstance(value := row.get(key), str)), "")
    name = name.removeprefix("models/")
    return ListedModel(name, title[:MAX_MODEL_NAME]) if 0 < len(name) <= MAX_MODEL_NAME else None
