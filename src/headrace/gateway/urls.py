"""The addresses of OpenAI's API, for any project: `path("v1/", include("headrace.gateway.urls"))`."""

from django.urls import path

from headrace.common.guard import guarded_patterns
from headrace.gateway.views import chat_completions, model, models

urlpatterns = guarded_patterns(
    [
        path("chat/completions", chat_completions, name="headrace-openai-chat"),
        path("models", models, name="headrace-openai-models"),
        path("models/<path:name>", model, name="headrace-openai-model"),
    ]
)
