"""Endpoints as people type them, made into the one URL that is asked.

Pure text work. Refuses what it would have to guess at (no scheme, no host) and credentials in a URL; who may be
connected to is the egress policy's decision, not made here.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from headrace.errors import RequestError
from headrace.providers.base import Provider

FIELD = "model.endpoint"
MAX_ENDPOINT = 2048
"""Characters; the longest URL that proxies on the way are sure to take."""
AZURE_API_VERSION = "2024-10-21"
"""The last dated version of Azure's API; its `/openai/v1` needs none."""

_PASTED_OPENAI = ("/chat/completions", "/completions", "/responses", "/models")
_PASTED_AZURE = ("/chat/completions", "/completions", "/responses")
_PASTED_OLLAMA = ("/api/chat", "/api/generate", "/api/tags", "/api", "/v1/chat/completions", "/v1/models", "/v1")
_DEPLOYMENT = re.compile(r"/deployments/[^/]+$")
_AROUND = " \t\r\n\"'`<>,;\u00a0\u3000\ufeff"
_LOCAL_NAME = re.compile(r"^(localhost|127\.|\[?::1|0\.0\.0\.0|10\.|192\.168\.|host\.docker\.internal)", re.IGNORECASE)


def is_native_ollama(endpoint: str) -> bool:
    """Whether the text ends the way only Ollama's own API does: `/api/chat`, `/api/generate`."""
    path = endpoint.strip(_AROUND).partition("?")[0].rstrip("/").lower()
    return path.endswith(("/api/chat", "/api/generate"))


def parse_endpoint(text: str) -> SplitResult:
    """The parts of an endpoint that can be asked; raises RequestError that says what would be right."""
    cleaned = text.strip(_AROUND)
    if not cleaned:
        raise RequestError("The endpoint is empty: write its URL, such as https://api.openai.com/v1.", field=FIELD)
    if len(cleaned) > MAX_ENDPOINT or re.search(r"[\s\x00-\x1f\x7f\\]", cleaned):
        raise RequestError("The endpoint is not a URL: it holds a space, a backslash or is too long.", field=FIELD)
    try:
        parts = urlsplit(cleaned)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RequestError("The endpoint is not a valid URL: check its host and port.", field=FIELD) from None
    if parts.scheme not in ("http", "https") or "://" not in cleaned:
        raise RequestError(_scheme_advice(cleaned), field=FIELD)
    if not host or port == 0:
        raise RequestError("The endpoint has no host: write it as https://HOST/v1.", field=FIELD)
    if "@" in parts.netloc:
        raise RequestError(
            "The endpoint holds a user name or password: leave them out, and send the key as model.apiKey.", field=FIELD
        )
    return parts


def _scheme_advice(cleaned: str) -> str:
    named = re.match(r"[a-zA-Z][\w+.\-]*(?=:/)", cleaned)
    if named is not None and named[0].lower() not in ("http", "https"):
        return f"The endpoint begins with {named[0]}: only http and https can be asked."
    rest = re.sub(r"^(https?)?[/:]+", "", cleaned, flags=re.IGNORECASE)
    if "@" in rest:
        return "The endpoint has no scheme: write it as https://HOST/v1, without a user name or password."
    scheme = "http" if _LOCAL_NAME.match(rest) else "https"
    shown = rest.partition("?")[0]
    return f"The endpoint does not begin with a scheme and two slashes: write {scheme}://{shown}."


def base_url(text: str, provider: Provider, *, default_path: str = "") -> str:
    """The endpoint without pasted paths, trailing slashes and fragment; `default_path` where it stops short of that.

    The query is dropped, except for Azure's `api-version`: keys and the like do not travel in a URL.
    """
    parts = parse_endpoint(text)
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    for ending in _pasted(provider):
        if path.lower().endswith(ending):
            path = path[: -len(ending)].rstrip("/")
            break
    query = _azure_version(parts.query) if "azure" in provider.quirks else ""
    if default_path.startswith(f"{path}/"):
        path = default_path
    return urlunsplit((parts.scheme, parts.netloc.lower(), path, query, ""))


def _pasted(provider: Provider) -> tuple[str, ...]:
    if provider.adapter.name in ("ollama", "ollama-generate"):
        return _PASTED_OLLAMA
    return _PASTED_AZURE if "azure" in provider.quirks else _PASTED_OPENAI


def _azure_version(query: str) -> str:
    version = dict(parse_qsl(query)).get("api-version", "")
    return urlencode({"api-version": version}) if version else ""


def api_url(provider: Provider, base: str, path: str) -> str:
    """The URL of one of OpenAI's paths (`chat/completions`, `responses`); `base` is as `base_url` gives it."""
    return _azure_url(urlsplit(base), path) if "azure" in provider.quirks else f"{base}/{path}"


def _azure_url(parts: SplitResult, ending: str) -> str:
    """Azure's v1 face for a resource's host alone; its older faces want a version. Only chats know deployments."""
    path = parts.path if parts.path not in ("", "/openai") else "/openai/v1"
    if ending == "responses":
        path = _DEPLOYMENT.sub("/v1", path)
    query = parts.query
    if not query and not path.endswith("/v1"):
        query = urlencode({"api-version": AZURE_API_VERSION})
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/{ending}", query, ""))


def host_of(url: str) -> str:
    """The host of a URL in lower case, without its port; empty where it has none."""
    try:
        return (urlsplit(url.strip(_AROUND)).hostname or "").lower()
    except ValueError:
        return ""
