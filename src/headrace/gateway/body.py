"""OpenAI's request body as our question. What it cannot mean here is refused by its own name, in OpenAI's spelling.

Nothing is added: where OpenAI's API leaves a default to the model, so does this face. It looks nothing up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

from headrace.common.http import parse_json
from headrace.common.request_types import MAX_NAME, MAX_TOKENS, Message, Messages, Options, StreamOptions
from headrace.common.requests import StreamSettings, request_of, settings_of
from headrace.common.validation import checked, shown
from headrace.errors import RequestError
from headrace.providers.base import ChatRequest

OPENAI_DIALECT = "openai-chat"
OPENAI_ONLY = frozenset(
    {
        "audio", "frequency_penalty", "logit_bias", "logprobs", "modalities", "parallel_tool_calls", "prediction",
        "presence_penalty", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store",
        "top_logprobs", "user", "verbosity", "web_search_options",
    }
)  # fmt: skip
"""Fields of OpenAI's API that other dialects have no word for: clients send them without being asked, so a model of
another dialect answers without them."""

_CAMEL = re.compile(r"\b[a-z]+(?:[A-Z][a-z]*)+\b")


class CompletionBody(Options, frozen=True, kw_only=True):
    """`POST /v1/chat/completions`. `Options` brings the fields that the playground's chat has too."""

    model: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="A model's name.")]
    messages: Messages
    max_completion_tokens: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | None, Meta(description="A whole number of at least 1.")
    ] = None
    stream: Annotated[bool | None, Meta(description="True or false.")] = None
    n: Annotated[
        Annotated[int, Meta(ge=1, le=1)] | None, Meta(description="1, since one answer is made at a time.")
    ] = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A request that was read: the model by its name, and the question before its dialect is known."""

    model: str
    stream: bool
    settings: StreamSettings
    messages: list[Message] = field(repr=False)
    options: Options = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False)
    """Fields that are nobody's but the model's server's, passed on as they are."""

    def question(self, dialect: str) -> ChatRequest:
        """The question for a model that speaks `dialect`. RequestError names the field in OpenAI's spelling."""
        passed = {name: value for name, value in self.extra.items() if _speaks(dialect, name)}
        body = {**passed, **(self.options.extra_body or {})}
        with _openai_spelling():
            return request_of(self.messages, msgspec.structs.replace(self.options, extra_body=body))


def read_completion(data: bytes) -> Completion:
    """The request in these bytes. RequestError names the field in OpenAI's spelling."""
    raw = parse_json(data)
    if not isinstance(raw, dict):
        raise RequestError(f"the body must be a JSON object; got {shown(raw)}")
    _refuse_legacy(raw)
    with _openai_spelling():
        body = checked(CompletionBody, raw | {"messages": _messages(raw.get("messages"))})
        limit = body.max_completion_tokens or (None if body.max_tokens is UNSET else body.max_tokens)
        heat = None if body.temperature is UNSET else body.temperature
        return Completion(
            body.model.strip(),
            bool(body.stream),
            settings_of(body),
            body.messages,
            msgspec.structs.replace(body, max_tokens=limit, temperature=heat),
            {name: value for name, value in raw.items() if name not in _KNOWN and value is not None},
        )


def _speaks(dialect: str, name: str) -> bool:
    return dialect == OPENAI_DIALECT or name not in OPENAI_ONLY


def _refuse_legacy(raw: Mapping[str, Any]) -> None:
    for name, instead in (("functions", "tools"), ("function_call", "tool_choice")):
        if raw.get(name) is not None:
            raise RequestError(f"{name} is of an older form that is not understood here; send {instead}", field=name)


def _messages(messages: Any) -> Any:
    if not isinstance(messages, list):
        return messages
    return [_message(each) if isinstance(each, dict) else each for each in messages]


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """One message with its synonyms resolved: `developer`, a refusal as the text it was, both words for reasoning."""
    out = dict(message)
    if out.get("role") == "developer":
        out["role"] = "system"
    if out.get("content") is None and isinstance(out.get("refusal"), str):
        out["content"] = out["refusal"]
    if isinstance(content := out.get("content"), list):
        out["content"] = [_part(part) for part in content]
    if out.get("reasoning_content") is None and isinstance(out.get("reasoning"), str):
        out["reasoning_content"] = out["reasoning"]
    return out


def _part(part: Any) -> Any:
    refusal = isinstance(part, dict) and part.get("type") == "refusal"
    return {"type": "text", "text": part.get("refusal")} if refusal else part


_KNOWN = frozenset({*CompletionBody.__struct_fields__, *CompletionBody.__struct_encode_fields__})
_SNAKE = frozenset({*CompletionBody.__struct_fields__, *StreamOptions.__struct_fields__})


class _openai_spelling:  # noqa: N801 - reads as the statement that it is
    """Errors inside name fields as this API spells them: `max_tokens`, not `maxTokens`."""

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, RequestError):
            message, name = (_CAMEL.sub(_respelled, text) for text in (error.message, error.field))
            raise RequestError(message, field=name, code=error.code, status=error.status) from None


def _respelled(match: re.Match[str]) -> str:
    snake = re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", match[0])
    return snake if snake in _SNAKE else match[0]
