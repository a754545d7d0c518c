"""The folder in which the workers of one server count together: made by their parent, gone with it.

A worker that has ended leaves its counts to one file of the departed, so that sums never fall, its gauges to nobody,
and its own files are removed. Streams that it took along are counted as `producer_lost`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from headrace.backends.metric_labels import OTHER, BoundedModels

FOLDER: Final = "metrics"
DEPARTED: Final = 0  # no process has this number
LOST: Final = "producer_lost"
KINDS: Final = ("counter", "histogram")
_PROVIDER, _MODEL = "gen_ai_provider_name", "gen_ai_request_model"
_STARTED, _FINISHED = "headrace_streams_started", "headrace_streams_finished"
_RUN, _HELD, _READ = "run-", "held", "lock"


class MetricsFolder:
    """One server's folder below its data folder. Close it at the end."""

    def __init__(self, data_dir: Path) -> None:
        above = data_dir / FOLDER
        above.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(above)
        self.path = Path(tempfile.mkdtemp(prefix=_RUN, dir=above))  # mode 0700
        (self.path / _READ).touch(mode=0o600)
        self._held = (self.path / f"{_HELD}.new").open("wb")
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (self.path / f"{_HELD}.new").rename(self.path / _HELD)  # held before anybody can see that it is there

    def settle(self, pid: int) -> None:
        """This worker has ended. Reads and writes files: not for an event loop.

        Whatever cannot be read raises, and goes too: one damaged file would fail every scrape.
        """
        with _locked(self.path, fcntl.LOCK_EX):
            counts = _Counts(self.path, BoundedModels())
            try:
                for kind in KINDS:
                    counts.take(kind, pid)
                counts.write()
            finally:
                for left in self.path.glob(f"*_{pid}.db"):
                    left.unlink()

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._held.close()


@contextmanager
def reading(folder: str) -> Iterator[None]:
    """No worker's counts move from one file to another meanwhile: they would be seen twice, or not at all."""
    if not (Path(folder) / _READ).exists():  # a site's own folder
        yield
        return
    with _locked(Path(folder), fcntl.LOCK_SH):
        yield


class _Counts:
    """The counts of the departed, with those of one more."""

    def __init__(self, folder: Path, models: BoundedModels) -> None:
        self._folder = folder
        self._models = models
        self._values: dict[str, dict[str, float]] = {}

    def take(self, kind: str, pid: int) -> None:
        values = self._values[kind] = {}
        for each in (DEPARTED, pid):
            path = self._path(kind, each)
            if not path.exists():
                continue
            found = [(json.loads(key), value) for key, value in _read(path)]
            for (metric, name, labels, about), value in found:
                key = _key(metric, name, self._bounded(labels), about)
                values[key] = values.get(key, 0.0) + value
            if each == pid:
                _add_lost(values, found)

    def write(self) -> None:
        """Whole or not at all."""
        for kind, values in self._values.items():
            if values:
                _write(self._path(kind, DEPARTED), values)

    def _path(self, kind: str, pid: int) -> Path:
        return self._folder / f"{kind}_{pid}.db"

    def _bounded(self, labels: dict[str, str]) -> dict[str, str]:
        """Each worker bounds its models; those of many generations must be bounded together."""
        if not labels.get(_MODEL):
            return labels
        provider, model = self._models(labels.get(_PROVIDER, OTHER), labels[_MODEL])
        return labels | {_PROVIDER: provider, _MODEL: model}


def _add_lost(values: dict[str, float], found: list[tuple[Any, float]]) -> None:
    """What it had begun and not ended ended with it."""
    started = sum(value for (metric, *_), value in found if metric == _STARTED)
    finished = [(about, value) for (metric, _, _, about), value in found if metric == _FINISHED]
    lost = started - sum(value for _, value in finished)
    if lost > 0:
        about = next((about for about, _ in finished), "Streams that ended.")
        labels = {_PROVIDER: OTHER, _MODEL: OTHER, "outcome": LOST}
        key = _key(_FINISHED, f"{_FINISHED}_total", labels, about)
        values[key] = values.get(key, 0.0) + lost


def _read(path: Path) -> Iterator[tuple[str, float]]:
    from prometheus_client.mmap_dict import MmapedDict

    for key, value, *_ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
        yield key, value


def _write(path: Path, values: dict[str, float]) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    fresh = path.with_suffix(".new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    written = MmapedDict(str(fresh))  # type: ignore[no-untyped-call]
    for key, value in values.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    fresh.replace(path)


def _key(metric: str, name: str, labels: dict[str, str], about: str) -> str:
    from prometheus_client.mmap_dict import mmap_key

    return str(mmap_key(metric, name, list(labels), list(labels.values()), about))


def _clear(above: Path) -> None:
    """Remove what servers have left that were killed; one that still runs holds its own."""
    for left in above.glob(f"{_RUN}*"):
        try:
            with (left / _HELD).open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue
        except FileNotFoundError:  # it is just being made, or just being removed
            continue


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    descriptor = os.open(folder / _READ, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
