"""The address that the server listens on: bound once, before anything is started, and never exposed by accident."""

from __future__ import annotations

import errno
import ipaddress
import socket

from headrace.commands.terminal import CommandError

BACKLOG = 2048  # connections that wait for a worker while all of them are busy
SEND_BUFFER = 128 * 1024  # of the system, a connection: seconds of an answer; left alone, Linux lets it grow to 4 MB

EXPOSED = """\
{host} can be reached from other machines, and HEADRACE_AUTH is "none": anyone there could use this server and its keys.
To stay on this machine:
    HOST=127.0.0.1 headrace serve
To let people in who log in:
    HEADRACE_AUTH=required HEADRACE_ALLOWED_HOSTS=chat.example.com HOST={host} headrace serve"""

TAKEN = """\
Port {port} on {host} is taken by another program. Choose another:
    headrace serve --port {other}      (or PORT={other} make run)"""


def bind(host: str, port: int, *, only_loopback: bool) -> socket.socket:
    """A listening socket. Raises CommandError in words that say what to do."""
    family, address = _resolved(host, port)
    if only_loopback and not ipaddress.ip_address(address[0].partition("%")[0]).is_loopback:
        raise CommandError(EXPOSED.format(host=host))
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CommandError(_reason(error, host, port)) from None
    return listener


def bound_sends(listener: socket.socket, stall_seconds: float) -> None:
    """For all connections that are accepted on it: a small send buffer; and, where the system can, the cut by itself.

    Linux also notices what no program can: a client that vanished, or one whose window stays shut.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_seconds * 1000))


def address_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds it, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    ip = ipaddress.ip_address(host.partition("%")[0])
    if ip.is_unspecified:
        ip = ipaddress.ip_address("127.0.0.1" if ip.version == 4 else "::1")
    return f"http://[{ip}]:{port}" if ip.version == 6 else f"http://{ip}:{port}"


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, ...]]:
    try:
        found = socket.getaddrinfo(host or "127.0.0.1", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise CommandError(f"HOST is {host!r}, which is no address of this machine.") from None
    family, *_, address = min(found, key=lambda row: row[0] != socket.AF_INET)
    return family, address  # type: ignore[return-value]  # an IP address first, in both families


def _reason(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return TAKEN.format(host=host, port=port, other=port + 1 if port < 65535 else 8000)
        case errno.EACCES:
            return f"Port {port} is only for privileged users. Choose one above 1023: headrace serve --port 8000"
        case errno.EADDRNOTAVAIL:
            return f"HOST is {host!r}, which is no address of this machine."
        case _:
            return f"Cannot listen on {host} port {port}: {error.strerror}."
