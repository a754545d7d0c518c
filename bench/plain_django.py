"""The yardstick of effort: the streaming view that a Django developer writes today, in one file.

Written to be fair, not to lose: uvloop and httptools, one shared `httpx` client without a limit on connections, and no
middleware. It has none of what a product needs besides (limits, errors, resuming, access), and costs what it costs.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import httpx
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=[],
    DEFAULT_CHARSET="utf-8",
)


@cache
def client() -> httpx.AsyncClient:
    """Shared by all requests: a client for each would spend milliseconds on reading certificates."""
    return httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None))


async def events(asked: dict[str, Any]) -> AsyncIterator[str]:
    model = asked["model"]
    body = {"model": model["modelId"], "messages": asked["messages"], "stream": True}
    headers = {"Authorization": f"Bearer {model['apiKey']}"}
    url = f"{model['endpoint']}/chat/completions"
    async with client().stream("POST", url, json=body, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            for choice in json.loads(line[6:])["choices"]:
                if content := choice["delta"].get("content"):
                    event = json.dumps({"type": "content", "content": content}, ensure_ascii=False)
                    yield f"data: {event}\n\n"
    yield "data: [DONE]\n\n"


async def chat(request: HttpRequest) -> StreamingHttpResponse:
    asked = json.loads(request.body)
    return StreamingHttpResponse(events(asked), content_type="text/event-stream")


urlpatterns = [path("chat/", chat)]
application = get_asgi_application()
