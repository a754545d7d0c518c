"""The proxies' files of `deploy/` in front of a real server: events arrive one by one, a client that leaves is noticed,
large bodies are refused. Only names of files, ports and certificates are exchanged for those of the test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from headrace.testing.certificates import server_context
from tests.fronts import caddy, free_port, listening, nginx
from tests.live import MESSAGES, STREAM, LiveServer, model_at

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NAME = "chat.example.com"
PATIENCE = 20.0
HALF: list[Any] = [Send(stream_head() + chunk(sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}))), Hold()]
CADDY = """\
{{
	admin off
	auto_https disable_redirects
	http_port {http}
	https_port {https}
	skip_install_trust
}}
"""


@dataclass
class Front:
    """A proxy that listens; `client` asks it by the name that its file gives it."""

    port: int

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"host": NAME, "content-type": "application/json"} | headers,
            verify=False,
            trust_env=False,
            timeout=PATIENCE,
        )

    def stream(self, client: httpx.Client, url: str) -> Any:
        body = {"messages": MESSAGES, "model": model_at(f"{url}/v1")}
        return client.stream("POST", STREAM, json=body, extensions={"sni_hostname": NAME})


def deployed_nginx(folder: Path, upstream: int) -> tuple[list[str], int]:
    """The command and the port of TLS."""
    http, https = free_port(), free_port()
    server_context(folder, "self-signed", NAME)
    text = (DEPLOY / "nginx/headrace.conf").read_text()
    text = re.sub(r"listen \[::\]:.*\n", "\n", text)
    text = text.replace("listen 443", f"listen 127.0.0.1:{https}").replace("listen 80", f"listen 127.0.0.1:{http}")
    text = re.sub(r"/etc/ssl/headrace/\w+\.pem", str(folder / "chain.pem"), text)
    return nginx(folder, text.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")), https


def deployed_caddy(folder: Path, upstream: int) -> tuple[list[str], int]:
    http, https = free_port(), free_port()
    server_context(folder, "self-signed", NAME)
    text = (DEPLOY / "caddy/Caddyfile").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    certificate = f"{NAME} {{\n\tbind 127.0.0.1\n\ttls {folder}/chain.pem {folder}/chain.pem\n"
    text = text.replace(f"{NAME} {{\n", certificate)
    return caddy(folder, CADDY.format(http=http, https=https) + text), https


FRONTS: dict[str, Callable[[Path, int], tuple[list[str], int]]] = {"nginx": deployed_nginx, "caddy": deployed_caddy}


@pytest.fixture(scope="module", params=FRONTS)
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    data = tmp_path_factory.mktemp("data")
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
        env=os.environ
        | {
            "PYTHONPATH": str(DEPLOY.parent / "src"),
            "DJANGO_SETTINGS_MODULE": "headrace.config.settings",
            "HEADRACE_DATA_DIR": str(data),
        },
        check=True,
    )
    with LiveServer.uvicorn(data, HEADRACE_ALLOWED_HOSTS=NAME, HEADRACE_KEEPALIVE_SECONDS="1") as server:
        folder = tmp_path_factory.mktemp("front")
        command, port = FRONTS[request.param](folder, server.port)
        with listening(command, port, folder):
            yield Front(port)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_events_pass_one_by_one_and_a_departure_is_noticed(front: Front, coding: str) -> None:
    with ScriptedUpstream(HALF) as upstream, front.client(**{"accept-encoding": coding}) as client:
        with front.stream(client, upstream.url) as response:
            assert response.status_code == 200, response.read()
            assert response.headers.get("content-encoding", "identity") == coding
            lines = (line for line in response.iter_lines() if line.startswith("data: "))
            assert "Hel" in next(lines), "the upstream has sent no more than this, and holds"
            assert upstream.connections == 1
        assert upstream.wait_disconnect(), "the client left: so did the server, and the upstream was told"


def test_a_whole_answer_ends_well_and_names_its_stream(front: Front) -> None:
    with ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream, front.client() as client:
        with front.stream(client, upstream.url) as response:
            text = response.read().decode()
            assert text.endswith("data: [DONE]\n\n")
        assert "max-age" in response.headers["strict-transport-security"]
        assert response.headers["x-stream-id"]


def test_the_page_behind_tls_is_of_the_same_origin_and_a_foreign_one_is_not(front: Front) -> None:
    for origin, status in ((f"https://{NAME}", 200), ("https://evil.example", 403)):
        with ScriptedUpstream([Send(chat_answer("x"))]) as upstream, front.client(origin=origin) as client:
            with front.stream(client, upstream.url) as response:
                response.read()
            assert response.status_code == status


def test_a_body_that_is_too_large_is_refused(front: Front) -> None:
    with front.client() as client:
        answer = client.post(STREAM, content=b"x" * (11 * 1024 * 1024), extensions={"sni_hostname": NAME})
        assert answer.status_code == 413


@pytest.mark.parametrize("front", ["nginx"], indirect=True)  # Caddy has no such limit of its own
def test_one_address_may_try_passwords_only_so_often(front: Front) -> None:
    with front.client() as client:
        extensions = {"sni_hostname": NAME}
        tried = [client.post("/sign/in", json={}, extensions=extensions) for _ in range(40)]
        assert tried[0].status_code != 429
        assert tried[-1].status_code == 429
        assert tried[-1].json()["code"] == "too_many_requests"
        assert tried[-1].headers["retry-after"] == "60"
        assert client.get("/sign/in", extensions=extensions).status_code != 429
