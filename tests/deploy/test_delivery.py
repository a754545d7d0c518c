"""`headrace doctor` of one's own deployment: Debian's nginx or Caddy in front, with one fault configured at a time.

The line that it prints is then written where the fault was, as it stands, and the doctor is content.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fronts import caddy, caddy_site, free_port, listening, nginx, nginx_location
from tests.live import LiveServer

ROOT = Path(__file__).resolve().parents[2]
WELL = 'proxy_http_version 1.1; proxy_set_header Connection "";'
# Its buffers hold what ends by closing (WSGI asked by HTTP/1.0, nginx's default) and what it compresses, never chunks.
BUFFERS = "proxy_ignore_headers X-Accel-Buffering;"
NO_CODINGS = 'proxy_set_header Accept-Encoding "";'
GZIP = f"{NO_CODINGS} gzip_types text/event-stream; gzip_proxied any; gzip_min_length 1;"
ASKS_PLAIN = "header_up Accept-Encoding identity"
TIMEOUTS = "servers {\ntimeouts {\n%s\n}\n}"
TAKE_OUT = "take out: "


@dataclass
class Fault:
    """`wrong` among the `lines` of a location is found as `codes`; the line that is printed mends it in its place."""

    wrong: str
    codes: list[str]
    lines: str = ""
    silence: int = 0
    where: str = "lines"
    around: str = "%s"

    def written(self, mended: str | None = None) -> str:
        return f"{self.lines}\n{self.around % (self.wrong if mended is None else mended)}\n"

    def mended_by(self, line: str) -> str:
        """`wrong` after somebody has done what the line says."""
        line = line.partition("\nor: ")[0]
        if not line.startswith(TAKE_OUT):
            return line
        directive = line.removeprefix(TAKE_OUT).partition("#")[0].strip()
        assert directive in self.wrong
        return ""


NGINX: dict[str, Fault] = {
    "well": Fault("", [], WELL),
    "patient": Fault("", [], WELL + "proxy_read_timeout 9s;", silence=1),
    "gzip that passes": Fault("gzip on;", ["compressed"], WELL + GZIP),
    "gzip": Fault("gzip on;", ["compressed_buffered"], WELL + GZIP + BUFFERS),
    "http10": Fault("proxy_http_version 1.0;", ["http10"]),
    "idle": Fault("proxy_read_timeout 1s;", ["idle_cut"], WELL, silence=3),
    "no codings": Fault(NO_CODINGS, ["accept_encoding"], WELL),
}
CADDY: dict[str, Fault] = {
    "well": Fault("", [], silence=1),
    "seldom flushed": Fault("flush_interval 5s", []),  # an event stream is flushed whatever it says
    "buffers": Fault("buffer_responses", ["buffered"]),
    "buffers although flushed": Fault("buffer_responses", ["buffered"], "flush_interval -1"),
    "encode": Fault("encode gzip {\nminimum_length 1\n}", ["compressed_buffered"], where="site"),
    "idle": Fault("transport http {\nread_timeout 1s\n}", ["idle_cut"], silence=3),
    "a whole answer": Fault(
        "write 1s", ["broken_off"], silence=1, where="options", around="servers {\ntimeouts {\n%s\n}\n}"
    ),
    "no codings": Fault(ASKS_PLAIN, ["accept_encoding"]),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer.uvicorn(tmp_path_factory.mktemp("data")) as running:
        yield running


def examined(port: int, folder: Path, silence: int = 0) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "headrace.cli", "doctor", f"http://127.0.0.1:{port}", "--json", f"--silence={silence}"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HEADRACE_DATA_DIR": str(folder)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=40,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def behind_nginx(behind: int, folder: Path, lines: str, silence: int = 0) -> tuple[int, dict[str, Any]]:
    port = free_port()
    with listening(nginx(folder, nginx_location(port, behind, lines)), port, folder):
        return examined(port, folder, silence)


def behind_caddy(behind: int, folder: Path, fault: Fault, mended: str | None = None) -> tuple[int, dict[str, Any]]:
    port = free_port()
    places = {"lines": ASKS_PLAIN if fault.where == "site" else ""} | {fault.where: fault.written(mended)}
    with listening(caddy(folder, caddy_site(port, behind, **places)), port, folder):
        return examined(port, folder, fault.silence)


def check(status: int, report: dict[str, Any], codes: list[str]) -> dict[str, str]:
    """That these were found and nothing else that is bad; the line that mends each."""
    found = {each["code"]: each for each in report["findings"]}
    bad = [code for code, each in found.items() if each["level"] == "bad"]
    assert set(codes) <= set(found), json.dumps(report)
    assert set(bad) <= set(codes), json.dumps(report)
    assert status == (1 if bad else 0)
    assert report["good"] is (not bad)
    return {code: found[code]["line"] for code in codes}


def is_mended(status: int, report: dict[str, Any], fault: Fault) -> None:
    assert status == 0, json.dumps(report)
    assert not {each["code"] for each in report["findings"]} & set(fault.codes), json.dumps(report)


@pytest.mark.parametrize("name", NGINX)
def test_a_fault_of_nginx_is_named_and_its_line_mends_it(server: LiveServer, tmp_path: Path, name: str) -> None:
    fault = NGINX[name]
    lines = check(*behind_nginx(server.port, tmp_path, fault.written(), fault.silence), fault.codes)
    for line in lines.values():
        written = fault.written(fault.mended_by(line))
        is_mended(*behind_nginx(server.port, tmp_path, written, fault.silence), fault)


@pytest.mark.parametrize("name", CADDY)
def test_a_fault_of_caddy_is_named_and_its_line_mends_it(server: LiveServer, tmp_path: Path, name: str) -> None:
    fault = CADDY[name]
    for line in check(*behind_caddy(server.port, tmp_path, fault), fault.codes).values():
        is_mended(*behind_caddy(server.port, tmp_path, fault, fault.mended_by(line)), fault)


def test_buffering_is_named_and_mended(tmp_path: Path) -> None:
    fault = Fault("", ["buffered", "http10"], BUFFERS)
    with LiveServer.gunicorn(tmp_path, "--worker-class", "gthread", "--threads", "8") as server:
        lines = check(*behind_nginx(server.port, tmp_path, BUFFERS), fault.codes)
        written = "\n".join((BUFFERS, *lines.values()))
        is_mended(*behind_nginx(server.port, tmp_path, written), fault)


def test_a_sync_worker_is_named_and_mended(tmp_path: Path) -> None:
    fault = Fault("", ["sync_worker"])
    with LiveServer.gunicorn(tmp_path, "--workers", "1") as server:
        line = check(*examined(server.port, tmp_path), fault.codes)["sync_worker"]
    found = re.fullmatch(r"gunicorn (--worker-class (\S+)) \(or (gthread --threads \d+)\), or headrace serve", line)
    assert found, line
    for application, options in (("asgi", found[1]), ("wsgi", f"--worker-class {found[3]}")):
        command = ("gunicorn", f"headrace.config.{application}:application", "--bind", "fd://FD", *options.split())
        with LiveServer(*command, data_dir=tmp_path) as server:
            is_mended(*examined(server.port, tmp_path), fault)


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
