"""What a model's name means here: a stored configuration, else `provider/model`. Reads the database; asks nobody else.

Only the first `/` splits, so that `openrouter/deepseek/deepseek-r1` is a model of OpenRouter's. A provider is asked
with the key and at the address of the project's configuration for it; the caller's own bearer value goes nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.backends.localmodel import LOCAL_MODELS
from headrace.common.registry import resolve
from headrace.common.requests import LOCAL, InlineModel, LocalModel, ModelRef, StoredModel
from headrace.errors import RequestError
from headrace.llm.models import ModelConfiguration
from headrace.projects.finding import is_ours
from headrace.providers.base import Provider
from headrace.providers.presets import base_for

MAX_LISTED = 1000
"""As many as a project keeps."""


@dataclass(frozen=True, slots=True)
class Named:
    """The model that a name means, and the dialect that it is asked in."""

    model: ModelRef
    dialect: str


def model_named(project: Any, name: str) -> Named:
    """The model of this name. RequestError 404 in the words of OpenAI's API if there is none; blocks."""
    if "\0" in name:  # which PostgreSQL does not even look for
        raise _unknown(name)
    stored = _configurations(project)
    found = stored.filter(config_id=name).first() or stored.filter(name=name).first()
    if found is not None:
        return Named(StoredModel(found.config_id), resolve(found.provider_id, found.endpoint).adapter.name)
    provider, slash, model = (part.strip() for part in name.partition("/"))
    if provider.lower() == LOCAL and (model or not slash):
        return Named(LocalModel(model), resolve(LOCAL).adapter.name)
    if not (provider and model):
        raise _unknown(name)
    return _at_provider(project, name, provider, model)


def listed_models(project: Any) -> Iterator[dict[str, Any]]:
    """OpenAI's model objects: the project's configurations under their names, then the local models; blocks."""
    taken: set[str] = set()
    for each in _configurations(project)[:MAX_LISTED]:
        name = each.config_id if each.name in taken else each.name
        taken.add(name)
        yield model_object(name, each.provider_id, int(each.created.timestamp()))
    for model in LOCAL_MODELS:
        yield model_object(f"{LOCAL}/{model}", LOCAL)


def model_object(name: str, owner: str, created: int = 0) -> dict[str, Any]:
    """OpenAI's object of one model; `created` is in seconds, 0 where nobody knows."""
    return {"id": name, "object": "model", "created": created, "owned_by": owner}


def _at_provider(project: Any, name: str, provider: str, model: str) -> Named:
    row = resolve(provider)
    stored = next((each for each in _configurations(project) if _is_of(each, provider, row)), None)
    if stored is not None:
        reference = stored.reference()
        if isinstance(reference, InlineModel):
            there = InlineModel(stored.provider_id, stored.endpoint, model, reference.api_key)
            return Named(there, resolve(stored.provider_id, stored.endpoint).adapter.name)
    try:
        address = base_for(row)
    except RequestError:
        raise _unknown(name) from None
    if row.key_variable and address.startswith("https:"):
        message = (
            f"the model {name[:200]!r} needs a key of {row.title}: store one in a model configuration of this project"
        )
        raise RequestError(message, field="model", code="key_missing")
    return Named(InlineModel(provider.lower(), "", model), row.adapter.name)


def _is_of(stored: ModelConfiguration, provider: str, row: Provider) -> bool:
    """Whether a configuration is for the provider that was named: by the same word, or by another of its names."""
    if stored.provider_id == LOCAL:
        return False
    return stored.provider_id == provider.lower() or (
        row.base_url != "" and resolve(stored.provider_id).name == row.name
    )


def _configurations(project: Any) -> Any:
    """Those of a project of ours; a site's own projects have none."""
    stored = ModelConfiguration.objects
    return stored.filter(project=project) if is_ours(project) else stored.none()


def _unknown(name: str) -> RequestError:
    message = (
        f"there is no model {name[:200]!r} here: name a stored configuration, or provider/model, such as "
        f"{LOCAL}/{next(iter(LOCAL_MODELS))}; GET /v1/models lists them"
    )
    return RequestError(message, field="model", code="model_not_found", status=404)
