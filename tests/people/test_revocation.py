"""Access that is taken away ends what is open: on the worker that hears of it, and on another that only looks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chunk, sse, stream_head
from tests.live import MESSAGES, STREAM, LiveServer, model_at
from tests.people.conftest import PASSWORD

WITHIN = 5.0
P = "/api/projects/default/"
HALF = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]
pytestmark = pytest.mark.timeout(120)


PREPARE = "from headrace.commands.database import *; migrate(); invite_owner('http://x')"


class Site:
    """Two servers on one database, each with its own memory; an owner's session and what it can do."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        settings = {"HEADRACE_AUTH": "required", "HEADRACE_EGRESS_ALLOW": "http://127.0.0.1", "WEB_CONCURRENCY": "1"}
        prepared = subprocess.run(
            [sys.executable, "-c", PREPARE],
            env=_environment(folder) | settings,
            capture_output=True,
            text=True,
            check=True,
        )
        self.servers = [stack.enter_context(LiveServer.uvicorn(folder, **settings)) for _ in range(2)]
        secret = re.search(r"/sign/link#(\S+)", prepared.stdout)
        assert secret, prepared.stdout
        self.cookie = self.sign({"secret": secret[1], "name": "ann", "password": PASSWORD})

    def sign(self, body: dict[str, str]) -> str:
        answer = self.servers[0].post("/sign/link", body)
        assert answer.status == 200, answer.read()
        return str(answer.headers["Set-Cookie"]).partition(";")[0]

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self.servers[1].request(method, path, body, {"Cookie": self.cookie})
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text) if text else None


def _environment(folder: Path) -> dict[str, str]:
    import os

    from tests.live import ROOT

    return os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "HEADRACE_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "headrace.config.settings",
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path_factory.mktemp("site"), stack)


def opened(server: LiveServer, upstream: ScriptedUpstream, headers: dict[str, str], **options: str) -> tuple[Any, str]:
    """A stream whose upstream holds, its first event read; the response and the stream's id."""
    body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1"), "streamOptions": options}
    response = server.post(STREAM, body, headers=headers, timeout=30)
    assert response.status == 200, response.read()
    assert b"Hel" in response.readline()
    return response, str(response.headers["X-Stream-Id"])


def seconds_until_closed(response: Any) -> float:
    start, done = time.monotonic(), threading.Event()

    def read() -> None:
        with suppress(Exception):  # cut in mid-chunk
            response.read()
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(4 * WITHIN), "the stream goes on"
    return time.monotonic() - start


def test_a_revoked_token_ends_its_streams_on_every_worker(site: Site) -> None:
    made = site.ask("POST", P + "tokens/", {"name": "ci"})
    program = {"Authorization": f"Bearer {made['token']}"}
    with ScriptedUpstream(HALF) as one, ScriptedUpstream(HALF) as two:
        open_ones = [
            opened(server, upstream, program)[0] for server, upstream in zip(site.servers, (one, two), strict=True)
        ]
        site.ask("DELETE", f"{P}tokens/{made['tokenId']}/")
        assert max(map(seconds_until_closed, open_ones)) < WITHIN
        assert one.wait_disconnect()
        assert two.wait_disconnect()
    assert site.servers[0].get("/api/me/", headers=program).status == 401


def test_a_removed_person_stops_reading_what_another_produces(site: Site) -> None:
    link = site.ask("POST", P + "invitations/", {"role": "viewer"})["link"]
    bob = site.sign({"secret": link.partition("#")[2], "name": "bob", "password": PASSWORD})
    server = site.servers[0]
    with ScriptedUpstream(HALF) as upstream:
        mine, stream_id = opened(server, upstream, {"Cookie": site.cookie}, onDisconnect="continue")
        theirs = server.get(f"{P}playground/streams/{stream_id}/", headers={"Cookie": bob}, timeout=30)
        assert theirs.status == 200
        assert b"id: 1" in theirs.readline()
        (member,) = [each for each in site.ask("GET", P + "members/")["members"] if each["name"] == "bob"]
        site.ask("DELETE", f"{P}members/{member['memberId']}/")
        assert seconds_until_closed(theirs) < WITHIN
        assert server.get(f"{P}playground/streams/{stream_id}/", headers={"Cookie": bob}).status == 404
        running = json.loads(server.get(f"{P}playground/streams/", headers={"Cookie": site.cookie}).read())
        states = {each["streamId"]: each["state"] for each in running["streams"]}
        assert states[stream_id] == "running"
        mine.close()


def test_a_locked_name_is_told_to_wait(site: Site) -> None:
    server: LiveServer = site.servers[0]
    for _ in range(6):
        answer = server.post("/sign/in", {"name": "ann", "password": "wrong"})
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) == 900
    right = server.post("/sign/in", {"name": "ann", "password": PASSWORD})
    assert right.status == 429
    assert PASSWORD not in server.log
    connection = HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/api/me/", headers={"Cookie": site.cookie})
    assert connection.getresponse().status == 200  # who is in stays in
