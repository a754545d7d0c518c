"""From a checked chat to a stream that is ready to start: the model found, its address allowed, the source made."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from headrace.backends.egress import EgressPolicy
from headrace.backends.metrics import count_egress_refusal
from headrace.common.chats import Chat
from headrace.common.conf import get_settings
from headrace.common.database import in_database
from headrace.common.gates import pass_gates
from headrace.common.hooks import Hooks, abefore, site_hooks
from headrace.common.owners import project_key
from headrace.common.requests import InlineModel, LocalModel, StoredModel
from headrace.common.shared_limits import take_place
from headrace.common.stream_options import options_of
from headrace.common.streams.adjustments import AdjustmentMemory
from headrace.common.streams.build import source_for
from headrace.common.streams.fallbacks import Candidate, FallbackSource
from headrace.common.streams.live import LiveStream, StreamOptions
from headrace.common.streams.runtime import streams
from headrace.common.streams.sources import HTTPSource, Source
from headrace.errors import RequestError, UpstreamError
from headrace.projects.finding import is_ours


async def start_chat(chat: Chat, project: Any, *, caller: str = "", hooks: Hooks | None = None) -> LiveStream:
    """The stream of this chat, not yet asking. RequestError for what can be known to be wrong beforehand.

    `project` is ours or the site's own; `hooks` stand in for the settings' ones.
    """
    return streams().create(*await prepared_chat(chat, project, caller=caller, hooks=hooks))


async def prepared_chat(
    chat: Chat, project: Any, *, caller: str = "", hooks: Hooks | None = None
) -> tuple[Source, StreamOptions]:
    """The source and the options that `Streams.create` needs for this chat. Raises like `start_chat`."""
    settings, registry = get_settings(), streams()
    if registry.draining:
        raise RequestError("this server is about to end; ask again in a moment", code="draining", status=503)
    if len(registry) >= settings.max_streams:
        message = f"this server runs {settings.max_streams} streams (HEADRACE_MAX_STREAMS); try again in a moment"
        raise RequestError(message, code="too_many_streams", status=503)
    await pass_gates(project_key(project))
    hooks = site_hooks() if hooks is None else hooks
    chat = await abefore(replace(chat, project=project_key(project), caller=caller), hooks)
    source = _source(await _found(project, chat.model), chat, registry.memory)
    leave_place = await take_place(registry.journal, chat.project, caller)
    return source, replace(options_of(chat, hooks), caller=caller, leave_place=leave_place)


async def _found(project: Any, model: Any) -> list[tuple[str, Any]]:
    """The model, then its fallbacks, each with its `config_id`. Only projects of ours have stored configurations."""
    if not isinstance(model, StoredModel):
        return [("", model)]
    if not is_ours(project):
        message = "model.configId names a stored configuration, and this project has none: send the model in full"
        raise RequestError(message, field="model.configId", code="unknown_configuration")
    from headrace.llm.models import stored_models

    return await in_database(lambda: stored_models(project, model.config_id))


def _source(models: list[tuple[str, Any]], chat: Chat, memory: AdjustmentMemory) -> Source:
    """The source that asks the first of these models, and the others in turn where it fails."""
    (_, first), *others = models
    source = source_for(first, chat.request, timeout=chat.settings.timeout, memory=memory)
    if isinstance(source, HTTPSource) and isinstance(first, InlineModel):
        _check_address(source)
        if not others:  # where there are, the next one may have words for what this one has none for
            source.prepare()
    if not others:
        return source
    candidates = [Candidate(config_id, _stand_in(model, chat, memory, source)) for config_id, model in others]
    return FallbackSource([Candidate(models[0][0], source), *candidates])


def _stand_in(model: InlineModel | LocalModel, chat: Chat, memory: AdjustmentMemory, first: Source) -> Source:
    """A fallback's source. `extra_body` was written for the first model's dialect and is not sent in another."""
    source = source_for(model, chat.request, timeout=chat.settings.timeout, memory=memory)
    if isinstance(source, HTTPSource) and _dialect(source) != _dialect(first):
        source.request = replace(source.request, extra_body={})
    return source


def _dialect(source: Source) -> str:
    return source.provider_row.adapter.name if isinstance(source, HTTPSource) else ""


@lru_cache(maxsize=4)
def _policy(allow: tuple[str, ...], local: bool) -> EgressPolicy:
    return EgressPolicy(allow, local=local)


def _check_address(source: HTTPSource) -> None:
    """Refuse an address whose text alone shows that it is not allowed; the rest is checked when it is connected to."""
    settings = get_settings()
    try:
        _policy(settings.egress_allow, settings.local).check_url(source.base_url)
    except UpstreamError as error:
        if error.code == "egress_refused":
            count_egress_refusal()
        raise RequestError(error.message, field="model.endpoint", code=error.code) from None
