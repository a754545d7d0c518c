"""The playground's addresses, below whatever the including `urls.py` says."""

from django.urls import path

from headrace.llm.playground_views import playground_chat, playground_chat_stream
from headrace.llm.stream_views import playground_stream, playground_stream_wire, playground_streams

urlpatterns = [
    path("projects/<str:project_id>/playground/chat/stream/", playground_chat_stream, name="playground-chat-stream"),
    path("projects/<str:project_id>/playground/chat/", playground_chat, name="playground-chat"),
    path("projects/<str:project_id>/playground/streams/", playground_streams, name="playground-streams"),
    path("projects/<str:project_id>/playground/streams/<str:stream_id>/", playground_stream, name="playground-stream"),
    path(
        "projects/<str:project_id>/playground/streams/<str:stream_id>/wire/",
        playground_stream_wire,
        name="playground-stream-wire",
    ),
]
