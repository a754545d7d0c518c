"""Figures in a project of one's own under gunicorn: its workers count together in the folder that the site names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.testing import ScriptedUpstream, Send, chat_answer
from tests.integration.test_command import until
from tests.live import CHAT, MESSAGES, LiveServer, model_at
from tests.tools import needed

needed("prometheus_client", 'pip install "headrace[metrics]"')

CHATS = 12
HOOK = """
from prometheus_client import multiprocess


def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
"""


def finished(server: LiveServer) -> float:
    text = server.get("/metrics").read().decode()
    return sum(map(float, re.findall(r"^headrace_streams_finished_total\{.*\} (\S+)$", text, re.MULTILINE)))


@pytest.mark.parametrize("threads", ["1", "4"])
def test_workers_of_gunicorn_count_together(data_dir: Path, tmp_path: Path, threads: str) -> None:
    folder, configuration = tmp_path / "counts", tmp_path / "gunicorn.conf.py"
    folder.mkdir()
    configuration.write_text(HOOK)
    options = ("--workers", "2", "--threads", threads, "--config", str(configuration))
    with (
        ScriptedUpstream([Send(chat_answer("x"))]) as upstream,
        LiveServer.gunicorn(data_dir, *options, PROMETHEUS_MULTIPROC_DIR=str(folder)) as server,
    ):
        body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")}
        for _ in range(CHATS):
            assert server.post(CHAT, body).status == 200
        until(lambda: finished(server) == CHATS, "the chats are not counted")
    assert list(folder.glob("counter_*.db")) != []
    assert list(folder.glob("gauge_live*.db")) == [], "the hook has run for each worker"
