"""Child processes that cannot outlive their parent, not even one that is killed. It starts and ends them, and
neither restarts them nor knows what they do.

On Linux the kernel kills the child when the thread that started it ends (`PR_SET_PDEATHSIG`); elsewhere the child
watches a pipe from its parent, which closes with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import headrace

PARENT_VARIABLE = "HEADRACE_PARENT"
EXIT_ORPHANED = 71

_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)
_IMPORT_ROOT = str(Path(headrace.__file__).resolve().parents[1])
_HARMLESS = frozenset(
    {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "TMPDIR", "VIRTUAL_ENV"}
    | {"PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}
)


def plain_environment() -> dict[str, str]:
    """Our environment without anybody's keys and passwords, for a child that needs none of them."""
    return {name: value for name, value in os.environ.items() if name in _HARMLESS}


def start_python(
    module: str, *args: str, env: Mapping[str, str], merge_output: bool = False, pass_fds: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    """Run a module of ours in a new process and session; its main must call `die_with_parent` first thing.

    Call it from a thread that lives as long as the child may: the death signal belongs to the thread. Its standard
    input is a pipe that closes with us. With `merge_output` what it prints comes back through `stdout`, all in one.
    """
    path = os.pathsep.join(filter(None, (_IMPORT_ROOT, env.get("PYTHONPATH"))))
    # -P: never import from the directory that somebody happens to stand in.
    return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
        [sys.executable, "-P", "-m", module, *args],
        env={**env, "PYTHONPATH": path, PARENT_VARIABLE: str(os.getpid())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if merge_output else None,
        stderr=subprocess.STDOUT if merge_output else None,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def die_with_parent() -> None:
    """Called by the child itself: from here on it dies when its parent does, however that dies."""
    parent = int(os.environ.pop(PARENT_VARIABLE, "0"))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    if os.getppid() != parent:  # it died before we could ask to be told
        os._exit(EXIT_ORPHANED)


def _exit_at_end_of_input() -> None:
    while os.read(0, 1024):
        pass
    os._exit(EXIT_ORPHANED)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a child that has nothing to save, and reap it. Its output stays open for whoever reads it."""
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
