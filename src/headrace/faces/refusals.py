"""Refusals in the shape of the API that was asked, where no view is reached: the guard's, an address that is none."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from headrace.faces import messages
from headrace.gateway.errors import Shape, error_body, reshaped

SHAPES: dict[str, Shape] = {"/v1/messages": messages.error_body, "/v1/": error_body}
"""The first whose address begins the one that was asked."""


@sync_and_async_middleware
def api_errors(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Shapes what was refused outside of any view."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            return _shaped(request, await get_response(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        return _shaped(request, get_response(request))

    return synchronous


def _shaped(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    shape = next((shape for start, shape in SHAPES.items() if request.path_info.startswith(start)), None)
    return response if shape is None else reshaped(response, shape)
