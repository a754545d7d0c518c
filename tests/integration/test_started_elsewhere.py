"""Started here, read there: a process without a server asks the model, a browser joins at a server beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.backends.redis_servers import RunningServer, valkey_binary
from tests.integration.test_servers import ASGI, PREFIX, server_of
from tests.live import ROOT, blocks, joined, payloads

PROGRAM = """
import sys
from headrace import LLMService
from headrace.testing import FakeModel

model = FakeModel(["Hel", "lo"], reasoning="why", holds_after=2)
stream = LLMService(model, after_stream=lambda result: print(result.outcome, flush=True)).start(
    [{"role": "user", "content": "Hi"}], project="default"
)
print(stream.stream_id, flush=True)
sys.stdin.readline()
model.release()
for _ in stream:
    pass
"""


def test_a_browser_joins_what_another_process_asks(tmp_path: Path) -> None:
    shared = RunningServer(valkey_binary())
    try:
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        environment |= {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_REDIS_URL": shared.url}
        command = ("uvicorn", ASGI, "--fd", "FD")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with (
            server_of(tmp_path, command, HEADRACE_REDIS_URL=shared.url) as server,
            subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, text=True, **pipes) as task,  # type: ignore[call-overload]
        ):
            stream_id = task.stdout.readline().strip()
            arriving = blocks(server.get(f"{PREFIX}/streams/{stream_id}/"))
            early = [next(arriving) for _ in range(4)]
            assert early[3].endswith('{"type": "content", "content": "Hel"}'), "while the model is still at it"
            task.stdin.write("go on\n")
            task.stdin.flush()
            events = payloads([*early, *arriving])
            assert (joined(events, "reasoning"), joined(events, "content")) == ("why", "Hello")
            assert task.stdout.readline().strip() == "stop"
            assert task.wait(10) == 0
    finally:
        shared.close()
