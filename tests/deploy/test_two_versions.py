"""The version before and this one side by side, on one database and one journal: an upgrade without a pause."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.live import CHAT, MESSAGES, ROOT, LiveServer, blocks, model_at

pytestmark = pytest.mark.timeout(120)
P = "/api/projects/default/"
KEY = "sk-canary-versions"
HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]
FOLLOWED = {"onDisconnect": "continue", "includeIds": True}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the commit that landed before this one."""
    command = ["git", "archive", "HEAD~1", "src"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip("there is no history here, so no version before this one")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


def migrate(source: Path, data: Path) -> None:
    own = {"PYTHONPATH": str(source), "HEADRACE_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=os.environ | own | {"DJANGO_SETTINGS_MODULE": "headrace.config.settings"}, check=True)


@pytest.fixture
def pair(before: Path, tmp_path: Path) -> Iterator[tuple[LiveServer, LiveServer]]:
    """The old server was there first; the new one has brought the database up to date under it."""
    journal = RunningServer(valkey_binary())
    shared = {"REDIS_URL": journal.url}
    try:
        migrate(before, tmp_path)
        with LiveServer.uvicorn(tmp_path, **shared, PYTHONPATH=str(before)) as old:
            old.post(CHAT, {"messages": MESSAGES, "model": {"providerId": "none"}}).read()
            migrate(ROOT / "src", tmp_path)
            with LiveServer.uvicorn(tmp_path, **shared) as new:
                yield old, new
    finally:
        journal.close()


def test_the_old_one_is_the_old_one(before: Path) -> None:
    command = [sys.executable, "-c", "import headrace; print(headrace.__file__)"]
    environment = os.environ | {"PYTHONPATH": str(before)}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd="/").stdout
    assert shown.startswith(str(before))


def test_streams_and_stored_keys_are_the_same_on_both(pair: tuple[LiveServer, LiveServer]) -> None:
    for here, there in (pair, pair[::-1]):
        with ScriptedUpstream(HALF) as upstream:
            answer = here.stream(model_at(f"{upstream.url}/v1"), streamOptions=FOLLOWED)
            place = f"{P}playground/streams/{answer.headers['X-Stream-Id']}/"
            followed = blocks(there.get(place))
            assert (
                next(line for line in followed if "data" in line)
                == 'id: 1\ndata: {"type": "content", "content": "Hel"}'
            )
            assert there.request("DELETE", place).status == 204
            assert upstream.wait_disconnect()
            assert list(blocks(answer))[-1] == "data: [DONE]"
            assert [line for line in followed if line.startswith("data")] == ["data: [DONE]"]
        with ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream:
            stored = {"name": "m", "providerId": "openai", "endpoint": f"{upstream.url}/v1", "modelId": "m"}
            made = json.loads(here.post(f"{P}models/", stored | {"apiKey": KEY}).read())
            asked = {"messages": MESSAGES, "model": {"configId": made["configId"]}}
            assert json.loads(there.post(CHAT, asked).read())["content"] == "Hello"
            assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
            changed = there.request("PATCH", f"{P}models/{made['configId']}/", {"name": "n"})
            assert changed.status == 200
            assert json.loads(here.get(f"{P}models/{made['configId']}/").read())["name"] == "n"
