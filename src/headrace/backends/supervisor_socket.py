"""How workers ask the supervisor in their parent process: one line each way over a unix socket that only we may open.

`model smollm2` is answered by `{"url": …, "key": …}` or `{"code": …, "message": …}`. It carries no prompt and no
answer of a model, and it trusts the file system's permissions alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

import msgspec

from headrace.backends.supervisor import START_SECONDS, Address
from headrace.errors import ErrorCode, HeadraceError, RequestError, UpstreamError

SOCKET_VARIABLE = "HEADRACE_SUPERVISOR_SOCKET"
PRIVATE = 0o600
GRACE_SECONDS = 5.0  # beyond the longest start: the parent's own answer that it took too long should come first

logger = logging.getLogger("headrace.supervisor")


class _Refusal(msgspec.Struct):
    message: str
    code: ErrorCode = "upstream_unavailable"
    field: str | None = None


async def serve_models(path: str, answer: Callable[[str], Awaitable[Address]]) -> asyncio.Server:
    """Answer workers at this path, which must lie in a private directory, until the server is closed."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            verb, _, name = (await reader.readline()).decode().strip().partition(" ")
            writer.write(msgspec.json.encode(await _answered(verb, name, answer)) + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            logger.debug("a worker went away while it asked")
        finally:
            writer.close()

    server = await asyncio.start_unix_server(handle, path)
    os.chmod(path, PRIVATE)  # noqa: PTH101 - a path of a socket, not of a file
    return server


async def ask_for_model(path: str, name: str) -> Address:
    """The address of a model server that the parent supervises. Raises RequestError or UpstreamError."""
    try:
        async with asyncio.timeout(START_SECONDS + GRACE_SECONDS):
            line = await _exchange(path, f"model {name}\n".encode())
        answered = msgspec.json.decode(line, type=dict[str, str | None])
    except (OSError, TimeoutError, msgspec.DecodeError) as error:
        raise UpstreamError("upstream_unavailable", "The process that runs the local model does not answer.") from error
    if "url" in answered:
        return msgspec.convert(answered, Address)
    refusal = msgspec.convert(answered, _Refusal)
    if refusal.field is not None:
        raise RequestError(refusal.message, field=refusal.field)
    raise UpstreamError(refusal.code, refusal.message, retryable=True)


async def _exchange(path: str, question: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(question)
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()


async def _answered(verb: str, name: str, answer: Callable[[str], Awaitable[Address]]) -> Address | _Refusal:
    if verb != "model":
        return _Refusal(f"The supervisor knows no {verb!r}.", "internal")
    try:
        return await answer(name)
    except RequestError as error:
        return _Refusal(error.message, "internal", error.field)
    except UpstreamError as error:
        return _Refusal(error.message, error.code)
    except HeadraceError as error:
        return _Refusal(str(error), "internal")
