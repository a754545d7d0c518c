"""What stands in front of a server in tests: Debian's nginx and Caddy, each with a configuration and a port of its own.

Started as a process of the test, on the loopback, and stopped by its process id.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import program

PATIENCE = 20.0
NGINX = """\
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
{servers}
}}
"""
LOCATION = """\
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://127.0.0.1:{behind};
        proxy_set_header Host $http_host;
        {lines}
    }}
}}
"""
CADDY = """\
{{
	admin off
	auto_https off
	{options}
}}
http://127.0.0.1:{port} {{
	{site}
	reverse_proxy 127.0.0.1:{behind} {{
		{lines}
	}}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def nginx(folder: Path, servers: str) -> list[str]:
    """The command that runs nginx with these server blocks."""
    folder.chmod(0o755)  # where it starts as root, its workers are of another user
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, servers=servers, user=user))
    return [program("nginx", "nginx-light"), "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def nginx_location(port: int, behind: int, lines: str) -> str:
    """A server block that hands everything over, with these lines in its location."""
    return LOCATION.format(port=port, behind=behind, lines=lines)


def caddy(folder: Path, text: str) -> list[str]:
    """The command that runs Caddy with this configuration."""
    (folder / "Caddyfile").write_text(text)
    return [program("caddy", "caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def caddy_site(port: int, behind: int, *, lines: str = "", site: str = "", options: str = "") -> str:
    """A configuration that hands everything over; the lines stand in `reverse_proxy`, in its site, or above all."""
    return CADDY.format(port=port, behind=behind, lines=lines, site=site, options=options)


@contextmanager
def listening(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """The program while it runs, from when it takes connections on."""
    env = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "front.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "front.log").read_text())
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
