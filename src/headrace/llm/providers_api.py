"""The registry of providers over HTTP: the rows, and the models of one on request. No key is ever answered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from django.http import HttpRequest
from ninja import Router
from pydantic import Field, StrictStr

from headrace.backends.localmodel import LOCAL_MODELS
from headrace.common.abilities import abilities
from headrace.common.database import in_database
from headrace.common.environment_keys import environment_key
from headrace.common.identity import allows
from headrace.common.model_list import ListedModel, provider_models
from headrace.common.registry import all_rows, custom_rows, resolve
from headrace.common.request_types import MAX_ENDPOINT, MAX_KEY
from headrace.common.requests import LOCAL, InlineModel, LocalModel, api_key, endpoint
from headrace.common.rest import ErrorAnswer, WireSchema
from headrace.common.streams.runtime import loop_for
from headrace.errors import RequestError, UpstreamError
from headrace.llm.models import stored_model
from headrace.projects.access import aproject_of
from headrace.providers.base import Provider
from headrace.providers.presets import ALIASES, GENERIC, base_for

router = Router(tags=["providers"], by_alias=True)
T = TypeVar("T")


class Abilities(WireSchema):
    """What the dialect has words for; whether one model can do it is the model's affair. Null: not known."""

    tools: bool | None
    images: bool | None
    structured_output: bool | None
    models: Annotated[bool, Field(description="Its models can be listed.")]


class ProviderAnswer(WireSchema):
    provider_id: str
    title: str
    dialect: str
    endpoint: Annotated[str, Field(description="Empty: the caller has to give one.")]
    aliases: list[str]
    key_variable: Annotated[str, Field(description="Where `headrace chat` looks for its key; empty: it has none.")]
    key_here: Annotated[bool, Field(description="The server's own environment holds it, for `keyFromEnvironment`.")]
    docs_url: str
    reasoning_tags: Annotated[list[str], Field(description="The tags that its models' reasoning may stand in.")]
    custom: Annotated[bool, Field(description="From the operator's own file.")]
    abilities: Abilities


class ProviderList(WireSchema):
    providers: list[ProviderAnswer]


class AskedProvider(WireSchema):
    """Where to ask, and with what."""

    endpoint: Annotated[StrictStr, Field(max_length=MAX_ENDPOINT, description="Empty: the provider's own.")] = ""
    api_key: Annotated[StrictStr, Field(max_length=MAX_KEY, description="Sent there, kept nowhere.")] = ""


class ModelAnswer(WireSchema):
    id: str
    title: str


class ModelNames(WireSchema):
    models: list[ModelAnswer]


MODELS: dict[Any, Any] = {200: ModelNames, frozenset({400, 404, 429, 502, 504}): ErrorAnswer}


@router.get("/providers/", response=ProviderList, summary="List the providers", operation_id="listProviders")
@allows("known")
def list_providers(request: HttpRequest) -> ProviderList:  # noqa: ARG001 - Ninja names it so
    return ProviderList(providers=[_answer(row) for row in all_rows()])


@router.post(
    "/providers/{provider_id}/models/",
    response=MODELS,
    summary="List a provider's models",
    operation_id="listProviderModels",
)
@allows("known")
async def list_provider_models(request: HttpRequest, provider_id: str, asked: AskedProvider) -> ModelNames:
    address, key = endpoint(asked.endpoint), api_key(asked.api_key)
    return await _models(request, InlineModel(provider_id, address, "", key))


@router.get(
    "/projects/{project_id}/models/{config_id}/available/",
    response=MODELS,
    summary="List the models at a stored configuration's provider",
    operation_id="listAvailableModels",
)
@allows("chat")
async def list_available_models(request: HttpRequest, project_id: str, config_id: str) -> ModelNames:
    project = await aproject_of(request, project_id)
    return await _models(request, await in_database(lambda: stored_model(project, config_id)))


async def _models(request: HttpRequest, model: InlineModel | LocalModel) -> ModelNames:
    if isinstance(model, LocalModel) or model.provider_id.lower() == LOCAL:
        return ModelNames(models=[ModelAnswer(id=card.id, title=card.title) for card in LOCAL_MODELS.values()])
    row = resolve(model.provider_id, model.endpoint)
    if row is GENERIC and not model.endpoint:
        message = f"the provider {model.provider_id[:64]!r} is not known here; give its endpoint"
        raise RequestError(message, field="endpoint", code="unknown_provider", status=404)
    found = await on_stream_loop(request, _asked(row, model))
    return ModelNames(models=[ModelAnswer(id=each.id, title=each.title) for each in found])


async def _asked(row: Provider, model: InlineModel) -> list[ListedModel]:
    try:
        return await provider_models(row, model, base_for(row, model.endpoint))
    except UpstreamError as error:
        status = 504 if "timeout" in error.code else 429 if error.code == "upstream_rate_limited" else 502
        status = 400 if error.code == "egress_refused" else status
        raise RequestError(error.message, code=error.code, status=status) from None


async def on_stream_loop(request: HttpRequest, asking: Coroutine[Any, Any, T]) -> T:
    """Awaits it where this process's connections to providers live: under WSGI that is not the request's loop."""
    loop = loop_for(wsgi=not hasattr(request, "scope"))
    if loop is asyncio.get_running_loop():
        return await asking
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asking, loop))


def _answer(row: Provider) -> ProviderAnswer:
    return ProviderAnswer(
        provider_id=row.name,
        title=row.title,
        dialect=row.adapter.name,
        endpoint=row.base_url,
        aliases=sorted(name for name, known in ALIASES.items() if known == row.name),
        key_variable=row.key_variable,
        key_here=environment_key(row) != "",
        docs_url=row.docs_url,
        reasoning_tags=list(row.think.openers) if row.think else [],
        custom=row.name in custom_rows(),
        abilities=Abilities.model_validate(abilities(row)),
    )
