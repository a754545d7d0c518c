"""From a checked chat to the options of its stream: the same for the endpoint, the services and other APIs."""

from __future__ import annotations

from headrace.common.chats import Chat
from headrace.common.conf import get_settings
from headrace.common.endings import ending_of
from headrace.common.hooks import Hooks
from headrace.common.monitoring.tracing import parent_of
from headrace.common.streams.asked import question_text, text_size
from headrace.common.streams.live import StreamOptions


def options_of(chat: Chat, hooks: Hooks) -> StreamOptions:
    """What the chat asks of its stream, and what the settings add."""
    settings, asked = get_settings(), chat.request.messages
    return StreamOptions(
        on_disconnect=chat.settings.on_disconnect,
        max_duration=chat.settings.max_duration,
        orphan_seconds=settings.orphan_seconds,
        project=chat.project,
        metadata=chat.settings.metadata,
        input_bytes=text_size(asked),
        include_digest=chat.settings.include_digest,
        include_wire=chat.settings.include_wire,
        question=question_text(asked) if settings.log_text else None,
        parent=parent_of(chat.carried),
        conclude=ending_of(chat, hooks),
    )
