"""What the one person on this machine can use at once: model servers that run here, and keys of its environment.

Only loopback is asked, each server for a moment; one that does not answer in it is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from django.http import HttpRequest
from ninja import Router

from headrace.common.conf import get_settings
from headrace.common.environment_keys import environment_key
from headrace.common.identity import allows
from headrace.common.model_list import provider_models
from headrace.common.registry import all_rows
from headrace.common.requests import InlineModel
from headrace.common.rest import WireSchema
from headrace.errors import UpstreamError
from headrace.llm.providers_api import on_stream_loop
from headrace.providers.base import Provider
from headrace.providers.usual import USUAL_MODELS

router = Router(tags=["providers"], by_alias=True)
PATIENCE_SECONDS = 0.3  # nobody waits for what is not there; a server on this machine answers in a few ms
MOST_OF_ONE = 3  # of one server: an offer, not a list
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class FoundModel(WireSchema):
    provider_id: str
    title: str
    model_id: str
    key_here: bool


class FoundModels(WireSchema):
    models: list[FoundModel]


@router.get("/found/", response=FoundModels, summary="What is on this machine", operation_id="findModels")
@allows("known")
async def find_models(request: HttpRequest) -> FoundModels:
    """Nothing where several people use the server: what runs beside it is not theirs."""
    if not get_settings().local:
        return FoundModels(models=[])
    rows = list(all_rows())
    here = _servers(rows, own=request.get_port())
    listed = await on_stream_loop(request, _listed(here))
    keyed = [_found(row, USUAL_MODELS[row.name], key=True) for row in rows if _offers(row)]
    return FoundModels(models=[*listed, *keyed])


def _offers(row: Provider) -> bool:
    return row.name in USUAL_MODELS and environment_key(row) != ""


def _servers(rows: Iterable[Provider], own: str) -> list[Provider]:
    """The rows whose address is on this machine: one for each port, and not this server's own, if it has one."""
    found: dict[int, Provider] = {}
    for row in rows:
        address = urlsplit(row.base_url)
        port = address.port or 80
        if address.scheme == "http" and address.hostname in LOOPBACK and str(port) != own:
            found.setdefault(port, row)
    return list(found.values())


async def _listed(rows: Sequence[Provider]) -> list[FoundModel]:
    return [model for models in await asyncio.gather(*map(_of_one, rows)) for model in models]


async def _of_one(row: Provider) -> list[FoundModel]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            names = [each.id for each in await provider_models(row, InlineModel(row.name, "", ""), row.base_url)]
    except (UpstreamError, TimeoutError):
        return []
    chatting = [name for name in names if "embed" not in name.lower()]
    return [_found(row, name) for name in chatting[:MOST_OF_ONE]]


def _found(row: Provider, model: str, *, key: bool = False) -> FoundModel:
    return FoundModel(provider_id=row.name, title=row.title, model_id=model, key_here=key)
