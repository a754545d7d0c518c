"""What a setting's value may be: each reader makes it of a text or a Python value, or says what it must be.

A ValueError's words end the sentence "HEADRACE_… must be".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from headrace.backends.http_proxy import Proxy
from headrace.backends.redis_wire import Address, AddressError
from headrace.common.origins import origin_of

DIRECT = "none"
"""What stands for no proxy."""


def read_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    raise ValueError("a string")


def read_choice(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = value.strip().lower() if isinstance(value, str) else ""
        if text not in choices:
            raise ValueError(f"one of: {', '.join(choices)}")
        return text

    return read


def read_seconds(least: float, most: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        try:
            number = float(cast(Any, value)) if not isinstance(value, bool) else math.nan
        except (TypeError, ValueError):
            number = math.nan
        if not least <= number <= most:
            raise ValueError(f"a number of seconds from {least:g} to {most:g}")
        return number

    return read


def read_whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        try:
            number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else least - 1
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return number

    return read


def read_boolean(value: object) -> bool:
    word = str(value).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("yes or no (1, true, on; 0, false, off)")


def read_list(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple | set | frozenset) or not all(isinstance(item, str) for item in items):
        raise ValueError("a list of strings")
    return tuple(item.strip() for item in items if item.strip())


def read_hosts(value: object) -> tuple[str, ...]:
    hosts = tuple(host.lower().rstrip(".") for host in read_list(value))
    if any("/" in host or (":" in host and not host.startswith("[")) for host in hosts):
        raise ValueError("a list of host names without scheme or port, such as example.com or .example.com")
    return hosts


def read_origins(value: object) -> tuple[str, ...]:
    try:
        return tuple(origin_of(text) for text in read_list(value))
    except ValueError:
        raise ValueError("a list of origins, such as https://app.example.com") from None


def read_path(value: object) -> Path:
    text = str(value) if isinstance(value, Path) else read_text(value)
    return Path(text).expanduser().absolute()


def read_file(value: object) -> str | None:
    if value in (None, ""):
        return None
    path = read_path(value)
    if not path.is_file():
        raise ValueError("a file that exists")
    return str(path)


def read_proxies(value: object) -> tuple[tuple[str, str], ...]:
    """The proxy of each provider: its name, or `*` for the others, and an address, or nothing for no proxy at all."""
    items = value.items() if isinstance(value, Mapping) else _proxy_items(read_text(value or ""))
    found = tuple((str(name).strip().lower(), "" if url == DIRECT else str(url or "")) for name, url in items)
    try:
        for _, url in found:
            Proxy.parse(url) if url else None
    except ValueError:
        raise ValueError(
            "an address such as http://proxy.example.com:3128 (or https://, socks5://), or a list by provider such as "
            "openai=socks5://127.0.0.1:1080,ollama=none,*=http://proxy.example.com:3128"
        ) from None
    if len({name for name, _ in found}) != len(found):
        raise ValueError("a list with each provider once")
    return found


def _proxy_items(text: str) -> Iterator[tuple[str, str]]:
    for item in filter(None, map(str.strip, text.split(","))):
        name, mark, url = item.partition("=")
        named = bool(mark) and "/" not in name  # an address may hold an equals sign in its password
        yield (name, url.strip()) if named else ("*", item)


def read_redis(value: object) -> str:
    text = read_text(value or "")
    if text.lower() in ("", "none"):
        return ""
    try:
        Address.parse(text)
    except (AddressError, OSError):  # a file of authorities that is not there
        raise ValueError("the address of a Redis or Valkey server, such as redis://localhost:6379/0, or none") from None
    return text


def read_hook(value: object) -> object:
    """A function, or where it is to be found; it is imported when it is first needed, after the apps are."""
    if value is None or callable(value):
        return value
    if isinstance(value, str) and all(part.isidentifier() for part in value.strip().split(".")) and "." in value:
        return value.strip()
    raise ValueError("a function, or its dotted path, such as mysite.ai.authorize")


def read_issuer(value: object) -> str:
    text = read_text(value or "").rstrip("/")
    try:
        near = not text or text.startswith("https://") or _is_loopback(origin_of(text))
    except ValueError:
        near = False
    if not near:
        raise ValueError("the https:// address of an OpenID Connect provider")
    return text


def _is_loopback(origin: str) -> bool:
    return origin.startswith(("http://127.0.0.1:", "http://[::1]:", "http://localhost:"))
