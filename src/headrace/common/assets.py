"""Files that pages need, served by the application itself: no build step, no `collectstatic`, no second server.

They are few and small, so they are kept in memory, compressed once. It serves what it was told to, nothing beside it.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse

from headrace.common.http import error_response

Find = Callable[[str], Path | None]

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
PACKED = frozenset({".css", ".html", ".js", ".json", ".map", ".svg"})
LEAST_PACKED = 1024
"""Bytes below which compression saves no packet."""
LEVEL = 6
FOREVER = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"

_HASHED = re.compile(r"[-.][A-Za-z0-9_-]{8,}\.\w+$")
_BUILT = "app/assets/"
"""Where the page's build puts files whose names change with their content."""


@dataclass(frozen=True, slots=True)
class _Asset:
    stamp: tuple[int, int]
    body: bytes
    packed: bytes
    kind: str
    tag: str


def in_folder(root: Path) -> Find:
    """Finds the files below `root`. What leads out of it, is hidden or is no file is not found."""
    root = root.resolve()

    def find(name: str) -> Path | None:
        if "\0" in name or any(part.startswith(".") or not part for part in name.split("/")):
            return None
        path = (root / name).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None

    return find


def asset_view(find: Find) -> Callable[..., Coroutine[Any, Any, HttpResponse]]:
    """A view that answers the file that `find` finds for the address's `name`."""
    kept: dict[str, _Asset] = {}

    async def asset(request: HttpRequest, name: str) -> HttpResponse:
        path = find(name)
        if path is None:
            return error_response("there is no such file", 404)
        if request.method not in ("GET", "HEAD"):
            return error_response("this address takes GET", 405, headers={"Allow": "GET, HEAD"})
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        found = kept.get(name)
        if found is None or found.stamp != stamp:
            found = kept[name] = await asyncio.to_thread(_load, path, stamp)
        return _answer(request, name, found)

    return asset


def _load(path: Path, stamp: tuple[int, int]) -> _Asset:
    body = path.read_bytes()
    suffix = path.suffix.lower()
    worth = suffix in PACKED and len(body) >= LEAST_PACKED
    return _Asset(
        stamp=stamp,
        body=body,
        packed=gzip.compress(body, LEVEL, mtime=0) if worth else b"",
        kind=TYPES.get(suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        tag=hashlib.sha256(body).hexdigest()[:16],
    )


def _answer(request: HttpRequest, name: str, found: _Asset) -> HttpResponse:
    packed = bool(found.packed) and _takes_gzip(request.headers.get("Accept-Encoding", ""))
    tag = f'"{found.tag}{"-gz" if packed else ""}"'
    lasting = name.startswith(_BUILT) and _HASHED.search(name)
    headers = {"ETag": tag, "Cache-Control": FOREVER if lasting else REVALIDATED, "Vary": "Accept-Encoding"}
    if tag in (each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")):
        return HttpResponse(status=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return HttpResponse(found.packed if packed else found.body, content_type=found.kind, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        name, _, parameters = each.partition(";")
        if name.strip() in ("gzip", "*"):
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", parameters)
    return False
