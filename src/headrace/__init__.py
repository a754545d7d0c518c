"""Headrace streams the answers of language models to people and programs.

What is named here is public, with the paths that `ARCHITECTURE.md` fixes; everything else may change. Names are loaded
when they are first used, so that importing one part does not import Django.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.common.services.llm_service import Answer, LLMService
    from headrace.common.services.llm_streaming import LLMStreamingService, create_streaming_response
    from headrace.errors import ERROR_CODES, HeadraceError, RequestError, UpstreamError
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
    "Citation",
    "Failure",
    "Finish",
    "HeadraceError",
    "LLMService",
    "LLMStreamingService",
    "ReasoningDelta",
    "RequestError",
    "TextDelta",
    "Timing",
    "ToolCallDelta",
    "UpstreamError",
    "Usage",
    "create_streaming_response",
]

_HOMES = {
    "Answer": "headrace.common.services.llm_service",
    "LLMService": "headrace.common.services.llm_service",
    "LLMStreamingService": "headrace.common.services.llm_streaming",
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
