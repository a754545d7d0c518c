"""Turns plain data (parsed JSON, keyword options) into msgspec structs, or says in a sentence which field is wrong.

The description of a field in its struct is the one text behind both the API's documentation and the error: "what
would be right" is its first sentence. It does no I/O, parses no JSON, and never repeats the value of a secret.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from headrace.errors import RequestError

S = TypeVar("S", bound=msgspec.Struct)

MAX_DEPTH = 64
"""Levels of nesting in free-form JSON: no schema in the wild passes 30, and encoders recurse once a level."""
MAX_VALUES = 100_000
"""Values in one free-form field: walking them takes about 30 ms, which is what one request may cost the others."""
SHOWN = 60
"""Characters of a wrong value that an error repeats: enough to recognise it."""
SECRETS = frozenset({"apiKey", "endpoint"})
"""Fields whose value is never repeated: an address may hold a key or a password."""

_LOCATED = re.compile(r"(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class _Shape:
    """What the struct types at one place accept: spellings, nested structs, and what would be right."""

    spellings: dict[str, str] = field(default_factory=dict)
    nested: dict[str, _Shape] = field(default_factory=dict)
    right: dict[str, str] = field(default_factory=dict)


def checked(kind: type[S], raw: object, *, at: str = "", strict: bool = False) -> S:
    """`raw` as a `kind`. camelCase and snake_case spellings are the same; RequestError names the field.

    `at` is the path of `raw` itself. Unknown fields are passed over, or with `strict` refused with a guess.
    """
    shape = _shape_of(kind)
    if strict and isinstance(raw, Mapping):
        _refuse_unknown(raw, shape, at)
    data = _respelled(raw, shape, at)
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        _explain(str(error), data, shape, at)


def joined(at: str, name: str) -> str:
    """The path of field `name` inside the object at path `at`."""
    return f"{at}.{name}" if at else name


def plain(value: object, path: str) -> None:
    """Refuses whatever JSON cannot carry: foreign objects, NaN, halves of a character, nesting without end."""
    count = 0
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_VALUES:
            raise RequestError(f"{path} holds more than {MAX_VALUES} values", field=path)
        level = list(_children(level, path))
        if not level:
            return
    raise RequestError(f"{path} is nested more than {MAX_DEPTH} levels deep", field=path)


def well_formed(text: str, path: str) -> str:
    """`text` itself, unless it holds half of a surrogate pair, which UTF-8 cannot carry."""
    if not text.isascii() and _SURROGATE.search(text):
        raise RequestError(f"{path} holds half of a surrogate pair, which is no character", field=path)
    return text


def shown(value: object, name: str = "") -> str:
    """A wrong value as an error repeats it: short, in JSON's words, nothing of a secret."""
    if isinstance(value, str):
        if name in SECRETS:
            return "a text that is not shown here"
        text = json.dumps(value, ensure_ascii=not value.isprintable())
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(value)} characters)"
    if isinstance(value, Mapping):
        return f"an object of {len(value)} fields"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return _shown_number(value)
    return f"a Python {type(value).__name__}"


def _shown_number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 4 * SHOWN:
        return "a number far too large"
    return str(value)[:SHOWN]


def _children(level: Iterable[object], path: str) -> Iterator[object]:
    for value in level:
        if isinstance(value, str):
            well_formed(value, path)
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise RequestError(f"{path} holds {value}, which JSON cannot carry", field=path)
        elif isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    raise RequestError(f"{path} holds a key that is not a string: {shown(key)}", field=path)
                well_formed(key, path)
            yield from value.values()
        elif isinstance(value, list | tuple):
            yield from value
        elif value is not None and not isinstance(value, bool | int):
            raise RequestError(f"{path} holds {shown(value)}, which JSON cannot carry", field=path)


def _refuse_unknown(raw: Mapping[Any, Any], shape: _Shape, at: str) -> None:
    for key in raw:
        if key not in shape.spellings:
            near = difflib.get_close_matches(str(key), list(shape.spellings), n=1)
            known = ", ".join(sorted(set(shape.spellings.values())))
            hint = f"did you mean {near[0]!r}?" if near else f"known: {known}"
            raise RequestError(f"unknown option {key!r}; {hint}", field=joined(at, str(key)))


def _respelled(value: object, shape: _Shape | None, path: str) -> object:
    """The same data in the wire's spelling, unknown fields left out."""
    if shape is None:
        return value
    if isinstance(value, Mapping):
        return _respelled_object(value, shape, path)
    if isinstance(value, list | tuple):
        return [_respelled(item, shape, f"{path}[{n}]") for n, item in enumerate(value)]
    return value


def _respelled_object(value: Mapping[Any, object], shape: _Shape, path: str) -> dict[str, object]:
    out: dict[str, object] = {}
    for key, item in value.items():
        name = shape.spellings.get(key) if isinstance(key, str) else None
        if name is None:
            continue
        here = joined(path, name)
        if name in out:
            raise RequestError(f"{here} is given twice, in two spellings; send one of them", field=here)
        out[name] = _respelled(item, shape.nested.get(name), here)
    return out


def _explain(error: str, data: object, shape: _Shape, at: str) -> NoReturn:
    located = _LOCATED.fullmatch(error)
    what, path = (located["what"], located["path"] or "") if located else (error, "")
    missing = _MISSING.fullmatch(what)
    if missing:
        path += f".{missing[1]}"
    value, right, name = _look_up(path, data, shape)
    if path.endswith("]") and what.startswith("Expected `object`"):
        right = "an object"
    place = path.replace("[...]", "")
    wire = at + place if at else place.removeprefix(".")
    expected = f"must be {right}" if right else f"is wrong: {what[0].lower()}{what[1:]}"
    if missing:
        raise RequestError(f"{wire} is missing" + (f"; it {expected}" if right else ""), field=wire)
    raise RequestError(f"{wire or 'the body'} {expected}; got {shown(value, name)}", field=wire)


def _look_up(path: str, data: object, shape: _Shape) -> tuple[object, str, str]:
    """The value at `path`, what would be right there, and the last name on the way."""
    value: Any = data
    here: _Shape | None = shape
    right, name = "" if path else "a JSON object", ""
    for step in _STEP.finditer(path):
        if step[1]:
            name = step[1]
            right = here.right.get(name, "") if here else ""
            value = value.get(name) if isinstance(value, Mapping) else None
            here = here.nested.get(name) if here else None
        elif step[2] and isinstance(value, list):
            value = value[int(step[2])]
    return value, right, name


@lru_cache(maxsize=64)
def _shape_of(kind: type[msgspec.Struct]) -> _Shape:
    return _merged([inspect.type_info(kind)])


def _merged(types: Iterable[inspect.Type]) -> _Shape:
    shape = _Shape()
    tags: list[str] = []
    for struct in types:
        if not isinstance(struct, inspect.StructType):
            continue
        if struct.tag_field:
            tags.append(str(struct.tag))
            shape.spellings[struct.tag_field] = struct.tag_field
            shape.right[struct.tag_field] = f"one of {', '.join(tags)}"
        for each in struct.fields:
            _add_field(shape, each)
    return shape


def _add_field(shape: _Shape, each: inspect.Field) -> None:
    for spelling in (each.encode_name, each.name, _camel(each.name)):
        shape.spellings[spelling] = each.encode_name
    shape.right[each.encode_name] = _first_sentence(each.type)
    structs = list(_structs(each.type))
    if structs:
        shape.nested[each.encode_name] = _merged(structs)


def _structs(kind: inspect.Type) -> Iterator[inspect.Type]:
    match kind:
        case inspect.Metadata(type=inner) | inspect.ListType(item_type=inner):
            yield from _structs(inner)
        case inspect.UnionType(types=types):
            for each in types:
                yield from _structs(each)
        case inspect.StructType():
            yield kind


def _first_sentence(kind: inspect.Type) -> str:
    text = str((kind.extra_json_schema or {}).get("description", "")) if isinstance(kind, inspect.Metadata) else ""
    sentence = text.partition(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
