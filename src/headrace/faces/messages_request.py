"""Reads Anthropic's Messages request. https://docs.claude.com/en/api/messages

What only Anthropic's models know goes to those as it came. A model of another dialect is asked without it, and given
its budget for thinking as an effort.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from headrace.common.request_types import MAX_MESSAGES, MAX_NAME, MAX_STOPS, MAX_TOKENS, MAX_TOOLS, Options
from headrace.common.requests import StreamSettings
from headrace.common.validation import shown
from headrace.errors import RequestError
from headrace.faces.face import Question
from headrace.faces.requests import content_of, member, read_body, talk_of

SPEAKS = frozenset({"anthropic"})
LOW_BUDGET, MEDIUM_BUDGET = 2048, 8192
"""Tokens for thinking up to which an effort is low, or medium."""
CHOICES = {"auto": "auto", "any": "required", "none": "none"}


class MessagesBody(msgspec.Struct, frozen=True, kw_only=True):
    model: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="A model's name.")]
    messages: Annotated[
        list[dict[str, Any]], Meta(min_length=1, max_length=MAX_MESSAGES, description="A list of messages.")
    ]
    max_tokens: Annotated[int, Meta(ge=1, le=MAX_TOKENS, description="A whole number of at least 1.")]
    system: Annotated[str | list[dict[str, Any]] | None, Meta(description="A string or a list of text blocks.")] = None
    stream: Annotated[bool | None, Meta(description="True or false.")] = None
    temperature: Annotated[Annotated[float, Meta(ge=0, le=1)] | None, Meta(description="A number from 0 to 1.")] = None
    top_p: Annotated[Annotated[float, Meta(ge=0, le=1)] | None, Meta(description="A number from 0 to 1.")] = None
    top_k: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="A whole number of at least 0.")] = None
    stop_sequences: Annotated[
        Annotated[list[str], Meta(max_length=MAX_STOPS)] | None, Meta(description="A list of strings.")
    ] = None
    tools: Annotated[
        Annotated[list[dict[str, Any]], Meta(max_length=MAX_TOOLS)] | None, Meta(description="A list of tools.")
    ] = None
    tool_choice: Annotated[dict[str, Any] | None, Meta(description="An object with a `type`.")] = None
    thinking: Annotated[dict[str, Any] | None, Meta(description="An object with a `type`.")] = None
    output_config: Annotated[dict[str, Any] | None, Meta(description="An object.")] = None


def read_messages(data: bytes) -> Question:
    """The request in these bytes. RequestError names the field that is wrong."""
    body, rest = read_body(MessagesBody, data)
    options = Options(
        temperature=body.temperature,
        max_tokens=body.max_tokens,
        top_p=body.top_p,
        top_k=body.top_k,
        stop=body.stop_sequences or None,
        tools=[_tool(tool, f"tools[{n}]") for n, tool in enumerate(body.tools or ())] or None,
        tool_choice=_choice(body.tool_choice),
    )
    asis = {"thinking": body.thinking, "output_config": body.output_config}
    if (body.tool_choice or {}).get("disable_parallel_tool_use") is not None:
        asis["tool_choice"] = body.tool_choice
    own = rest | {name: value for name, value in asis.items() if value is not None}
    instead = {"reasoning_effort": _effort(body), "response_format": _format(body.output_config or {})}
    talk = talk_of([*_system(body.system), *_turns(body.messages)])
    return Question(body.model.strip(), bool(body.stream), StreamSettings(), talk, options, SPEAKS, own, instead)


def _effort(body: MessagesBody) -> str | None:
    """An effort for models that take no budget."""
    thinking, chosen = body.thinking or {}, (body.output_config or {}).get("effort")
    if thinking.get("type") == "disabled" or not (thinking or chosen):
        return None
    if isinstance(chosen, str):
        return chosen
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int):
        return "medium"
    return "low" if budget <= LOW_BUDGET else "medium" if budget <= MEDIUM_BUDGET else "high"


def _format(config: Mapping[str, Any]) -> dict[str, Any] | None:
    match config.get("format"):
        case {"type": "json_schema", "schema": dict(schema)}:
            return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        case None:
            return None
        case other:
            where = "output_config.format"
            raise RequestError(f"{where} must be a json_schema with a schema; got {shown(other)}", field=where)


def _tool(tool: Mapping[str, Any], at: str) -> dict[str, Any]:
    """A tool of the caller's in OpenAI's form; one that runs at the provider as it came."""
    if tool.get("type") not in (None, "custom"):
        return dict(tool)
    function = {
        "name": member(tool, "name", str, "the tool's name", at),
        "description": tool.get("description"),
        "parameters": member(tool, "input_schema", dict, "a JSON schema", at),
        "strict": tool.get("strict"),
    }
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


def _choice(choice: Mapping[str, Any] | None) -> Any:
    if choice is None:
        return None
    kind = choice.get("type")
    if kind == "tool":
        name = member(choice, "name", str, "the tool's name", "tool_choice")
        return {"type": "function", "function": {"name": name}}
    if not isinstance(kind, str) or kind not in CHOICES:
        where = "tool_choice.type"
        raise RequestError(f"{where} must be one of auto, any, none, tool; got {shown(kind)}", field=where)
    return CHOICES[kind]


def _system(system: str | list[dict[str, Any]] | None) -> Iterator[dict[str, Any]]:
    if isinstance(system, str) and system:
        yield {"role": "system", "content": system}
    elif isinstance(system, list) and system:
        parts = [_part(block, f"system[{n}]") for n, block in enumerate(system)]
        yield {"role": "system", "content": content_of(parts)}


def _turns(turns: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for n, turn in enumerate(turns):
        at = f"messages[{n}]"
        role, content = turn.get("role"), turn.get("content")
        if role not in ("user", "assistant", "system"):
            raise RequestError(f"{at}.role must be user or assistant; got {shown(role)}", field=f"{at}.role")
        if isinstance(content, str):
            yield {"role": role, "content": content}
            continue
        blocks = member(turn, "content", list, "a string or a list of blocks", at)
        placed = [(_block(block, f"{at}.content[{m}]"), f"{at}.content[{m}]") for m, block in enumerate(blocks)]
        yield from _assistant(placed) if role == "assistant" else _user(placed, str(role))


def _block(block: Any, at: str) -> dict[str, Any]:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        raise RequestError(f"{at} must be a block with a type; got {shown(block)}", field=at)
    return block


def _user(blocks: list[tuple[dict[str, Any], str]], role: str) -> Iterator[dict[str, Any]]:
    """Results are messages of their own in our form, in front of what is said beside them."""
    said = []
    for block, at in blocks:
        if block["type"] == "tool_result":
            call_id = member(block, "tool_use_id", str, "the call's id", at)
            yield {"role": "tool", "tool_call_id": call_id, "content": _result(block.get("content"), f"{at}.content")}
        else:
            said.append(_part(block, at))
    if said:
        yield {"role": role, "content": content_of(said)}


def _result(content: Any, at: str) -> Any:
    if content is None or isinstance(content, str):
        return content or ""
    parts = [_part(block, f"{at}[{n}]") for n, block in enumerate(content)] if isinstance(content, list) else None
    if parts is None:
        raise RequestError(f"{at} must be a string or a list of blocks; got {shown(content)}", field=at)
    return content_of(parts) or ""


def _part(block: Any, at: str) -> dict[str, Any]:
    match block:
        case {"type": "text", "text": str(text)}:
            cache = block.get("cache_control")
            return {"type": "text", "text": text} | ({"cache_control": cache} if cache else {})
        case {"type": "image", "source": {"type": "base64", "media_type": str(kind), "data": str(data)}}:
            return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}
        case {"type": "image", "source": {"type": "url", "url": str(url)}}:
            return {"type": "image_url", "image_url": {"url": url}}
    unknown = block.get("type") if isinstance(block, Mapping) else None
    raise RequestError(f"{at}: a block of type {shown(unknown)} is not understood here; send text or image", field=at)


def _assistant(blocks: list[tuple[dict[str, Any], str]]) -> Iterator[dict[str, Any]]:
    message: dict[str, Any] = {"role": "assistant", "content": []}
    for block, at in blocks:
        match block["type"]:
            case "tool_use":
                message.setdefault("tool_calls", []).append(_call(block, at))
            case "thinking":
                _remember(message, block)
            case "redacted_thinking":
                message.setdefault("reasoning_details", []).append(dict(block))
            case _:
                message["content"].append(_part(block, at))
    message["content"] = content_of(message["content"]) or (None if "tool_calls" in message else "")
    yield message


def _remember(message: dict[str, Any], block: Mapping[str, Any]) -> None:
    """Thoughts of an earlier answer: with a signature for whoever signed them, and as text for everybody else."""
    text = block.get("thinking")
    if block.get("signature"):
        message.setdefault("reasoning_details", []).append(dict(block))
    if isinstance(text, str) and text:
        message["reasoning_content"] = message.get("reasoning_content", "") + text


def _call(block: Mapping[str, Any], at: str) -> dict[str, Any]:
    name = member(block, "name", str, "the tool's name", at)
    given = msgspec.json.encode(member(block, "input", dict, "an object", at)).decode()
    return {
        "id": member(block, "id", str, "the call's id", at),
        "type": "function",
        "function": {"name": name, "arguments": given},
    }
