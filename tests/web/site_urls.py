"""The project's addresses. Its own chat view has no exemption from Django's CSRF token."""

from __future__ import annotations

from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import include, path

from headrace.llm.playground_views import playground_chat_stream


async def chat(request: HttpRequest, project_id: str) -> HttpResponseBase:
    return await playground_chat_stream(request, project_id)


def page(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, f"{name}.html", {"config_id": request.GET.get("model", "")})


urlpatterns = [
    path("healthz", lambda _: HttpResponse("alive")),
    path("pages/<str:name>/", page),
    path("ai/projects/<str:project_id>/playground/chat/stream/", chat),
    path("ai/", include("headrace.urls")),
    *staticfiles_urlpatterns(),
]
