"""Headrace streams the answers of language models to people and programs.

What is named here is public, with the paths that `ARCHITECTURE.md` fixes; everything else may change. Names are loaded
when they are first used, so that importing one part does not import Django.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.common.chats import Chat, StreamResult
    from headrace.common.draining import drain_on_sigterm, draining
    from headrace.common.services.llm_service import LLMService, NoSharedJournalError
    from headrace.common.services.llm_streaming import LLMStreamingService, create_streaming_response
    from headrace.common.signals import after_stream, before_stream
    from headrace.errors import ERROR_CODES, HeadraceError, RequestError, UpstreamError
    from headrace.stream.answer import Answer
    from headrace.stream.events import (
        Citation,
        Failure,
        Finish,
        ReasoningDelta,
        TextDelta,
        Timing,
        ToolCallDelta,
        Usage,
    )

__version__ = "0.1.0"

__all__ = [
    "ERROR_CODES",
    "Answer",
    "Chat",
    "Citation",
    "Failure",
    "Finish",
    "HeadraceError",
    "LLMService",
    "LLMStreamingService",
    "NoSharedJournalError",
    "ReasoningDelta",
    "RequestError",
    "StreamResult",
    "TextDelta",
    "Timing",
    "ToolCallDelta",
    "UpstreamError",
    "Usage",
    "after_stream",
    "before_stream",
    "create_streaming_response",
    "drain_on_sigterm",
    "draining",
]

_HOMES = {
    "Answer": "headrace.stream.answer",
    "Chat": "headrace.common.chats",
    "StreamResult": "headrace.common.chats",
    "after_stream": "headrace.common.signals",
    "before_stream": "headrace.common.signals",
    "NoSharedJournalError": "headrace.common.services.llm_service",
    "LLMService": "headrace.common.services.llm_service",
    "LLMStreamingService": "headrace.common.services.llm_streaming",
    "drain_on_sigterm": "headrace.common.draining",
    "draining": "headrace.common.draining",
    "create_streaming_response": "headrace.common.services.llm_streaming",
    "ERROR_CODES": "headrace.errors",
    "HeadraceError": "headrace.errors",
    "RequestError": "headrace.errors",
    "UpstreamError": "headrace.errors",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "headrace.stream.events")), name)
