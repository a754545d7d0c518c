"""A Headrace server as a LangChain chat model: `ChatHeadrace`. It needs `pip install "headrace[client,langchain]"`.

The stream comes back by itself when its connection breaks, as every stream of this client does. Leaving it half way
ends it at the server. A broken answer raises `UpstreamError` after what had come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, SecretStr

from headrace.client import AsyncClient, Client
from headrace.client.transport import DEFAULT_API, LOCAL_MODEL
from headrace.errors import UpstreamError
from headrace.stream.answer import StreamEvent
from headrace.stream.events import Citation, Failure, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from headrace.stream.wire import citation_object


class ChatHeadrace(BaseChatModel):
    """Chats in one project of a Headrace server. `model` is the contract's: a provider's, or `{"configId": …}`.

    Thoughts are in `additional_kwargs["reasoning_content"]` (and so in `content_blocks`), sources in
    `additional_kwargs["citations"]`; `response_metadata` has the stream's id, so that others may join it.
    """

    api: str = DEFAULT_API
    project: str = "default"
    model: dict[str, Any] = Field(default_factory=lambda: dict(LOCAL_MODEL))
    token: SecretStr | None = None
    """A project's token (`hr_…`), where the server wants one."""
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    options: dict[str, Any] = Field(default_factory=dict)
    """Fields of every chat, such as `temperature`, `max_tokens`, `reasoning_effort`, `metadata`."""

    @property
    def _llm_type(self) -> str:
        return "headrace"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        named = {name: value for name, value in self.model.items() if name.lower().replace("_", "") != "apikey"}
        return {"api": self.api, "project": self.project, "model": named, **self.options}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | Any],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **fields: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with these tools. `tool_choice`: `auto`, `none`, `any`, or a tool's name."""
        known = [convert_to_openai_tool(tool) for tool in tools]
        choice = _choice(tool_choice, [tool.get("function", {}).get("name") for tool in known])
        return self.bind(tools=known, **({"tool_choice": choice} if choice else {}), **fields)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **fields: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **fields))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **fields: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **fields))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **fields: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with Client(self.api, project=self.project, headers=self._headers()) as client:
            stream = client.stream(_talk(messages), self.model, **self._fields(stop, fields))
            ended = False
            try:
                for event in stream:
                    ended = ended or isinstance(event, Finish | Failure)
                    chunk = _chunk(event, stream.id)
                    if run_manager is not None and isinstance(event, TextDelta):
                        run_manager.on_llm_new_token(event.text, chunk=chunk)
                    yield chunk
            finally:
                if not ended and stream.id is not None:
                    stream.stop()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **fields: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with AsyncClient(self.api, project=self.project, headers=self._headers()) as client:
            stream = client.stream(_talk(messages), self.model, **self._fields(stop, fields))
            ended = False
            try:
                async for event in stream:
                    ended = ended or isinstance(event, Finish | Failure)
                    chunk = _chunk(event, stream.id)
                    if run_manager is not None and isinstance(event, TextDelta):
                        await run_manager.on_llm_new_token(event.text, chunk=chunk)
                    yield chunk
            finally:
                if not ended and stream.id is not None:
                    await stream.stop()

    def _headers(self) -> dict[str, str]:
        carried = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
        return self.headers | carried

    def _fields(self, stop: list[str] | None, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self.options | ({"stop": stop} if stop else {}) | dict(fields)


def _choice(choice: str | dict[str, Any] | bool | None, names: list[Any]) -> str | dict[str, Any] | None:
    """LangChain's word in OpenAI's form: `any` and True are `required`, a tool's name is that tool."""
    if choice is None or choice is False:
        return None
    if choice is True or choice == "any":
        return "required"
    return {"type": "function", "function": {"name": choice}} if choice in names else choice


def _talk(messages: list[BaseMessage]) -> list[dict[str, Any]]:
    """The conversation in our form, with the thoughts of earlier answers, which LangChain's own conversion drops."""
    found = convert_to_openai_messages(messages)
    talk = [dict(each) for each in (found if isinstance(found, list) else [found])]
    for said, message in zip(talk, messages, strict=True):
        if thought := message.additional_kwargs.get("reasoning_content"):
            said["reasoning_content"] = thought
        if said.get("content") == "" and said.get("tool_calls"):
            said["content"] = None
    return talk


def _chunk(event: StreamEvent, stream_id: str | None) -> ChatGenerationChunk:
    """One event as LangChain has it. UpstreamError for a failure."""
    match event:
        case TextDelta(text):
            said = AIMessageChunk(content=text)
        case ReasoningDelta(text):
            said = AIMessageChunk(content="", additional_kwargs={"reasoning_content": text})
        case ToolCallDelta():
            call = tool_call_chunk(
                name=event.name or None, args=event.arguments, id=event.id or None, index=event.index
            )
            said = AIMessageChunk(content="", tool_call_chunks=[call])
        case Citation():
            said = AIMessageChunk(content="", additional_kwargs={"citations": [citation_object(event)]})
        case Failure():
            raise UpstreamError(
                event.code,
                event.message,
                status=event.status,
                retryable=event.retryable,
                retry_after=event.retry_after,
            )
        case Finish():
            about = {"finish_reason": event.reason, "model_provider": "headrace", "stream_id": stream_id}
            said = AIMessageChunk(
                content="", response_metadata=about, usage_metadata=_usage(event.usage), chunk_position="last"
            )
    return ChatGenerationChunk(message=said)


def _usage(usage: Usage | None) -> UsageMetadata | None:
    if usage is None:
        return None
    return UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        input_token_details={"cache_read": usage.cached_tokens},
        output_token_details={"reasoning": usage.reasoning_tokens},
    )
