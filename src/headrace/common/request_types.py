"""The shapes of a chat request, field by field: types, bounds and the sentence that says what is right in each.

The API's documentation and the errors are both made of these. They decide nothing: `requests.py` does.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

DEFAULT_TEMPERATURE = 0.7
DEFAULT_MAX_TOKENS = 8192
DEFAULT_TIMEOUT = 60.0
DEFAULT_MAX_DURATION = 3600.0
MAX_TIMEOUT = 3600
MAX_DURATION = 86_400
"""A day: no answer takes longer, and a forgotten stream must end."""
MAX_MESSAGES = 4096
"""Longer talks than any context window holds, at one word a turn."""
MAX_PARTS = 512
MAX_TOOLS = 512
"""Four times what the largest provider accepts."""
MAX_STOPS = 64
MAX_METADATA = 16
MAX_INT = 2**63 - 1
"""Numbers beyond 64 bits are no JSON that every provider can read."""
MAX_TOKENS = 2**31 - 1
MAX_NAME = 512
"""Characters of an id: the longest in the wild, an inference profile's ARN, has about 200."""
MAX_ENDPOINT = 2048
MAX_KEY = 16_384
"""Short-lived cloud tokens reach 12,000 characters, and headers beyond 16 KiB are refused by most servers."""
Name = Annotated[str, Meta(max_length=MAX_NAME)]


class TextPart(msgspec.Struct, tag_field="type", tag="text", omit_defaults=True):
    text: Annotated[str, Meta(description="A string.")]
    cache_control: Annotated[dict[str, Any] | None, Meta(description="An object, passed on.")] = None


class ImageURL(msgspec.Struct, omit_defaults=True):
    url: Annotated[str, Meta(pattern=r"^(?i:https?|data):", description="An https: or data: URL.")]
    detail: Annotated[str | None, Meta(description="A string: auto, low or high.")] = None


class ImagePart(msgspec.Struct, tag_field="type", tag="image_url", omit_defaults=True):
    image_url: Annotated[ImageURL, Meta(description='An object {"url": …} with an https: or data: URL.')]
    cache_control: Annotated[dict[str, Any] | None, Meta(description="An object, passed on.")] = None


class Function(msgspec.Struct):
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="A name.")]
    arguments: Annotated[str, Meta(description="A string of JSON.")] = "{}"


class ToolCall(msgspec.Struct):
    id: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="The call's id.")]
    function: Annotated[Function, Meta(description='An object {"name": …, "arguments": "…"}.')]
    type: Annotated[Literal["function"], Meta(description='"function".')] = "function"


Parts = Annotated[list[TextPart | ImagePart], Meta(min_length=1, max_length=MAX_PARTS)]


class Message(msgspec.Struct, omit_defaults=True):
    """One message in OpenAI's form. What is not named here is not passed on: providers refuse what they do not know."""

    role: Annotated[
        Literal["system", "user", "assistant", "tool"], Meta(description="One of system, user, assistant, tool.")
    ]
    content: Annotated[
        str | Parts | None,
        Meta(description="A string, or a list of parts (text, image_url). Null only for an assistant with tool calls."),
    ] = None
    name: Annotated[Name | None, Meta(description="A string.")] = None
    tool_calls: Annotated[
        Annotated[list[ToolCall], Meta(max_length=MAX_TOOLS)] | None, Meta(description="A list of tool calls.")
    ] = None
    tool_call_id: Annotated[Name | None, Meta(description="The id of the call answered.")] = None
    reasoning_content: Annotated[str | None, Meta(description="A string: the thoughts of an earlier answer.")] = None
    reasoning_details: Annotated[list[dict[str, Any]] | None, Meta(description="A list of objects, passed on.")] = None
    prefix: Annotated[bool | None, Meta(description="True or false: continue this message.")] = None
    partial: Annotated[bool | None, Meta(description="True or false: continue this message.")] = None


Messages = Annotated[
    list[Message],
    Meta(min_length=1, max_length=MAX_MESSAGES, description=f"A list of 1 to {MAX_MESSAGES} messages."),
]


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How the stream is shown, and what becomes of it when nobody reads."""

    include_usage: Annotated[bool, Meta(description="True or false: show the `finish` event.")] = False
    include_ids: Annotated[bool, Meta(description="True or false: number the events with `id:` lines.")] = False
    include_digest: Annotated[bool, Meta(description="True or false: end with a digest of what was sent.")] = False
    include_wire: Annotated[bool, Meta(description="True or false: keep what goes over the wire, to look at.")] = False
    on_disconnect: Annotated[
        Literal["cancel", "continue"],
        Meta(
            description='"cancel" or "continue". What becomes of the upstream call when the last reader has gone; '
            '"cancel" when left out.'
        ),
    ] = "cancel"


Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=MAX_METADATA),
]


class Options(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything but the messages and the model. Null and left out are the same, save where it says otherwise."""

    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | UnsetType | None,
        Meta(description=f"A number from 0 to 2, or null to send none. {DEFAULT_TEMPERATURE} when left out."),
    ] = UNSET
    max_tokens: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | UnsetType | None,
        Meta(description=f"A whole number of at least 1, or null to send none. {DEFAULT_MAX_TOKENS} when left out."),
    ] = UNSET
    top_p: Annotated[Annotated[float, Meta(ge=0, le=1)] | None, Meta(description="A number from 0 to 1.")] = None
    top_k: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_TOKENS)] | None, Meta(description="A whole number of at least 0.")
    ] = None
    stop: Annotated[
        Annotated[str, Meta(min_length=1)]
        | Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=MAX_STOPS)]
        | None,
        Meta(description=f"A string that is not empty, or a list of up to {MAX_STOPS} of them."),
    ] = None
    seed: Annotated[
        Annotated[int, Meta(ge=-MAX_INT, le=MAX_INT)] | None, Meta(description="A whole number of at most 64 bits.")
    ] = None
    tools: Annotated[
        Annotated[list[dict[str, Any]], Meta(max_length=MAX_TOOLS)] | None,
        Meta(description=f"A list of up to {MAX_TOOLS} tools in OpenAI's form."),
    ] = None
    tool_choice: Annotated[
        str | dict[str, Any] | None, Meta(description='"auto", "none", "required", or an object that names a tool.')
    ] = None
    response_format: Annotated[dict[str, Any] | None, Meta(description="An object with a `type`.")] = None
    reasoning_effort: Annotated[
        Annotated[str, Meta(min_length=1, max_length=32)] | None,
        Meta(description="A word that the provider knows, such as low, medium or high."),
    ] = None
    extra_body: Annotated[dict[str, Any] | None, Meta(description="An object, passed upstream as it is.")] = None
    timeout: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_TIMEOUT)] | None,
        Meta(
            description=f"A number of seconds, more than 0 and at most {MAX_TIMEOUT}. {DEFAULT_TIMEOUT:.0f} when left "
            "out. Until the answer's head has arrived it is one budget; then the longest time without a byte."
        ),
    ] = None
    max_duration: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_DURATION)] | None,
        Meta(
            description=f"A number of seconds, more than 0 and at most {MAX_DURATION}, for the whole answer. "
            f"{DEFAULT_MAX_DURATION:.0f} when left out."
        ),
    ] = None
    metadata: Annotated[
        Metadata | None,
        Meta(
            description=f"An object of up to {MAX_METADATA} strings, names of 1 to 64 characters, values of up to 512. "
            "Kept with the stream, never sent upstream."
        ),
    ] = None
    stream_options: Annotated[StreamOptions | None, Meta(description="An object of stream options.")] = None


class ModelFields(msgspec.Struct, frozen=True, rename="camel"):
    """The model: all four fields; or `configId` alone; or `providerId` "local", with `modelId` to choose one."""

    provider_id: Annotated[Name | None, Meta(description="A provider's name, such as openai, ollama or local.")] = None
    endpoint: Annotated[
        Annotated[str, Meta(max_length=MAX_ENDPOINT)] | None, Meta(description="An https:// or http:// address.")
    ] = None
    api_key: Annotated[
        Annotated[str, Meta(max_length=MAX_KEY)] | None,
        Meta(description=f"A string of up to {MAX_KEY} characters. Never shown again."),
    ] = None
    model_id: Annotated[Name | None, Meta(description="A model's name, such as gpt-4o.")] = None
    config_id: Annotated[Name | None, Meta(description="The id of a configuration stored in the project.")] = None
