"""Debian's nginx in front, its buffering on as it comes: events still arrive one by one, and a client's leaving too."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chunk, sse, stream_head
from tests.live import MESSAGES, STREAM, LiveServer, blocks, model_at

PATIENCE = 10.0
STREAMS = "/api/projects/default/playground/streams/"
CONFIGURATION = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
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
            proxy_http_version {version};
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


def delta(text: str) -> bytes:
    return chunk(sse({"choices": [{"index": 0, "delta": {"content": text}}]}))


ONE: list[Any] = [Send(stream_head() + delta("Hel")), Hold()]


def nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None and os.environ.get("CI"):
        pytest.fail("nginx is missing: apt-get install nginx-light")
    if found is None:
        pytest.skip("nginx is missing: apt-get install nginx-light")
    return found


@pytest.fixture(scope="module", params=["1.1", "1.0"])
def port(request: pytest.FixtureRequest, server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where nginx listens; it speaks this version of HTTP to the server. 1.0 is its default."""
    binary, folder = nginx(), tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""
    text = CONFIGURATION.format(folder=folder, port=port, behind=server.port, version=request.param, user=user)
    (folder / "nginx.conf").write_text(text)
    process = subprocess.Popen([binary, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline, (folder / "error.log").read_text()
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def ask(port: int, upstream: ScriptedUpstream, **headers: str) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1"), "streamOptions": {"onDisconnect": "cancel"}}
    connection.request("POST", STREAM, json.dumps(body), {"Content-Type": "application/json"} | headers)
    return connection.getresponse()


def test_an_event_arrives_while_the_next_is_not_there(port: int) -> None:
    with ScriptedUpstream(ONE) as upstream:
        answer = ask(port, upstream)
        arriving = blocks(answer)
        assert json.loads(next(arriving)[6:])["content"] == "Hel"
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", f"{STREAMS}{answer.headers['X-Stream-Id']}/")
        resumed = connection.getresponse()
        assert "Hel" in next(blocks(resumed))
        resumed.close()
        connection.close()
        arriving.close()
        answer.close()
        assert upstream.wait_disconnect()


def test_compressed_too(port: int) -> None:
    with ScriptedUpstream(ONE) as upstream:
        answer = ask(port, upstream, **{"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        decoder, text = zlib.decompressobj(31), b""
        while b"\n\n" not in text:
            text += decoder.decompress(answer.read1(65_536))
        assert b'"content": "Hel"' in text
        answer.close()
