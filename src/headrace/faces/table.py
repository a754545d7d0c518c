"""The faces that we have, beside the table of dialects that we read (`providers/rows.py`)."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.faces import messages, messages_request, ollama, ollama_request, ui_messages, ui_messages_request
from headrace.faces.face import Face
from headrace.gateway.errors import error_body

OLLAMA = Face(
    "ollama",
    ollama_request.read_chat,
    ollama.OllamaEncoder,
    ollama.whole,
    ollama.error_body,
    ollama.alive,
    headers={"Content-Type": "application/x-ndjson"},
)
MESSAGES = Face(
    "anthropic",
    messages_request.read_messages,
    messages.MessagesEncoder,
    messages.whole,
    messages.error_body,
    messages.alive,
    statuses=messages.STATUSES,
)
UI_MESSAGES = Face(
    "ui-messages",
    ui_messages_request.read_chat,
    ui_messages.UIEncoder,
    ui_messages.whole,
    error_body,
    ui_messages.alive,
    headers=ui_messages.HEADERS,
)
FACES: Mapping[str, Face] = {face.name: face for face in (OLLAMA, MESSAGES, UI_MESSAGES)}
