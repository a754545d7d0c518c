"""A project's model configurations over HTTP. A key can be written, replaced and removed, never read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Router, Status
from pydantic import Field, StrictBool, StrictStr

from headrace.common.environment_keys import environment_key
from headrace.common.identity import allows
from headrace.common.registry import resolve
from headrace.common.request_types import MAX_ENDPOINT, MAX_KEY, MAX_NAME
from headrace.common.requests import LOCAL, api_key, endpoint
from headrace.common.rest import ErrorAnswer, WireSchema
from headrace.errors import RequestError
from headrace.llm.models import ModelConfiguration
from headrace.projects.access import asked_project
from headrace.providers.text_only import reads_text_only

router = Router(tags=["models"], by_alias=True)
ERRORS = frozenset({400, 404})
MAX_CONFIGURATIONS = 1000
"""In one project: the list is answered whole."""
MAX_FALLBACKS = 8
"""Each may take its whole time-out: nobody waits for more."""

Title = Annotated[StrictStr, Field(min_length=1, max_length=200, description="A name for people.")]
ProviderId = Annotated[StrictStr, Field(min_length=1, max_length=64, description="openai, ollama, local, …")]
Address = Annotated[StrictStr, Field(max_length=MAX_ENDPOINT, description="Empty: the provider's own.")]
ModelId = Annotated[StrictStr, Field(max_length=MAX_NAME, description="The model's name at the provider.")]
Key = Annotated[StrictStr, Field(max_length=MAX_KEY, description="Write-only; empty removes it.")]
FromEnvironment = Annotated[
    StrictBool,
    Field(description="Take the key from the server's own environment (see a provider's `keyHere`)."),
]
Fallbacks = Annotated[
    list[Annotated[StrictStr, Field(min_length=1, max_length=64)]],
    Field(max_length=MAX_FALLBACKS, description="configIds to ask in turn where this one fails before it answers."),
]


class NewConfiguration(WireSchema):
    name: Title
    provider_id: ProviderId
    endpoint: Address = ""
    model_id: ModelId = ""
    api_key: Key = ""
    key_from_environment: FromEnvironment = False
    fallbacks: Fallbacks = Field(default_factory=list)


class ChangedConfiguration(WireSchema):
    """What is left out stays. A changed address forgets the key unless the key is sent along."""

    name: Title | None = None
    provider_id: ProviderId | None = None
    endpoint: Address | None = None
    model_id: ModelId | None = None
    api_key: Key | None = None
    fallbacks: Fallbacks | None = None


class ConfigurationAnswer(WireSchema):
    config_id: str
    name: str
    provider_id: str
    endpoint: str
    model_id: str
    has_key: bool
    reads_images: bool = Field(description="False: known to read text only.")
    fallbacks: list[str]
    created: datetime
    updated: datetime


class ConfigurationList(WireSchema):
    models: list[ConfigurationAnswer]


FAILED: dict[Any, Any] = {ERRORS: ErrorAnswer}
ONE: dict[Any, Any] = {200: ConfigurationAnswer, **FAILED}


@router.get(
    "/projects/{project_id}/models/",
    response={200: ConfigurationList, **FAILED},
    summary="List a project's model configurations",
    operation_id="listModels",
)
@allows("read")
def list_models(request: HttpRequest, project_id: str) -> ConfigurationList:
    found = _configurations(request, project_id)[:MAX_CONFIGURATIONS]
    return ConfigurationList(models=[_answer(each) for each in found])


@router.post(
    "/projects/{project_id}/models/",
    response={201: ConfigurationAnswer, **FAILED},
    summary="Store a model configuration",
    operation_id="createModel",
)
@allows("configure")
def create_model(request: HttpRequest, project_id: str, model: NewConfiguration) -> Status[ConfigurationAnswer]:
    project = asked_project(request, project_id)
    if project.configurations.count() >= MAX_CONFIGURATIONS:
        raise RequestError(f"a project keeps at most {MAX_CONFIGURATIONS} configurations", code="conflict", status=409)
    given = model.dict(by_alias=False)
    if given.pop("key_from_environment"):
        given["api_key"] = _environment_key(model)
    return Status(201, _written(ModelConfiguration(project=project), given))


@router.get(
    "/projects/{project_id}/models/{config_id}/",
    response=ONE,
    summary="Read a model configuration",
    operation_id="readModel",
)
@allows("read")
def read_model(request: HttpRequest, project_id: str, config_id: str) -> ConfigurationAnswer:
    return _answer(_configuration(request, project_id, config_id))


@router.patch(
    "/projects/{project_id}/models/{config_id}/",
    response=ONE,
    summary="Change a model configuration",
    operation_id="changeModel",
)
@allows("configure")
def change_model(
    request: HttpRequest, project_id: str, config_id: str, model: ChangedConfiguration
) -> ConfigurationAnswer:
    found = _configuration(request, project_id, config_id)
    given = {name: value for name, value in model.dict(by_alias=False, exclude_unset=True).items() if value is not None}
    return _written(found, given)


@router.delete(
    "/projects/{project_id}/models/{config_id}/",
    response={204: None, **FAILED},
    summary="Delete a model configuration and its key",
    operation_id="deleteModel",
)
@allows("configure")
def delete_model(request: HttpRequest, project_id: str, config_id: str) -> Status[None]:
    _configuration(request, project_id, config_id).delete()
    return Status(204, None)


def _environment_key(model: NewConfiguration) -> str:
    if model.endpoint or model.api_key:
        field = "endpoint" if model.endpoint else "apiKey"
        raise RequestError(f"{field} cannot stand beside keyFromEnvironment, which has its own", field=field)
    key = environment_key(resolve(model.provider_id))
    if not key:
        message = "this server's environment holds no key of this provider for you; send apiKey"
        raise RequestError(message, field="keyFromEnvironment", code="key_missing")
    return key


def _configurations(request: HttpRequest, project_id: str) -> QuerySet[ModelConfiguration]:
    project = asked_project(request, project_id)
    return ModelConfiguration.objects.filter(project=project)


def _configuration(request: HttpRequest, project_id: str, config_id: str) -> ModelConfiguration:
    found = _configurations(request, project_id).filter(config_id=config_id).first()
    if found is None:
        raise RequestError(
            f"there is no configuration {config_id[:64]!r} in this project",
            field="configId",
            code="unknown_configuration",
            status=404,
        )
    return found


def _written(found: ModelConfiguration, given: dict[str, Any]) -> ConfigurationAnswer:
    """Check, store and show. The key comes last: it is bound to the address that stands then."""
    key = api_key(given.pop("api_key")) if "api_key" in given else None
    for name, value in given.items():
        setattr(found, name, endpoint(value) if name == "endpoint" else _trimmed(value))
    found.provider_id = found.provider_id.lower()
    _check(found, key)
    if key is not None:
        found.set_key(key)
    found.save()
    return _answer(found)


def _trimmed(value: str | list[str]) -> str | list[str]:
    return value.strip() if isinstance(value, str) else value


def _check_fallbacks(found: ModelConfiguration) -> None:
    """Each named once, in the same project, and not the configuration itself. Those that are gone may stay named."""
    before = ModelConfiguration.objects.filter(pk=found.pk).values_list("fallbacks", flat=True).first() or []
    others = ModelConfiguration.objects.filter(project=found.project).exclude(pk=found.pk)
    known = {*others.values_list("config_id", flat=True), *before} - {found.config_id}
    for n, config_id in enumerate(found.fallbacks):
        where = f"fallbacks[{n}]"
        if config_id not in known:
            raise RequestError(f"{where} {config_id!r} is no other configuration of this project", field=where)
        if config_id in found.fallbacks[:n]:
            raise RequestError(f"{where} {config_id!r} is named twice", field=where)


def _check(found: ModelConfiguration, key: str | None) -> None:
    _check_fallbacks(found)
    if not found.name:
        raise RequestError("name must not be blank", field="name")
    if found.provider_id == LOCAL and (found.endpoint or key):
        field = "endpoint" if found.endpoint else "apiKey"
        raise RequestError(f"{field} has no meaning for the local model; leave it out", field=field)
    if found.provider_id != LOCAL and not found.model_id:
        raise RequestError("modelId is missing; it must be the model's name at the provider", field="modelId")
    try:
        _ = found.origin
    except (RequestError, ValueError) as error:
        raise RequestError(str(error), field="endpoint") from None


def _answer(found: ModelConfiguration) -> ConfigurationAnswer:
    return ConfigurationAnswer(
        config_id=found.config_id,
        name=found.name,
        provider_id=found.provider_id,
        endpoint=found.endpoint,
        model_id=found.model_id,
        has_key=found.has_key,
        reads_images=found.provider_id != LOCAL and not reads_text_only(found.model_id),
        fallbacks=found.fallbacks,
        created=found.created,
        updated=found.updated,
    )
