"""A request's tools, tool choice and response format in OpenAI's shape, read once for every dialect that renames them.

Refuses, by the field's name, what is in no shape that we know. Unlike the values, the names are ours to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from headrace.errors import RequestError

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The schema of a tool that takes none."""


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str
    parameters: Mapping[str, Any] | None
    strict: bool | None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`any` is OpenAI's `required`; `one` is the tool called `name`."""

    mode: Literal["auto", "none", "any", "one"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """JSON as the answer; `schema` is None where any object will do."""

    schema: Mapping[str, Any] | None
    name: str = ""
    description: str = ""
    strict: bool | None = None


def read_tools(tools: Sequence[Mapping[str, Any]] | None) -> Iterator[Tool | Mapping[str, Any]]:
    """Functions as `Tool`; a tool of another type (a provider's own) as it came."""
    for at, tool in enumerate(tools or ()):
        function = tool.get("function")
        if tool.get("type", "function" if function else "") != "function":
            yield tool
        elif isinstance(function, Mapping) and isinstance(function.get("name"), str) and function["name"]:
            yield _tool(function, f"tools[{at}].function")
        else:
            raise RequestError("A tool needs function.name.", field=f"tools[{at}].function.name")


def _tool(function: Mapping[str, Any], where: str) -> Tool:
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise RequestError("A tool's parameters must be a JSON schema, an object.", field=f"{where}.parameters")
    strict = function.get("strict")
    return Tool(
        function["name"],
        str(function.get("description") or ""),
        parameters or None,
        strict if isinstance(strict, bool) else None,
    )


def read_choice(choice: str | Mapping[str, Any] | None) -> ToolChoice | None:
    """The choice, or None where the caller made none."""
    match choice:
        case None:
            return None
        case "auto":
            return ToolChoice("auto")
        case "none":
            return ToolChoice("none")
        case "required" | "any":
            return ToolChoice("any")
        case {"function": {"name": str(name)}}:
            return ToolChoice("one", name)
    raise RequestError(
        'toolChoice must be auto, none, required, or {"type": "function", "function": {"name": …}}.', field="toolChoice"
    )


def read_format(wanted: Mapping[str, Any] | None) -> Format | None:
    """The format, or None for plain text."""
    kind = wanted.get("type") if wanted else "text"
    if kind == "text":
        return None
    if kind == "json_object":
        return Format(None)
    match wanted:
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema} as described}:
            name, told, strict = (described.get(key) for key in ("name", "description", "strict"))
            return Format(schema, str(name or ""), str(told or ""), strict if isinstance(strict, bool) else None)
    raise RequestError(
        "responseFormat must be text, json_object, or json_schema with a schema in json_schema.schema.",
        field="responseFormat",
    )


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` over `body`, object by object: a field deep inside is set without losing those beside it."""
    out = dict(body)
    for name, value in extra.items():
        known = out.get(name)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        out[name] = merged(known, value) if both else value  # type: ignore[arg-type]
    return out


def given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value: what is None, empty text or an empty list is not sent."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [], {})}
