"""The line of configuration that mends a fault of delivery, for whatever stands in front. Words only."""

from __future__ import annotations

TAKE_OUT = "take out: "
_ENCODE = """\
encode gzip {
\tmatch {
\t\theader Content-Type text/html*
\t\theader Content-Type application/json*
\t}
}  # all but text/event-stream"""
_LINES: dict[str, dict[str, str]] = {
    "nginx": {
        "buffered": "proxy_buffering off;  # or take X-Accel-Buffering out of proxy_ignore_headers",
        "compressed": "gzip off;  # in this location, or take text/event-stream out of gzip_types",
        "accept_encoding": f'{TAKE_OUT}proxy_set_header Accept-Encoding "";',
        "http10": 'proxy_http_version 1.1; proxy_set_header Connection "";',
        "idle_cut": "proxy_read_timeout 75s;",
        "scheme": "proxy_set_header X-Forwarded-Proto $scheme;  # and HEADRACE_TRUSTED_PROXIES=127.0.0.1",
    },
    "caddy": {
        "broken_off": "write 0  # in servers, timeouts, of the global options: it bounds whole answers",
        "buffered": f"{TAKE_OUT}buffer_responses  # in reverse_proxy; since 2.7 it is response_buffers",
        "compressed": _ENCODE,
        "accept_encoding": f"{TAKE_OUT}header_up Accept-Encoding",
        "idle_cut": "transport http {\n\tread_timeout 1h\n}",
        "scheme": "HEADRACE_TRUSTED_PROXIES=127.0.0.1",
    },
    "cloudflare": {
        "buffered": "a cache rule that bypasses the cache for /api/ and /v1/",
        "compressed": "a compression rule that leaves text/event-stream alone",
    },
}
_ANY = {
    "broken_off": "",
    "buffered": "nginx: proxy_buffering off;  Caddy: no buffer_responses  Traefik: no `buffering` middleware",
    "compressed": "leave text/event-stream out of what the proxy compresses (nginx: gzip_types, Caddy: encode)",
    "accept_encoding": "let Accept-Encoding through",
    "http10": "nginx: proxy_http_version 1.1;  elsewhere: speak HTTP/1.1 to Headrace",
    "idle_cut": "a limit on silence of 75 s or more (nginx: proxy_read_timeout, AWS ALB: idle_timeout)",
    "scheme": "send X-Forwarded-Proto, and set HEADRACE_TRUSTED_PROXIES to the proxy's address",
    "sync_worker": "gunicorn --worker-class uvicorn_worker.UvicornWorker (or gthread --threads 32), or headrace serve",
}


def names_of(server: str) -> str:
    """Who stands in front, by what it calls itself; empty where we do not know it."""
    told = server.lower()
    return next((name for name in _LINES if name in told), "")


def line_for(fault: str, front: str) -> str:
    """What to write there."""
    return _LINES.get(front, {}).get(fault) or _ANY[fault]
