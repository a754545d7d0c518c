"""From a model, in whatever form it was named, to the source that asks it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from headrace.backends.http import HTTPClient
from headrace.backends.localmodel import local_endpoint, local_model
from headrace.common.registry import resolve
from headrace.common.requests import InlineModel, LocalModel, StoredModel
from headrace.common.streams.adjustments import AdjustmentMemory
from headrace.common.streams.runtime import http_client
from headrace.common.streams.sources import HTTPSource, Source
from headrace.errors import RequestError
from headrace.providers.base import ChatRequest, Endpoint
from headrace.providers.presets import base_for

SourceMaker = Callable[[InlineModel, ChatRequest], Source]
MADE_HERE: dict[str, SourceMaker] = {}
"""Providers that are no provider: tests answer for these names themselves. Empty wherever nobody tests."""


def source_for(model: Any, request: ChatRequest, *, timeout: float, memory: AdjustmentMemory | None = None) -> Source:
    """The source for an inline configuration, the local model, or a LangChain chat model instance."""
    match model:
        case InlineModel(provider_id=name) if name in MADE_HERE:
            return MADE_HERE[name](model, request)
        case InlineModel():
            return _inline(model, request, timeout, memory)
        case LocalModel():
            return _local(model, request, timeout)
        case StoredModel():
            message = "A stored configuration is looked up in its project: use the project's endpoint."
            raise RequestError(message, field="model.configId")
        case _:
            from headrace.common.streams.langchain import LangChainSource

            return LangChainSource(model, request, timeout=timeout)


def _inline(model: InlineModel, request: ChatRequest, timeout: float, memory: AdjustmentMemory | None) -> HTTPSource:
    row = resolve(model.provider_id, model.endpoint)
    endpoint = Endpoint(base_for(row, model.endpoint), model.model_id, model.api_key)

    async def known() -> Endpoint:
        return endpoint

    client = partial(http_client, row.name)
    return HTTPSource(
        row, known, request, client, model.model_id, endpoint.base_url, model.api_key, timeout, memory=memory
    )


def _local(model: LocalModel, request: ChatRequest, timeout: float) -> HTTPSource:

    card = local_model(model.model_id)

    async def started() -> Endpoint:
        return await local_endpoint(card.id)

    return HTTPSource(resolve("local"), started, request, _local_client, card.id, timeout=timeout)


def _local_client() -> HTTPClient:
    return http_client(local_model=True)
