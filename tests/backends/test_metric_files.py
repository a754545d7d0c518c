"""Workers that count together, with real processes: what one has counted outlives it, and its files do not."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.backends.metric_files import MetricsFolder, reading
from headrace.backends.metric_labels import MAX_MODELS, OTHER
from headrace.backends.metrics import FOLDER_VARIABLE
from headrace.commands.workers import _settled
from tests.tools import needed

multiprocess = needed("prometheus_client.multiprocess", 'pip install "headrace[metrics]"')

COUNTING = """
import os, sys
from headrace.backends.metrics import start_metrics
m = start_metrics()
{steps}
print(os.getpid(), flush=True)
sys.stdin.read()
"""
STEPS = """
m.started.inc(5)
m.finished.labels("openai", "gpt", "stop").inc(3)
m.finished.labels("openai", "gpt", "upstream_auth").inc(1)
m.open.set(1)
m.mirror_lag.set({lag})
m.duration.labels("chat", "openai", "gpt", "").observe(0.5)
m.per_chunk.labels("chat", "openai", "gpt").observe_many([0, 2, 1] + [0] * 11 + [4], 400.25)
"""
MANY = """
for number in range({first}, {first} + 150):
    m.finished.labels(*m.models("openai", f"model-{{number}}"), "stop").inc()
"""


class Counting:
    """A process that has counted and waits for its end."""

    def __init__(self, folder: MetricsFolder, steps: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COUNTING.format(steps=steps)],
            env=os.environ | {FOLDER_VARIABLE: str(folder.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.pid = int(self.process.stdout.readline())

    def kill(self) -> int:
        self.process.kill()
        self.process.communicate()
        return self.pid


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[MetricsFolder]:
    made = MetricsFolder(tmp_path)
    yield made
    made.close()


def samples(folder: MetricsFolder) -> dict[tuple[str, Any], float]:
    """Every sample of all processes, by its name and labels."""
    collector = multiprocess.MultiProcessCollector(None, str(folder.path))
    with reading(str(folder.path)):
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in collector.collect()
            for sample in family.samples
        }


def total(found: dict[tuple[str, Any], float], name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for (each, had), value in found.items() if each == name and wanted <= set(had))


def test_sums_never_fall_and_what_was_lost_is_counted(folder: MetricsFolder) -> None:
    one, other = Counting(folder, STEPS.format(lag=2)), Counting(folder, STEPS.format(lag=7))
    before = samples(folder)
    assert total(before, "headrace_streams_started_total") == 10
    assert total(before, "headrace_streams_open") == 2
    assert total(before, "headrace_mirror_lag_seconds") == 7
    folder.settle(other.kill())
    after = samples(folder)
    for key, value in before.items():
        if not key[0].startswith(("headrace_streams_open", "headrace_mirror", "headrace_build")):
            assert after[key] == value, key
    assert total(after, "headrace_streams_open") == 1
    assert total(after, "headrace_mirror_lag_seconds") == 2
    assert total(after, "headrace_streams_finished_total", outcome="producer_lost") == 1
    folder.settle(one.kill())
    last = samples(folder)
    assert total(last, "headrace_streams_started_total") == total(last, "headrace_streams_finished_total") == 10
    assert total(last, "gen_ai_client_operation_time_per_output_chunk_seconds_count") == 14
    assert total(last, "gen_ai_client_operation_time_per_output_chunk_seconds_sum") == 800.5
    name = "gen_ai_client_operation_time_per_output_chunk_seconds_bucket"
    assert [total(last, name, le=edge) for edge in ("0.01", "0.02", "0.04", "81.92", "+Inf")] == [0, 4, 6, 6, 14]


def test_files_of_the_departed_do_not_pile_up(folder: MetricsFolder) -> None:
    for _ in range(4):
        folder.settle(Counting(folder, STEPS.format(lag=0)).kill())
    assert {path.name for path in folder.path.glob("*.db")} == {"counter_0.db", "histogram_0.db"}
    assert total(samples(folder), "headrace_streams_started_total") == 20
    folder.settle(1 << 22)  # a worker that never counted
    assert total(samples(folder), "headrace_streams_started_total") == 20


def test_models_of_many_generations_stay_bounded(folder: MetricsFolder) -> None:
    for first in (0, 100, 200):
        folder.settle(Counting(folder, MANY.format(first=first)).kill())
    found = samples(folder)
    names = {
        dict(labels)["gen_ai_request_model"] for (name, labels) in found if name.startswith("headrace_streams_fin")
    }
    assert len(names - {OTHER}) == MAX_MODELS
    assert total(found, "headrace_streams_finished_total") == 450


def test_the_folder_is_private_cleared_at_the_next_start_and_gone_at_the_end(tmp_path: Path) -> None:
    running, killed = MetricsFolder(tmp_path), MetricsFolder(tmp_path)
    killed._held.close()  # as the kernel does for a killed parent
    assert stat.S_IMODE(running.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(running.path.parent.stat().st_mode) == 0o700
    fresh = MetricsFolder(tmp_path)
    assert running.path.exists()
    assert not killed.path.exists()
    for each in (running, fresh):
        each.close()
        assert not each.path.exists()


def test_a_folder_of_a_site_of_its_own_is_read_as_it_is(tmp_path: Path) -> None:
    with reading(str(tmp_path)):
        assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_does_not_stop_the_server(folder: MetricsFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.settle(Counting(folder, STEPS.format(lag=0)).kill())
    (folder.path / "counter_77.db").write_bytes(struct.pack("iii", 64, 0, 10_000) + bytes(64))
    _settled(folder, 77)
    assert "could not be kept" in capsys.readouterr().err
    assert total(samples(folder), "headrace_streams_started_total") == 5
