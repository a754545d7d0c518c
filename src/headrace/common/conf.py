"""Headrace's settings: typed, documented, checked once. Django's `settings.HEADRACE`, with the environment over it.

A wrong value or an unknown name stops with one sentence that names the setting, the value and what would be right. It
works without Django too: then from the environment alone. It never shows a secret.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from headrace.common.setting_readers import (
    read_boolean,
    read_choice,
    read_file,
    read_hook,
    read_hosts,
    read_issuer,
    read_list,
    read_origins,
    read_path,
    read_proxies,
    read_redis,
    read_seconds,
    read_text,
    read_whole,
)
from headrace.errors import HeadraceError

PREFIX = "HEADRACE_"
UNPREFIXED = ("REDIS_URL",)
"""Read without the prefix as well, since every host sets it so; with the prefix it wins."""
MAX_SECONDS = 7 * 86_400
"""A week: what is kept or waited for longer than this is a slip of the finger."""
MAX_KEEPALIVE = 3600
LEAST_BODY = 1024
GREATEST_BODY = 1024**3
MAX_STREAMS = 1_000_000
MAX_REQUESTS = 10_000_000
MAX_ANSWER = 4 * 1024**2
"""The decoder's own bound."""
MAX_AUDIT_DAYS = 36_500
MAX_STATS_DAYS = 36_500

logger = logging.getLogger("headrace.conf")
T = TypeVar("T")


class SettingError(HeadraceError, ValueError):
    """A setting is wrong or unknown."""


def default_data_dir() -> Path:
    """Where this user's programs keep their data (the XDG base directory)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "headrace"


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is `HEADRACE_<NAME>` in the environment and `<NAME>` in Django's `HEADRACE` dictionary.

    Lists are comma-separated in the environment. Times are in seconds.
    """

    auth: Literal["none", "required"] = "none"
    """`none`: one person on one machine. `required`: people log in."""
    data_dir: Path = field(default_factory=default_data_dir)
    """The database and the key files, unless other settings put them elsewhere. Made with mode 0700."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that `Host` may have besides loopback; `.example.com` is the domain and all below it."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of foreign web pages that may use the API, such as `https://app.example.com`."""
    egress_allow: tuple[str, ...] = ()
    """Upstream addresses allowed besides https to public ones."""
    upstream_proxy: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Proxies for calls to providers, by provider; `HTTPS_PROXY` is not read. May hold passwords: never in a `repr`."""
    ca_bundle: str | None = None
    """A file of certificate authorities to trust beside the system's."""
    providers_file: str | None = None
    """A TOML file of providers besides those that Headrace knows."""
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    """Fernet keys for stored API keys; the first encrypts, all decrypt. Empty: a key file in the data directory."""
    keepalive_seconds: float = 15.0
    """Silence after which a stream shows `: keep-alive`; 0 turns it off."""
    replay_seconds: float = 600.0
    """How long a finished stream can be replayed."""
    orphan_seconds: float = 300.0
    """How long a stream that goes on without readers waits for one."""
    drain_seconds: float = 30.0
    """How long streams may still run once the server has been told to end."""
    stall_seconds: float = 30.0
    """A client that takes nothing of what it is sent for this long is cut off; it can resume."""
    redis_url: str = field(default="", repr=False)
    """Where workers share their streams: a Redis or Valkey server. `REDIS_URL` is read too."""
    max_body_bytes: int = 10 * 1024**2
    """The largest request body; room for a few images."""
    max_streams: int = 5000
    """Streams that one process runs at a time; beyond it a new one is answered 503."""
    compression: bool = True
    """Compress streams for clients that accept it (gzip, zstd, br)."""
    log_text: bool = False
    """Put what was asked and answered into the log."""
    log_format: Literal["text", "json"] = "text"
    """One line an entry: `key=value` pairs, or a JSON object."""
    metrics: bool = True
    """Count for `/metrics`, where prometheus-client is installed."""
    metrics_token: str = field(default="", repr=False)
    """The bearer token of `/metrics`: needed where `auth` is `required`, and wanted wherever it is set."""
    wsgi_streams: int = 4
    """Threads of one WSGI process that streams may hold; beyond it a new one is answered 503. See docs/django.md."""
    resolve_project: Callable[..., Any] | str | None = None
    """`(request, project_id)`: the project that a request means, in place of ours; None where there is none."""
    authorize: Callable[..., Any] | str | None = None
    """`(request, project, chat)`: True where this caller may; `chat` is None for reading, listing and stopping."""
    before_stream: Callable[..., Any] | str | None = None
    """`(chat)`: the chat as it is to be asked; it may change it, or refuse."""
    after_stream: Callable[..., Any] | str | None = None
    """`(result)`: what is done with each stream when it has ended."""

    project_streams: int = 0
    """Streams that one project may have at once, in all workers that share a journal; 0: any number."""
    project_requests: int = 0
    """Requests a minute of one project; 0: any number."""
    person_streams: int = 0
    """The same for one person."""
    person_requests: int = 0
    token_streams: int = 0
    """The same for one token."""
    token_requests: int = 0
    max_answer: int = 0
    """Characters of text, reasoning and arguments after which an answer is cut off; 0: our own bound."""
    audit_days: int = 365
    """How long the audit log is kept."""
    stats_days: int = 90
    """How long a row is kept of each stream; 0 keeps no statistics."""
    stats_summary_days: int = 730
    """How long sums by hour and day are kept."""
    oidc_issuer: str = ""
    """The address of an OpenID Connect provider that people may sign in with."""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_allow: tuple[str, ...] = ()
    """Who gets an account at first sign-in: domains or addresses of e-mail; `*` is everybody the provider knows."""

    def proxy_of(self, provider: str) -> str | None:
        """The proxy for calls to this provider: its own, or the one for all."""
        proxies = dict(self.upstream_proxy)
        return proxies.get(provider, proxies.get("*", "")) or None

    @property
    def limited(self) -> bool:
        """Whether streams or requests are counted against a limit."""
        return bool(
            self.project_streams
            or self.project_requests
            or self.person_streams
            or self.person_requests
            or self.token_streams
            or self.token_requests
        )

    @property
    def limit_store(self) -> str:
        """Where requests are counted: a Redis server's address, or nothing for this process."""
        return self.redis_url

    @property
    def local(self) -> bool:
        """One person's own machine: loopback upstreams are allowed, nobody logs in."""
        return self.auth == "none"


def load(values: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from a dictionary with upper-case names, the environment over it. Raises SettingError."""
    given: dict[str, Any] = {}
    for name, value in (values or {}).items():
        if name not in _READERS:
            raise SettingError(_unknown(f"HEADRACE[{name!r}]", name))
        given[name] = _read(f"HEADRACE[{name!r}]", name, value)
    environ = os.environ if environ is None else environ
    for name in UNPREFIXED:
        if text := environ.get(name, "").strip():
            given[name] = _read(name, name, text)
    for variable, text in environ.items():
        name = variable.removeprefix(PREFIX)
        if variable.startswith(PREFIX) and name in _READERS and (text.strip() or _READERS[name] in _LISTS):
            given[name] = _read(variable, name, text)
        elif variable.startswith(PREFIX) and name not in _READERS and _near(name):
            logger.warning("%s", _unknown(variable, name))
    return _consistent(Settings(**{name.lower(): value for name, value in given.items()}))


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process. `reset_settings` forgets them; so does a changed `HEADRACE` in Django's."""
    return load(_django_values())


def reset_settings(**_: Any) -> None:
    """Read the settings anew when they are next asked for."""
    get_settings.cache_clear()


def setting_names() -> frozenset[str]:
    """The names that may stand in `HEADRACE = {…}`, and in the environment with the prefix."""
    return frozenset(_READERS)


def _django_values() -> Mapping[str, Any]:
    try:
        from django.conf import settings
        from django.core.signals import setting_changed
    except ImportError:  # scripts may use the services without Django
        return {}
    setting_changed.connect(_on_setting_changed, dispatch_uid="headrace.conf")
    if not settings.configured and not os.environ.get("DJANGO_SETTINGS_MODULE"):
        return {}
    values = getattr(settings, "HEADRACE", None) or {}
    if not isinstance(values, Mapping):
        raise SettingError(f"HEADRACE must be a dictionary of settings, not {type(values).__name__}")
    return values


def _on_setting_changed(*, setting: str, **_: Any) -> None:
    if setting == "HEADRACE":
        reset_settings()


def _read(source: str, name: str, value: object) -> object:
    try:
        return _READERS[name](value)
    except ValueError as error:
        shown = "a value that is not shown" if name in _SECRET else repr(value)[:80]
        raise SettingError(f"{source} must be {error}; it is {shown}") from None


def _consistent(settings: Settings) -> Settings:
    if settings.oidc_issuer and not settings.oidc_client_id:
        raise SettingError("HEADRACE_OIDC_CLIENT_ID is missing: the name under which the provider knows this server")
    if settings.local and "*" in settings.allowed_hosts:
        raise SettingError(
            "HEADRACE_ALLOWED_HOSTS is wrong: '*' would let any web page reach this server (DNS rebinding) while "
            "HEADRACE_AUTH is 'none'. Name the hosts, or set HEADRACE_AUTH=required."
        )
    return settings


def _unknown(source: str, name: str) -> str:
    near = _near(name)
    return f"{source} is no setting of Headrace; " + (
        f"did you mean {near}?" if near else f"there are: {', '.join(sorted(_READERS))}"
    )


def _near(name: str) -> str:
    return next(iter(difflib.get_close_matches(str(name).upper(), list(_READERS), n=1, cutoff=0.75)), "")


_READERS: dict[str, Callable[[object], object]] = {
    "AUTH": read_choice("none", "required"),
    "DATA_DIR": read_path,
    "ALLOWED_HOSTS": read_hosts,
    "ALLOWED_ORIGINS": read_origins,
    "EGRESS_ALLOW": read_list,
    "UPSTREAM_PROXY": read_proxies,
    "CA_BUNDLE": read_file,
    "PROVIDERS_FILE": read_file,
    "SECRET_KEYS": read_list,
    "KEEPALIVE_SECONDS": read_seconds(0, MAX_KEEPALIVE),
    "REPLAY_SECONDS": read_seconds(0, MAX_SECONDS),
    "ORPHAN_SECONDS": read_seconds(0, MAX_SECONDS),
    "DRAIN_SECONDS": read_seconds(0, MAX_SECONDS),
    "STALL_SECONDS": read_seconds(1, MAX_SECONDS),
    "REDIS_URL": read_redis,
    "MAX_BODY_BYTES": read_whole(LEAST_BODY, GREATEST_BODY),
    "MAX_STREAMS": read_whole(1, MAX_STREAMS),
    "COMPRESSION": read_boolean,
    "LOG_TEXT": read_boolean,
    "LOG_FORMAT": read_choice("text", "json"),
    "METRICS": read_boolean,
    "METRICS_TOKEN": read_text,
    "WSGI_STREAMS": read_whole(1, MAX_STREAMS),
    "RESOLVE_PROJECT": read_hook,
    "AUTHORIZE": read_hook,
    "BEFORE_STREAM": read_hook,
    "AFTER_STREAM": read_hook,
    "PROJECT_STREAMS": read_whole(0, MAX_STREAMS),
    "PROJECT_REQUESTS": read_whole(0, MAX_REQUESTS),
    "PERSON_STREAMS": read_whole(0, MAX_STREAMS),
    "PERSON_REQUESTS": read_whole(0, MAX_REQUESTS),
    "TOKEN_STREAMS": read_whole(0, MAX_STREAMS),
    "TOKEN_REQUESTS": read_whole(0, MAX_REQUESTS),
    "MAX_ANSWER": read_whole(0, MAX_ANSWER),
    "AUDIT_DAYS": read_whole(1, MAX_AUDIT_DAYS),
    "STATS_DAYS": read_whole(0, MAX_STATS_DAYS),
    "STATS_SUMMARY_DAYS": read_whole(1, MAX_STATS_DAYS),
    "OIDC_ISSUER": read_issuer,
    "OIDC_CLIENT_ID": read_text,
    "OIDC_CLIENT_SECRET": read_text,
    "OIDC_ALLOW": read_list,
}
_LISTS = (read_list, read_hosts, read_origins)
_SECRET = frozenset(each.name.upper() for each in fields(Settings) if not each.repr)
