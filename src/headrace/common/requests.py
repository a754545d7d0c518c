"""A chat as a caller words it, checked: messages, options, the model. One reading for the endpoint and the services.

It asks nobody anything: whether a provider, a configuration or an address exists is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from headrace.common.request_types import (
    DEFAULT_MAX_DURATION,
    DEFAULT_MAX_TOKENS,
    DEFAULT_TEMPERATURE,
    DEFAULT_TIMEOUT,
    Message,
    Messages,
    ModelFields,
    Options,
    StreamOptions,
)
from headrace.common.validation import checked, joined, plain, shown, well_formed
from headrace.errors import RequestError
from headrace.providers.base import ChatRequest
from headrace.providers.endpoints import parse_endpoint

LOCAL = "local"
WIRE_NAMES = dict(zip(Options.__struct_fields__, Options.__struct_encode_fields__, strict=True))

_KEY = re.compile(r"[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class InlineModel:
    """A model given in full. `endpoint` may be empty: the provider's own address then. The key is in no `repr`."""

    provider_id: str
    endpoint: str
    model_id: str
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A configuration of the project."""

    config_id: str


@dataclass(frozen=True, slots=True)
class LocalModel:
    """The model that comes with Headrace; an empty `model_id` is the plain one."""

    model_id: str = ""


ModelRef = InlineModel | StoredModel | LocalModel


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What the options say about the stream rather than the question. Durations are in seconds."""

    timeout: float = DEFAULT_TIMEOUT
    max_duration: float = DEFAULT_MAX_DURATION
    metadata: Mapping[str, str] = field(default_factory=dict)
    include_usage: bool = False
    include_ids: bool = False
    include_digest: bool = False
    include_wire: bool = False
    on_disconnect: Literal["cancel", "continue"] = "cancel"

    @property
    def shows_finish(self) -> bool:
        """The digest is in the `finish`, so whoever asks for it is shown that."""
        return self.include_usage or self.include_digest


class _Talk(msgspec.Struct):
    messages: Messages


def chat_request(messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any] | None = None) -> ChatRequest:
    """The question that `messages` and `options` (camelCase or snake_case keys) put. RequestError names the field.

    An option that nobody knows is refused: in a program a misspelt one would be lost in silence.
    """
    talk = checked(_Talk, {"messages": messages})
    return request_of(talk.messages, checked(Options, options or {}, strict=True))


def stream_settings(options: Mapping[str, Any] | None = None) -> StreamSettings:
    """Time limits, metadata and stream options among the same `options`."""
    return settings_of(checked(Options, options or {}, strict=True))


def model_ref(config: Mapping[str, Any], *, at: str = "") -> ModelRef:
    """Which model `config` means. `at` is its path in the request, for the error that names the field."""
    fields = checked(ModelFields, config, at=at)
    provider = _trimmed(fields.provider_id, joined(at, "providerId")).lower()
    if fields.config_id:
        return _stored(fields, at)
    if provider == LOCAL:
        return _local(fields, at)
    if not provider:
        raise _missing(at, "providerId", "a provider's name, such as openai, ollama or local")
    model = _trimmed(fields.model_id, joined(at, "modelId"))
    if not model:
        raise _missing(at, "modelId", "the model's name at the provider")
    return InlineModel(provider, endpoint(fields.endpoint or "", at=at), model, api_key(fields.api_key or "", at=at))


def endpoint(text: str, *, at: str = "") -> str:
    """An address as people type it, trimmed; empty stays empty. Refused: no http(s) URL, or one with a password."""
    path = joined(at, "endpoint")
    if not well_formed(text, path).strip():
        return ""
    try:
        return parse_endpoint(text).geturl()
    except RequestError as error:
        raise RequestError(error.message, field=path) from None


def api_key(text: str, *, at: str = "") -> str:
    """A key, trimmed, that fits into a header: anything else could add headers of its own."""
    text = text.strip()
    if not _KEY.fullmatch(text):
        path = joined(at, "apiKey")
        raise RequestError(f"{path} holds a blank, a line break or a letter beyond ASCII: no key does", field=path)
    return text


def request_of(messages: list[Message], options: Options) -> ChatRequest:
    """The checked parts as one question. Also checks what types cannot say, and that all of it is plain JSON."""
    for n, message in enumerate(messages):
        _check_message(message, f"messages[{n}]")
    for n, tool in enumerate(options.tools or ()):
        _check_tool(tool, f"tools[{n}]")
    given: dict[str, Any] = {
        "top_p": options.top_p,
        "top_k": options.top_k,
        "stop": [options.stop] if isinstance(options.stop, str) else options.stop,
        "seed": options.seed,
        "tools": options.tools,
        "tool_choice": options.tool_choice,
        "response_format": options.response_format,
        "reasoning_effort": options.reasoning_effort,
        "extra_body": options.extra_body or {},
    }
    for name, value in given.items():
        plain(value, WIRE_NAMES[name])
    return ChatRequest(messages=[_built(m, n) for n, m in enumerate(messages)], **given, **_defaults(options))


def settings_of(options: Options) -> StreamSettings:
    """The checked options' word on the stream."""
    metadata = options.metadata or {}
    plain(metadata, "metadata")
    shown_as = options.stream_options or StreamOptions()
    return StreamSettings(
        timeout=options.timeout or DEFAULT_TIMEOUT,
        max_duration=options.max_duration or DEFAULT_MAX_DURATION,
        metadata=metadata,
        include_usage=shown_as.include_usage,
        include_ids=shown_as.include_ids,
        include_digest=shown_as.include_digest,
        include_wire=shown_as.include_wire,
        on_disconnect=shown_as.on_disconnect,
    )


def _defaults(options: Options) -> dict[str, Any]:
    """The two options that have a value of ours when the caller gives none; those are named in `defaulted`."""
    ours = {"temperature": DEFAULT_TEMPERATURE, "max_tokens": DEFAULT_MAX_TOKENS}
    given = {name: getattr(options, name) for name in ours}
    defaulted = frozenset(name for name, value in given.items() if value is UNSET)
    return {name: ours[name] if name in defaulted else given[name] for name in ours} | {"defaulted": defaulted}


def _built(message: Message, n: int) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(message)
    built.setdefault("content", None)
    plain(built, f"messages[{n}]")
    return built


def _check_message(message: Message, path: str) -> None:
    if message.role == "tool" and not message.tool_call_id:
        where = joined(path, "tool_call_id")
        raise RequestError(f"{where} is missing; a tool message names the call that it answers", field=where)
    if message.tool_calls and message.role != "assistant":
        where = joined(path, "tool_calls")
        raise RequestError(f"{where} belong to an assistant's message, not to role {message.role}", field=where)
    if message.content is None and not message.tool_calls:
        where = joined(path, "content")
        also = ", unless it has tool_calls" if message.role == "assistant" else ""
        raise RequestError(f"{where} is missing; it must be a string or a list of parts{also}", field=where)


def _check_tool(tool: Mapping[str, Any], path: str) -> None:
    kind = tool.get("type")
    if not isinstance(kind, str) or not kind:
        where = joined(path, "type")
        raise RequestError(f'{where} must be a string such as "function"; got {shown(kind)}', field=where)
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    if kind == "function" and not (isinstance(name, str) and name):
        where = joined(path, "function.name")
        raise RequestError(f"{where} must be the function's name; got {shown(name)}", field=where)


def _stored(fields: ModelFields, at: str) -> StoredModel:
    for name, wire in zip(ModelFields.__struct_fields__, ModelFields.__struct_encode_fields__, strict=True):
        if name != "config_id" and getattr(fields, name):
            path = joined(at, wire)
            raise RequestError(f"{path} cannot stand beside configId: the configuration has its own", field=path)
    return StoredModel(_trimmed(fields.config_id, joined(at, "configId")))


def _local(fields: ModelFields, at: str) -> LocalModel:
    if fields.endpoint:
        path = joined(at, "endpoint")
        raise RequestError(f"{path} cannot be chosen for the local model; leave it out", field=path)
    return LocalModel(_trimmed(fields.model_id, joined(at, "modelId")))


def _trimmed(text: str | None, path: str) -> str:
    name = well_formed((text or "").strip(), path)
    if "\0" in name:
        raise RequestError(f"{path} holds the character U+0000", field=path)
    return name


def _missing(at: str, name: str, right: str) -> RequestError:
    path = joined(at, name)
    return RequestError(f"{path} is missing; it must be {right}", field=path)
