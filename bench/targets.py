"""What is measured, side by side: nothing at all, nginx, the view that people write today, and Headrace.

Each is one worker on a free loopback port, as it would be set up to serve, with everything it writes in a folder of
its own that goes away with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.processes import BenchError, Process, free_port
from headrace.backends.metrics import FOLDER_VARIABLE
from headrace.backends.valkey import ValkeyError, find_binary

NGINX = ("nginx", "/usr/sbin/nginx")
INSTALL_NGINX = "nginx was not found, so its column is left out: `apt-get install nginx-light` brings it."
SOURCES = Path(__file__).resolve().parents[1] / "src"
QUESTION = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Say something useful about streaming."},
]


@dataclass(frozen=True, slots=True)
class Started:
    """A target that takes requests. `process` None: the upstream itself is asked."""

    url: str
    body: Callable[[str], str]
    process: Process | None
    beside: Process | None = None
    """What it needs and is not measured: it runs where the upstream does."""
    coding: str = "identity"
    """What clients say that they accept."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target may live: its own folder, its processor, and the upstream that it asks."""

    folder: Path
    cpu: int
    other_cpu: int
    upstream: int


@dataclass(frozen=True, slots=True)
class Target:
    """`missing` says in a sentence why it cannot be measured here, or nothing."""

    name: str
    title: str
    start: Callable[[Place], Started]
    missing: Callable[[], str] = lambda: ""


def openai_body(model: str) -> str:
    return json.dumps({"model": model, "stream": True, "messages": QUESTION})


def _contract_body(upstream: int) -> Callable[[str], str]:
    def body(model: str) -> str:
        endpoint = f"http://127.0.0.1:{upstream}/v1"
        configured = {"providerId": "openai", "endpoint": endpoint, "apiKey": "x", "modelId": model}
        return json.dumps({"messages": QUESTION, "model": configured})

    return body


def _direct(place: Place) -> Started:
    return Started(f"http://127.0.0.1:{place.upstream}/v1/chat/completions", openai_body, None)


NGINX_CONF = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream model {{ server 127.0.0.1:{upstream}; keepalive 1024; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


def nginx_program() -> str | None:
    """Debian keeps it where an ordinary user's PATH does not look."""
    return next((found for name in NGINX if (found := shutil.which(name))), None)


def _nginx(place: Place) -> Started:
    port = free_port()
    configuration = place.folder / "nginx.conf"
    configuration.write_text(NGINX_CONF.format(upstream=place.upstream, port=port))
    command = [nginx_program() or "nginx", "-p", str(place.folder), "-e", "stderr", "-c", str(configuration)]
    process = Process(command, cpu=place.cpu, log=place.folder / "log")
    return _listening(process, port, "/v1/chat/completions", openai_body)


def _uvicorn(application: str, port: int) -> list[str]:
    """As `headrace serve` starts its workers, so that both applications stand on the same server."""
    server = ["--loop", "uvloop", "--http", "httptools", "--ws", "none", "--no-proxy-headers", "--no-server-header"]
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(port), *server, *quiet]


def _plain_django(place: Place) -> Started:
    port = free_port()
    command = _uvicorn("bench.plain_django:application", port)
    process = Process(command, cpu=place.cpu, log=place.folder / "log")
    return _listening(process, port, "/chat/", _contract_body(place.upstream))


def _headrace(place: Place, **more: str) -> Started:
    """Counting in a folder, as the workers of `headrace serve` do."""
    counts = place.folder / "counts"
    counts.mkdir()
    env = _headrace_environment(place.folder / "data") | {FOLDER_VARIABLE: str(counts)} | more
    _migrate(env)
    port = free_port()
    command = _uvicorn("headrace.config.asgi:application", port)
    process = Process(command, cpu=place.cpu, log=place.folder / "log", env=env)
    path = "/api/projects/default/playground/chat/stream/"
    return _listening(process, port, path, _contract_body(place.upstream))


def _bare(place: Place) -> Started:
    return _headrace(place, HEADRACE_METRICS="no", HEADRACE_STATS_DAYS="0")


def _compressing(place: Place) -> Started:
    return replace(_headrace(place), coding="gzip")


def _mirroring(place: Place) -> Started:
    """With the embedded Valkey's binary and settings, as `headrace serve --workers 2` would share it."""
    address = place.folder / "valkey"
    options = ["--port", "0", "--unixsocket", str(address), "--save", "", "--appendonly", "no"]
    valkey = Process([str(find_binary()), *options], cpu=place.other_cpu, log=place.folder / "valkey.log")
    try:
        valkey.wait_for(address)
        return replace(_headrace(place, REDIS_URL=f"unix://{address}"), beside=valkey)
    except BaseException:
        valkey.stop()
        raise


def _no_valkey() -> str:
    try:
        find_binary()
    except ValkeyError as error:
        return f"{error} Its row is left out."
    return ""


def _headrace_environment(data: Path) -> dict[str, str]:
    """Headrace as it comes, whatever is set where the benchmark is started; loopback upstreams are allowed so."""
    ours = ("HEADRACE_", "DATABASE_", "REDIS_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env["HEADRACE_DATA_DIR"] = str(data)
    env["DJANGO_SETTINGS_MODULE"] = "headrace.config.settings"
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(SOURCES), env.get("PYTHONPATH"))))
    return env


def _migrate(env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"The database could not be made:\n{done.stderr[-2000:]}")


def _listening(process: Process, port: int, path: str, body: Callable[[str], str]) -> Started:
    try:
        process.wait_listening(port)
    except BaseException:
        process.stop()
        raise
    return Started(f"http://127.0.0.1:{port}{path}", body, process)


ALL = (
    Target("direct", "no target (the harness alone)", _direct),
    Target("nginx", "nginx, `proxy_buffering off`", _nginx, lambda: "" if nginx_program() else INSTALL_NGINX),
    Target("django", "plain Django + httpx", _plain_django),
    Target("headrace", "Headrace", _headrace),
    Target("bare", "Headrace, without figures and statistics", _bare),
    Target("gzip", "Headrace, compressing (gzip)", _compressing),
    Target("mirror", "Headrace, mirroring to Valkey", _mirroring, _no_valkey),
)
