"""The addresses of other people's APIs, for any project: `path("", include("headrace.faces.urls"))`."""

from django.urls import path

from headrace.common.guard import guarded_patterns
from headrace.faces.views import messages, ollama_chat, ollama_tags, ollama_version, ui_messages

urlpatterns = guarded_patterns(
    [
        path("v1/messages", messages, name="headrace-anthropic-messages"),
        path("v1/ui-messages", ui_messages, name="headrace-ui-messages"),
        path("api/chat", ollama_chat, name="headrace-ollama-chat"),
        path("api/tags", ollama_tags, name="headrace-ollama-tags"),
        path("api/version", ollama_version, name="headrace-ollama-version"),
    ]
)
