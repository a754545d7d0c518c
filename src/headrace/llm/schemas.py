"""The body of a chat: its shape, its reading, and its page in the API's documentation.

`parse_chat` ends in a `Chat` or in a RequestError that names the field, whatever the bytes are. It looks nothing up.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from headrace.common.chats import Chat
from headrace.common.http import parse_json
from headrace.common.request_types import Messages, ModelFields, Options
from headrace.common.requests import model_ref, request_of, settings_of
from headrace.common.validation import checked


class ChatBody(Options, frozen=True, kw_only=True, rename="camel"):
    """What starts a chat. Unknown fields are passed over; snake_case spellings of every field are understood too."""

    messages: Messages
    model: Annotated[
        ModelFields,
        Meta(description='An object: the four fields, or {"configId": "…"}, or {"providerId": "local"}.'),
    ]


def parse_chat(body: bytes) -> Chat:
    """The chat that the bytes of a request ask for. RequestError names the field in the spelling of the wire."""
    parsed = checked(ChatBody, parse_json(body))
    return Chat(
        model=model_ref(msgspec.to_builtins(parsed.model), at="model"),
        request=request_of(parsed.messages, parsed),
        settings=settings_of(parsed),
    )


def chat_schemas() -> dict[str, Any]:
    """JSON schemas of the body and its parts, for `components.schemas` of an OpenAPI document."""
    _, components = msgspec.json.schema_components([ChatBody], ref_template="#/components/schemas/{name}")
    return components
