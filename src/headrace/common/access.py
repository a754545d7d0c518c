"""The access guard: may this request be answered at all? Asked on every route, before anything else is done.

A web page in the same browser is not the person at the machine: `Host` stops DNS rebinding, `Origin` and
`Sec-Fetch-Site` stop foreign pages, the content type stops the POST that needs no preflight. Which project a known
caller may use is not decided here.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from headrace.common.conf import Settings
from headrace.common.identity import TOKEN_PREFIX
from headrace.common.origins import origin_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC_PATHS = frozenset({"/healthz", "/readyz"})
"""Answered to anybody who may reach the server at all: they say nothing but whether it lives."""
PUBLIC_FOLDERS = ("/sign/", "/static/headrace/")
"""The pages on which people sign in, and the files of pages: nothing of anybody's is in them."""
METRICS_PATH = "/metrics"
"""Where Prometheus asks; what stands here for that view wherever a site has put it."""

_ORIGIN = re.compile(r"[a-z]+://[^\s/\\?#@]+", re.IGNORECASE)
_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^\s:/@\[\],]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the guard looks at in a request: header values as they came, empty where there was none."""

    method: str
    path: str = "/"
    scheme: str = "http"
    host: str = ""
    origin: str | None = None
    fetch_site: str = ""
    content_type: str = ""
    has_body: bool = False
    authorization: str = ""

    @classmethod
    def of(cls, meta: Mapping[str, Any], *, method: str, path: str, scheme: str) -> Asked:
        """From a WSGI environment, or what Django makes of an ASGI scope to look like one."""
        length = meta.get("CONTENT_LENGTH") or "0"
        return cls(
            method=method.upper(),
            path=path,
            scheme=scheme,
            host=meta.get("HTTP_HOST", ""),
            origin=meta.get("HTTP_ORIGIN"),
            fetch_site=meta.get("HTTP_SEC_FETCH_SITE", ""),
            content_type=meta.get("CONTENT_TYPE", ""),
            has_body=length.strip("0 ") != "" or "HTTP_TRANSFER_ENCODING" in meta,
            authorization=authorization_of(meta),
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered, as the contract's error."""

    status: int
    code: str
    message: str
    field: str = ""


def refusal(asked: Asked, settings: Settings) -> Refusal | None:
    """The reason to refuse whoever asks, or None. Pure."""
    return (
        _host_refusal(asked, settings)
        or _path_refusal(asked)
        or _page_refusal(asked, settings)
        or _media_refusal(asked)
        or _metrics_refusal(asked, settings)
    )


def login_refusal(asked: Asked, settings: Settings, *, authenticated: bool, site: bool = False) -> Refusal | None:
    """The reason to refuse a caller whom nobody knows, or None."""
    if authenticated or not needs_login(asked, settings, site=site):
        return None
    return Refusal(401, "unauthenticated", "log in first: this server answers only to people it knows")


def needs_login(asked: Asked, settings: Settings, *, site: bool = False) -> bool:
    """Whether the caller must be known. A preflight carries no credentials; `/metrics` may have a token of its own.

    `site`: whether the site that we are part of wants everybody to log in.
    """
    if not site and settings.auth != "required":
        return False
    public = asked.path in PUBLIC_PATHS or _wants_token(asked, settings) or asked.path.startswith(PUBLIC_FOLDERS)
    return not public and asked.method != "OPTIONS"


def preflight_refusal(asked: Asked, settings: Settings) -> Refusal | None:
    """The reason to refuse a page that asks whether it may; None where the operator trusts it."""
    return None if is_allowed_origin(asked, settings) else _origin_refusal(asked)


def carries_token(asked: Asked, settings: Settings) -> bool:
    """Whether a project's token speaks for the caller: then nothing that a browser adds by itself does."""
    return settings.auth == "required" and bearer(asked.authorization).startswith(TOKEN_PREFIX)


def authorization_of(meta: Mapping[str, Any]) -> str:
    """The header `Authorization`; where there is none, a project's token in `X-Api-Key`, as Anthropic's clients send
    theirs. Any other key there is nobody's here."""
    given = str(meta.get("HTTP_AUTHORIZATION", ""))
    key = str(meta.get("HTTP_X_API_KEY", ""))
    return f"Bearer {key}" if key.startswith(TOKEN_PREFIX) and not given else given


def bearer(authorization: str) -> str:
    """The value of `Authorization: Bearer …`; empty for every other header."""
    scheme, _, value = authorization.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def is_loopback_host(name: str) -> bool:
    """A name or literal that can only mean this machine: `localhost`, what ends in it, 127.0.0.0/8, ::1."""
    name = name.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def is_allowed_origin(asked: Asked, settings: Settings) -> bool:
    """Whether the request comes from a foreign page that the operator trusts."""
    return _origin(asked.origin) in settings.allowed_origins


def _host_refusal(asked: Asked, settings: Settings) -> Refusal | None:
    if settings.auth == "required" and asked.path in PUBLIC_PATHS and asked.method in SAFE_METHODS:
        return None  # load balancers and probes ask a machine by its address
    match = _HOST.fullmatch(asked.host)
    if match:
        name = match["name"].lower().removesuffix(".")
        if is_loopback_host(match["name"]) or any(_matches(name, pattern) for pattern in settings.allowed_hosts):
            return None
    message = (
        f"the host {_quoted(asked.host)} is not allowed. To allow it, start the server with "
        f"HEADRACE_ALLOWED_HOSTS={match['name'].lower() if match else 'your.host.name'}"
    )
    return Refusal(403, "host_refused", message, "Host")


def _path_refusal(asked: Asked) -> Refusal | None:
    """No address of ours has this character, and no database wants to be asked for it."""
    return Refusal(404, "not_found", "there is nothing here") if "\0" in asked.path else None


def _page_refusal(asked: Asked, settings: Settings) -> Refusal | None:
    """Foreign web pages may not change anything. Programs send neither header; browsers cannot leave them out."""
    if asked.method in SAFE_METHODS or is_allowed_origin(asked, settings) or carries_token(asked, settings):
        return None
    if asked.origin is not None and _origin(asked.origin) not in _own_origins(asked):
        return _origin_refusal(asked)
    site = asked.fetch_site.strip().lower()
    if site and site not in ("same-origin", "none"):
        origin = _quoted(asked.origin) if asked.origin is not None else "unknown"
        message = (
            f"a page of another site (Sec-Fetch-Site {_quoted(site)}, origin {origin}) may not do this. "
            "HEADRACE_ALLOWED_ORIGINS names the origins that may"
        )
        return Refusal(403, "origin_refused", message, "Sec-Fetch-Site")
    return None


def _origin_refusal(asked: Asked) -> Refusal:
    origin = asked.origin or ""
    remedy = (
        f"To allow it, set HEADRACE_ALLOWED_ORIGINS={origin.strip().lower()}"
        if _origin(origin)
        else "HEADRACE_ALLOWED_ORIGINS can name the pages that may, but not this one"
    )
    return Refusal(
        403, "origin_refused", f"a page from the origin {_quoted(origin)} may not do this. {remedy}", "Origin"
    )


def _media_refusal(asked: Asked) -> Refusal | None:
    media = asked.content_type.partition(";")[0].strip().lower()
    if asked.method in SAFE_METHODS or not asked.has_body or media == "application/json":
        return None
    message = f"the body must be sent as application/json, not as {_quoted(media or 'nothing named')}"
    return Refusal(415, "unsupported_media_type", message, "Content-Type")


def _metrics_refusal(asked: Asked, settings: Settings) -> Refusal | None:
    if not _wants_token(asked, settings):
        return None
    token, wanted = bearer(asked.authorization), settings.metrics_token
    if wanted and hmac.compare_digest(token.encode(), wanted.encode()):
        return None
    message = "the metrics need the bearer token in HEADRACE_METRICS_TOKEN" + ("" if wanted else ", which is not set")
    return Refusal(401, "unauthenticated", message, "Authorization")


def _wants_token(asked: Asked, settings: Settings) -> bool:
    return asked.path == METRICS_PATH and (settings.auth == "required" or bool(settings.metrics_token))


def _own_origins(asked: Asked) -> set[str]:
    """The page's own origin. Behind a proxy that ends TLS the page is https while we are asked by http."""
    return {origin for scheme in (asked.scheme, "https") if (origin := _origin(f"{scheme}://{asked.host}"))}


def _origin(text: str | None) -> str:
    """The header's origin, comparable; empty for `null` and for whatever is not exactly scheme, host and port."""
    try:
        return origin_of(text) if text and _ORIGIN.fullmatch(text) else ""
    except ValueError:
        return ""


def _matches(name: str, pattern: str) -> bool:
    if pattern.startswith("."):
        return name == pattern[1:] or name.endswith(pattern)
    return pattern in ("*", name)


def _quoted(text: str) -> str:
    """A header's value as an error repeats it: short, printable."""
    clean = "".join(character if character.isprintable() else "\ufffd" for character in text[:100])
    return f"'{clean}'"
