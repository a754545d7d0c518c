"""`headrace doctor` of one's own deployment: Debian's nginx in front, with one fault configured at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_proxies import free_port, listening
from tests.live import LiveServer
from tests.programs import program

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """\
daemon off;
pid {folder}/nginx.pid;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header Host $http_host;
            {lines}
        }}
    }}
}}
"""
WELL = "proxy_http_version 1.1; proxy_set_header Connection '';"
# Its buffers hold what ends by closing (WSGI asked by HTTP/1.0, nginx's default) and what it compresses, never chunks.
BUFFERS = "proxy_ignore_headers X-Accel-Buffering;"
GZIP = (
    "proxy_set_header Accept-Encoding ''; gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 1;"
)
FAULTS: dict[str, tuple[str, list[str], list[str], str]] = {
    "well": (WELL, [], [], ""),
    "gzip that passes": (WELL + GZIP, [], ["compressed"], "gzip off;"),
    "gzip": (WELL + GZIP + BUFFERS, [], ["compressed_buffered"], "gzip off;"),
    "http10": ("proxy_http_version 1.0;", [], ["http10"], "proxy_http_version 1.1;"),
    "idle": (WELL + "proxy_read_timeout 1s;", ["--silence", "3"], ["idle_cut"], "proxy_read_timeout 75s;"),
    "patient": (WELL + "proxy_read_timeout 9s;", ["--silence", "1"], [], ""),
    "no codings": (WELL + "proxy_set_header Accept-Encoding '';", [], ["accept_encoding"], "Accept-Encoding"),
}
"""The lines in nginx, arguments of the command, what it finds, and words of the line that mends it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer.uvicorn(tmp_path_factory.mktemp("data")) as running:
        yield running


def examined(port: int, folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    options = arguments if "--silence" in arguments else ("--silence", "0", *arguments)
    done = subprocess.run(
        [sys.executable, "-m", "headrace.cli", "doctor", f"http://127.0.0.1:{port}", "--json", *options],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(folder)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=40,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def behind_nginx(server: LiveServer, folder: Path, lines: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    port = free_port()
    folder.chmod(0o755)
    user = "user root;" if os.geteuid() == 0 else ""
    text = CONFIGURATION.format(folder=folder, port=port, behind=server.port, lines=lines, user=user)
    (folder / "nginx.conf").write_text(text)
    command = [program("nginx", "nginx-light"), "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    with listening(command, port, folder):
        return examined(port, folder, *arguments)


def check(status: int, report: dict[str, Any], wanted: list[str], line: str) -> None:
    found = {each["code"]: each for each in report["findings"]}
    bad = [code for code, each in found.items() if each["level"] == "bad"]
    assert set(wanted) <= set(found), json.dumps(report)
    assert set(bad) <= set(wanted), json.dumps(report)
    assert status == (1 if bad else 0)
    assert report["good"] is (not bad)
    assert all(line in found[code]["line"] for code in wanted[:1]), json.dumps(report)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_front_is_named_with_its_line(server: LiveServer, tmp_path: Path, fault: str) -> None:
    lines, arguments, wanted, line = FAULTS[fault]
    check(*behind_nginx(server, tmp_path, lines, *arguments), wanted, line)


def test_buffering_is_named(tmp_path: Path) -> None:
    with LiveServer.gunicorn(tmp_path, "--worker-class", "gthread", "--threads", "8") as server:
        found = behind_nginx(server, tmp_path, BUFFERS)
    check(*found, ["buffered", "http10"], "proxy_buffering off;")


def test_a_sync_worker_is_named(tmp_path: Path) -> None:
    with LiveServer.gunicorn(tmp_path, "--workers", "1") as server:
        status, report = examined(server.port, tmp_path)
    assert status == 1
    assert [each["code"] for each in report["findings"] if each["level"] == "bad"] == ["sync_worker"]
    assert "uvicorn_worker.UvicornWorker" in report["findings"][-1]["line"]


def test_a_server_that_wants_a_token_says_so(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(tmp_path)},
        check=True,
    )
    with LiveServer.uvicorn(tmp_path, HEADRACE_AUTH="required") as server:
        done = subprocess.run(
            [sys.executable, "-m", "headrace.cli", "doctor", server.url],
            env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(tmp_path)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=40,
        )  # fmt: skip
    assert done.returncode == 1
    assert "HEADRACE_API_KEY=hr_" in done.stderr
