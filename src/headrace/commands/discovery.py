"""Which model servers run on this machine: Ollama and LM Studio at their usual ports, asked for their models.

Only loopback is ever asked, and only for a moment: no answer within it means that there is none.
"""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import msgspec

PATIENCE_SECONDS = 0.3  # nobody should wait for what is not there; a server on this machine answers in a few ms
LIST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where one kind of server usually listens on 127.0.0.1, and where it lists its models."""

    provider: str
    port: int
    path: str
    base: str = ""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}"


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answered, with the names of its models that can chat, the likeliest first."""

    provider: str
    endpoint: str
    models: tuple[str, ...]


PLACES = (Place("ollama", 11434, "/api/tags"), Place("lmstudio", 1234, "/v1/models", "/v1"))


class _Named(msgspec.Struct):
    name: str = ""
    id: str = ""


class _Listing(msgspec.Struct):
    models: list[_Named] = []
    data: list[_Named] = []


def found_servers(places: Sequence[Place] = PLACES) -> list[FoundServer]:
    """Those that have a model, in the order of `places`."""
    pool = ThreadPoolExecutor(max_workers=len(places))
    asked = [pool.submit(_models, place) for place in places]
    wait(asked, timeout=PATIENCE_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    listed = [each.result() if each.done() else () for each in asked]
    return [
        FoundServer(place.provider, place.endpoint, models)
        for place, models in zip(places, listed, strict=True)
        if models
    ]


def _models(place: Place) -> tuple[str, ...]:
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", place.path)
        listing = msgspec.json.decode(connection.getresponse().read(LIST_BYTES), type=_Listing)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, UnicodeDecodeError):
        return ()
    finally:
        connection.close()
    names = (row.name or row.id for row in (*listing.models, *listing.data))
    return tuple(name for name in names if name and "embed" not in name.lower())
