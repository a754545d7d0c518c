"""`headrace doctor https://chat.example.com`: whether streams pass through everything in front of a Headrace server.

It reads timed events, plain and compressed at once, then one with a silence at its end. The token comes from the
environment, or is asked for without being shown; no other key is sent there.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
import time
from typing import Any

import msgspec

from headrace.backends.http import HTTPAnswer, HTTPClient
from headrace.commands.choice import KEY_VARIABLE
from headrace.commands.doctor_report import MARKS
from headrace.commands.terminal import CommandError, complain, say
from headrace.common.delivery import Delivery, Heard, Tick
from headrace.common.identity import TOKEN_PREFIX
from headrace.common.streams.runtime import http_client
from headrace.common.timed_events import EVENTS, GAP, MAX_SILENCE
from headrace.errors import FramingError, UpstreamError
from headrace.providers.base import HTTPRequest
from headrace.stream.framing import SSEDecoder

CODINGS = ("identity", "gzip")
PATIENCE = 10.0  # seconds beyond what the server was asked to take
BEYOND_KEEPALIVE = 5  # seconds of silence more than there ever are between two keep-alives
USUAL_SILENCE = 20  # where the server sends no keep-alives
MAX_BODY = 64 * 1024
REFUSALS = frozenset({"unauthenticated", "host_refused", "forbidden"})
"""What only a Headrace server says of itself when it does not answer."""


async def find_deployment(url: str) -> str:
    """The address below which a Headrace server examines, or nothing: then this is some other endpoint."""
    for base in _bases(url):
        try:
            status, body = await _get(http_client(), f"{base}doctor/", "")
        except UpstreamError:
            continue
        if (status == 200 and body.get("headrace") is True) or (body.get("code") in REFUSALS and "field" in body):
            return base
    return ""


async def examine(base: str, arguments: argparse.Namespace) -> int:
    """Read, judge, print. 0 where nothing is wrong."""
    token, about = await _let_in(base)
    keepalive = float(about.get("keepAliveSeconds") or 0)
    usual = int(keepalive) + BEYOND_KEEPALIVE if keepalive else USUAL_SILENCE
    silence = min(arguments.silence if arguments.silence is not None else usual, MAX_SILENCE)
    if not arguments.json:
        say(
            f"Headrace at {base.removesuffix('api/').rstrip('/')}: reading {EVENTS} events in {EVENTS * GAP:g} s, twice"
        )
    streams = await asyncio.gather(*(listen(base, token, coding=coding) for coding in CODINGS))
    if silence:
        if not arguments.json:
            say(f"then one stream that is silent for {silence} s")
        streams.append(await listen(base, token, silence=silence))
    delivery = Delivery(tuple(filter(None, streams)), secure=base.startswith("https:"))
    (_print_json if arguments.json else _print)(delivery)
    return 0 if delivery.good else 1


async def listen(base: str, token: str, *, coding: str = "identity", silence: int = 0) -> Heard | None:
    """One stream as it came; None where none did."""
    client, loop, began = http_client(), asyncio.get_running_loop(), time.monotonic()
    seen = _Seen(began)
    query = f"?silence={silence}" if silence else ""
    request = HTTPRequest(f"{base}doctor/stream/{query}", _fields(token) | {"accept": "text/event-stream"}, b"")
    try:
        deadline = loop.time() + PATIENCE + silence + len(CODINGS) * EVENTS * GAP
        idle = PATIENCE + silence
        answer = await client.send(request, deadline=deadline, idle=idle, method="GET", codings=coding)
        async with answer:
            await seen.read(answer)
    except (UpstreamError, FramingError) as error:
        if not seen.head_at:
            complain(f"headrace: {error}")
            return None
    return seen.heard(coding, silence)


class _Seen:
    """What one stream shows as it arrives."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._about: dict[str, Any] = {}
        self._ticks: list[Tick] = []
        self._complete = False
        self._answer: HTTPAnswer | None = None
        self.head_at = 0.0

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    async def read(self, answer: HTTPAnswer) -> None:
        self._answer, self.head_at = answer, self._now
        decoder = SSEDecoder()
        while not self._complete and (data := await answer.read()):
            for frame in decoder.feed(data):
                self._take(frame.data)

    def _take(self, data: bytes) -> None:
        self._complete = data.strip() == b"[DONE]"
        event = _object(data)
        if event.get("type") == "about":
            self._about = event
        elif event.get("type") == "tick" and isinstance(event.get("sent"), int | float):
            self._ticks.append(Tick(float(event["sent"]), self._now))

    def heard(self, asked: str, silence: int) -> Heard:
        headers = self._answer.headers if self._answer is not None else {}
        return Heard(
            about=self._about,
            ticks=tuple(self._ticks),
            head_at=self.head_at,
            ended_at=self._now,
            complete=self._complete,
            asked=asked,
            coding=headers.get("content-encoding", ""),
            server=" ".join(headers.get(name, "") for name in ("server", "via")),
            silence=silence,
        )


def _bases(url: str) -> list[str]:
    """Where the API may stand below this address; nowhere where the address is plainly a model's."""
    plain = url.strip().rstrip("/")
    scheme, mark, rest = plain.partition("://")
    if not mark or "?" in rest or "#" in rest or rest.endswith(("/v1", "/completions", "/messages", "/responses")):
        return []
    plain = plain.removesuffix("/api")
    return [f"{scheme}://{rest.removesuffix('/api')}/api/", *([f"{plain}/"] if "/" in rest else [])]


async def _let_in(base: str) -> tuple[str, dict[str, Any]]:
    """The token to ask with, if one is wanted, and what the server says of itself. CommandError where it says no."""
    token = os.environ.get(KEY_VARIABLE, "")
    token = token if token.startswith(TOKEN_PREFIX) else ""
    status, body = await _get(http_client(), f"{base}doctor/", token)
    if status == 401 and not token and sys.stdin.isatty():
        token = getpass.getpass("A project's token, hr_… (not shown): ").strip()
        status, body = await _get(http_client(), f"{base}doctor/", token)
    if status == 200:
        return token, body
    if status == 401:
        raise CommandError(f"This Headrace wants a project's token: {KEY_VARIABLE}=hr_… headrace doctor …")
    raise CommandError(f"This Headrace does not answer here: {body.get('error') or f'status {status}'}")


async def _get(client: HTTPClient, url: str, token: str) -> tuple[int, dict[str, Any]]:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    request = HTTPRequest(url, _fields(token) | {"accept": "application/json"}, b"")
    data = b""
    async with await client.send(request, deadline=deadline, idle=PATIENCE, method="GET") as answer:
        while len(data) < MAX_BODY and (piece := await answer.read()):
            data += piece
    return answer.status, _object(data)


def _fields(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _print(delivery: Delivery) -> None:
    for finding in delivery.findings:
        say(f"  {MARKS[finding.level]} {_printable(finding.text)}")
        for line in finding.line.splitlines():
            say(f"      {line}")
    say()
    say(delivery.verdict())


def _printable(text: str) -> str:
    """What was found out there must not steer the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _print_json(delivery: Delivery) -> None:
    found = [
        {"level": each.level, "code": each.code, "text": each.text, "line": each.line} for each in delivery.findings
    ]
    report = {"good": delivery.good, "verdict": delivery.verdict(), "findings": found}
    say(msgspec.json.encode(report).decode())
