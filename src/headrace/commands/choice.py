"""Which model `headrace chat` asks, from what was said on the command line, what runs here and which keys there are.

A provider's own key variable is used for that provider's own addresses and for no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from headrace.backends.localmodel import DEFAULT_LOCAL_MODEL, LOCAL_MODELS
from headrace.commands.discovery import FoundServer, found_servers
from headrace.commands.terminal import CommandError
from headrace.common.registry import resolve
from headrace.providers.base import Provider
from headrace.providers.presets import GENERIC, PRESETS
from headrace.providers.usual import USUAL_MODELS

KEY_VARIABLE = "HEADRACE_API_KEY"
LOCAL = "local"

Config = dict[str, str]


def choose(
    model: str,
    provider: str,
    endpoint: str,
    environ: Mapping[str, str],
    find: Callable[[], Sequence[FoundServer]] = found_servers,
) -> Config:
    """A model configuration for `LLMService`. Raises CommandError where it would have to guess."""
    if provider.strip().lower() == LOCAL and not endpoint:
        return _local(model)
    if provider or endpoint:
        return _named(model, provider, endpoint, environ, find)
    if model in LOCAL_MODELS:
        return _local(model)
    return _found(model, find()) or _by_key(model, environ) or _fallback(model)


def _named(
    model: str, provider: str, endpoint: str, environ: Mapping[str, str], find: Callable[[], Sequence[FoundServer]]
) -> Config:
    row = resolve(provider or GENERIC.name, endpoint)
    if not model and not endpoint:
        here = next((server for server in find() if server.provider == row.name), None)
        model = here.models[0] if here else USUAL_MODELS.get(row.name, "")
    if not model:
        raise CommandError(f"Which model of {row.title}? Name it: --model NAME")
    return _config(provider or row.name, endpoint, model, key_for(row, endpoint, environ))


def key_for(row: Provider, endpoint: str, environ: Mapping[str, str]) -> str:
    """The key in the environment that may go to this endpoint: ours, or the provider's own to its own address."""
    ours = environ.get(KEY_VARIABLE, "")
    if ours or not row.key_variable:
        return ours
    own = not endpoint or (endpoint.startswith("https://") and resolve("", endpoint).key_variable == row.key_variable)
    return environ.get(row.key_variable, "") if own else ""


def _found(model: str, servers: Sequence[FoundServer]) -> Config | None:
    for server in servers:
        if not model or model in server.models:
            return _config(server.provider, server.endpoint, model or server.models[0])
    return None


def _by_key(model: str, environ: Mapping[str, str]) -> Config | None:
    for name, usual in USUAL_MODELS.items():
        if key := environ.get(PRESETS[name].key_variable):
            return _config(name, "", model or usual, key)
    return None


def _fallback(model: str) -> Config:
    if model:
        raise CommandError(f"Where is {model!r}? Name its provider or its address: --provider NAME or --endpoint URL")
    return _local(DEFAULT_LOCAL_MODEL)


def _local(model: str) -> Config:
    return {"providerId": LOCAL, "modelId": model or DEFAULT_LOCAL_MODEL}


def _config(provider: str, endpoint: str, model: str, key: str = "") -> Config:
    return {"providerId": provider, "endpoint": endpoint, "modelId": model, "apiKey": key}
