"""The providers of this server: the rows that come with Headrace, and those of the operator's own file.

The file names addresses, habits and the variable of a key, never a key. It adds rows and replaces none: what a known
name means is the same on every server. A custom row's address is asked under the same egress policy as any other.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from headrace.common.conf import SettingError, get_settings
from headrace.common.validation import checked
from headrace.errors import RequestError
from headrace.providers import presets
from headrace.providers.base import Provider
from headrace.providers.endpoints import base_url
from headrace.stream.thinking import STYLES

MAX_ROWS = 500
MAX_FILE = 1024 * 1024
"""Bytes of the file: a thousand times what a row takes."""
NO_TAGS = "none"
SIGN_IN = "oidc"
"""The name, beside those of providers, under which the OpenID Connect provider may have a proxy of its own."""

_NAME = r"^[a-z0-9][a-z0-9.-]{0,63}\Z"


class ProviderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[providers]]` table."""

    name: Annotated[str, Meta(pattern=_NAME, description="Lower-case letters, digits, dots and dashes.")]
    like: Annotated[str, Meta(description="The name of a provider that it behaves like.")] = presets.GENERIC.name
    title: Annotated[str | None, Meta(description="A name for people.")] = None
    endpoint: Annotated[str | None, Meta(description="An https:// or http:// address.")] = None
    key_variable: Annotated[str | None, Meta(description="The name of an environment variable.")] = None
    docs_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://")] | None, Meta(description="An https:// address.")
    ] = None
    quirks: Annotated[list[str] | None, Meta(description="A list of the names of habits.")] = None
    think: Annotated[str | None, Meta(description=f"A style of tags, or {NO_TAGS}.")] = None


class _File(msgspec.Struct, frozen=True):
    providers: Annotated[list[dict[str, Any]], Meta(max_length=MAX_ROWS, description="A list of tables.")] = []


def read_rows(text: str) -> dict[str, Provider]:
    """The rows in a file's text. RequestError names the field that is wrong, and says what would be right."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"it is not valid TOML: {error}") from None
    rows: dict[str, Provider] = {}
    for n, table in enumerate(checked(_File, raw, strict=True).providers):
        where = f"providers[{n}]"
        row = checked(ProviderRow, table, at=where, strict=True)
        if row.name in rows or presets.resolve(row.name) is not presets.GENERIC or row.name == presets.GENERIC.name:
            raise RequestError(f"{where}.name {row.name!r} is taken; choose another", field=f"{where}.name")
        rows[row.name] = _provider(row, where)
    return rows


def custom_rows() -> Mapping[str, Provider]:
    """The operator's own. SettingError if `HEADRACE_PROVIDERS_FILE` names a file that cannot be used."""
    path = get_settings().providers_file
    return _rows_of(path) if path else MappingProxyType({})


def all_rows() -> list[Provider]:
    """Every row, those that come with Headrace first."""
    return [*presets.PRESETS.values(), *custom_rows().values()]


def resolve(provider_id: str, endpoint: str = "") -> Provider:
    """The row for a provider's name and the endpoint beside it, the operator's own rows included."""
    asked = "-".join(provider_id.strip().lower().replace("_", " ").split())
    return custom_rows().get(asked) or presets.resolve(provider_id, endpoint)


def check_proxied() -> None:
    """SettingError where `HEADRACE_UPSTREAM_PROXY` names a provider that is none: its calls would take another way."""
    known = {row.name for row in all_rows()} | {SIGN_IN}
    for name, _ in get_settings().upstream_proxy:
        if name != "*" and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known))}"
            raise SettingError(f"HEADRACE_UPSTREAM_PROXY names {name!r}, which is no provider; {hint}")


@lru_cache(maxsize=4)
def _rows_of(path: str) -> Mapping[str, Provider]:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise SettingError(f"HEADRACE_PROVIDERS_FILE: {path} is larger than {MAX_FILE} bytes")
        return MappingProxyType(read_rows(data.decode("utf-8")))
    except (OSError, UnicodeDecodeError, RequestError) as error:
        raise SettingError(f"HEADRACE_PROVIDERS_FILE: {path} cannot be used: {error}") from None


def _provider(row: ProviderRow, where: str) -> Provider:
    like = presets.PRESETS.get(row.like)
    if like is None:
        raise RequestError(f"{where}.like {row.like!r} is no provider that we know", field=f"{where}.like")
    changed: dict[str, Any] = {
        "name": row.name,
        "title": row.title or row.name,
        "key_variable": row.key_variable or "",
        "docs_url": row.docs_url or "",
        "base_url": _address(row.endpoint, like, f"{where}.endpoint") if row.endpoint else "",
    }
    if row.quirks is not None:
        changed["quirks"] = _quirks(row.quirks, f"{where}.quirks")
    if row.think is not None:
        changed["think"] = _style(row.think, f"{where}.think")
    return replace(like, **changed)


def _address(text: str, like: Provider, where: str) -> str:
    try:
        return base_url(text, like)
    except RequestError as error:
        raise RequestError(f"{where}: {error.message}", field=where) from None


def _quirks(names: list[str], where: str) -> frozenset[str]:
    known = frozenset().union(*(row.quirks for row in presets.PRESETS.values()))
    for name in names:
        if name not in known:
            raise RequestError(f"{where}: {name!r} is none of {', '.join(sorted(known))}", field=where)
    return frozenset(names)


def _style(name: str, where: str) -> Any:
    if name != NO_TAGS and name not in STYLES:
        raise RequestError(f"{where} {name!r} is none of {', '.join([*STYLES, NO_TAGS])}", field=where)
    return STYLES.get(name)
