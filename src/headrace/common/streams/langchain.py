"""A LangChain chat model instance as a source of events. LangChain is never imported: the instance brings it.

The instance does its own retries and holds its own key; we add the time limits, the typed events and the error codes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from headrace.common.streams.sources import Trace
from headrace.errors import RequestError, UpstreamError
from headrace.providers.base import ChatRequest
from headrace.providers.failures import read_failure
from headrace.providers.langchain import ChunkParser
from headrace.stream.events import Event, Finish, ReasoningDelta, TextDelta, Usage
from headrace.stream.thinking import DEFAULT, ThinkSplitter

_PASSED_ON = ("temperature", "max_tokens", "top_p", "top_k", "seed", "stop", "reasoning_effort", "response_format")
_KEY_NAMES = re.compile(r"api[-_]?key|authorization|cookie|token|secret|password", re.IGNORECASE)
MAX_NESTED = 3  # dictionaries in dictionaries: client_kwargs, its headers
MIN_SECRET = 8  # shorter values are no keys, and scrubbing them would eat words


@dataclass(slots=True)
class LangChainSource:
    """One question to one model instance. `timeout` is the longest silence, before the first chunk as well."""

    instance: Any
    request: ChatRequest
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if not callable(getattr(self.instance, "astream", None)):
            kind = type(self.instance).__name__
            message = f"a model is a configuration (a mapping) or a LangChain chat model; got {kind}"
            raise RequestError(message, field="model")

    @property
    def provider(self) -> str:
        kind = getattr(self.instance, "_llm_type", None)
        return f"langchain:{kind if isinstance(kind, str) else type(self.instance).__name__}"

    @property
    def model(self) -> str:
        for name in ("model_name", "model", "model_id"):
            if isinstance(value := getattr(self.instance, name, None), str):
                return value
        return type(self.instance).__name__

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(_secrets_of(self.instance))

    async def events(self, trace: Trace) -> AsyncGenerator[list[Event], None]:
        trace.attempts = 1
        parser, assembly = ChunkParser(), _Assembly()
        try:
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    if events := assembly.feed(parser.feed(chunk)):
                        trace.shown = True
                        yield events
        except (UpstreamError, RequestError):
            raise
        except Exception as error:
            if held := assembly.close():
                yield held
            raise upstream_error(error, self.secrets) from None
        end = parser.close()
        if not end:
            raise UpstreamError("upstream_empty", "The model answered with nothing.", retryable=True)
        trace.usage = next((event for event in end if isinstance(event, Usage)), None)
        yield [*assembly.close(), *end]

    async def _chunks(self) -> AsyncGenerator[Any, None]:
        """The instance's chunks, each within the time limit."""
        model, options = self._bound()
        stream = model.astream([dict(message) for message in self.request.messages], **options)
        async with aclosing(stream):
            first = True
            while True:
                try:
                    async with asyncio.timeout(self.timeout) as limit:
                        chunk = await anext(stream, None)
                except TimeoutError:
                    if limit.expired():
                        raise _silence(self.timeout, first=first) from None
                    raise
                if chunk is None:
                    return
                first = False
                yield chunk

    def _bound(self) -> tuple[Any, dict[str, Any]]:
        """The model with its tools, and the options that the caller really gave: our defaults are not its defaults."""
        request = self.request
        given = {name: getattr(request, name) for name in _PASSED_ON if name not in request.defaulted}
        options = {name: value for name, value in given.items() if value is not None} | dict(request.extra_body)
        if not request.tools:
            return self.instance, options
        choice = {} if request.tool_choice is None else {"tool_choice": request.tool_choice}
        return self.instance.bind_tools([dict(tool) for tool in request.tools], **choice), options


def named_model(name: str) -> Any:
    """What LangChain's `init_chat_model` makes of a name such as `openai:gpt-4o`. RequestError where it cannot."""
    if not name.strip():
        raise RequestError("the model's name is empty; it must be one such as openai:gpt-4o", field="model")
    try:
        from langchain.chat_models import init_chat_model
    except ImportError:
        message = f"the model name {name[:100]!r} is for LangChain, which is not installed: pip install langchain"
        raise RequestError(message, field="model") from None
    try:
        return init_chat_model(name)
    except Exception as error:  # a name it does not know, a package or a key it lacks: each integration has its own
        message = f"LangChain cannot make the model {name[:100]!r}: {_first_line(error)}"
        raise RequestError(message, field="model") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


class _Assembly:
    """Tags in the text apart from the answer, as for every provider; once reasoning came by itself, tags are text."""

    def __init__(self) -> None:
        self._splitter = ThinkSplitter(DEFAULT)

    def feed(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                out += self._splitter.feed(event.text)
            else:
                if isinstance(event, ReasoningDelta):
                    out += self._splitter.field_seen()
                if not isinstance(event, Finish):
                    out.append(event)
        return out

    def close(self) -> list[Event]:
        return list(self._splitter.close())


def upstream_error(error: Exception, secrets: tuple[str, ...]) -> UpstreamError:
    """What an integration raised, as one of our codes. Clients of most providers carry `status_code` and `body`."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int) and status >= 300:
        return read_failure(status, _headers(error), _body(error), secrets=secrets, now=0.0)
    name = f"{type(error).__module__}.{type(error).__name__}".lower()
    text = str(error) or type(error).__name__
    if "timeout" in name:
        return UpstreamError("upstream_timeout", f"The model did not answer in time: {text}", retryable=True)
    if "connect" in name:
        return UpstreamError("upstream_unreachable", f"The model could not be reached: {text}", retryable=True)
    return UpstreamError("upstream_error", f"The model failed: {text}")


def _silence(seconds: float, *, first: bool) -> UpstreamError:
    if first:
        message = f"The model said nothing for {seconds:g} s."
        return UpstreamError("upstream_first_byte_timeout", message, retryable=True)
    message = f"The model fell silent for {seconds:g} s in mid-answer."
    return UpstreamError("upstream_idle_timeout", message, retryable=True)


def _headers(error: Exception) -> dict[str, str]:
    headers = getattr(getattr(error, "response", None), "headers", None)
    return {str(name).lower(): str(value) for name, value in dict(headers).items()} if headers else {}


def _body(error: Exception) -> bytes:
    body = getattr(error, "body", None)
    if body is None:
        return str(error).encode("utf-8", "replace")
    try:
        return msgspec.json.encode(body if isinstance(body, dict) and "error" in body else {"error": body})
    except (TypeError, ValueError, msgspec.MsgspecError):
        return str(error).encode("utf-8", "replace")


def _secrets_of(instance: Any) -> list[str]:
    """The keys that the instance holds, wherever it holds them: nothing that is shown may contain one."""
    try:
        fields = dict(vars(instance))
    except TypeError:
        return []
    return [value for value in _held(fields) if len(value) >= MIN_SECRET]


def _held(fields: Mapping[Any, Any], depth: int = 0) -> Iterator[str]:
    """Values that are secret by their type or their name, in headers and other dictionaries among the fields too."""
    for name, value in fields.items():
        reveal = getattr(value, "get_secret_value", None)
        if callable(reveal):
            value = reveal()  # noqa: PLW2901
        elif isinstance(value, Mapping) and depth < MAX_NESTED:
            yield from _held(value, depth + 1)
        elif not _KEY_NAMES.search(str(name)):
            continue
        if isinstance(value, str):
            yield value.removeprefix("Bearer ").strip()
