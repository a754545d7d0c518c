"""The operator's proxies, each real and on loopback: what goes through them, what never does, what a refusal says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import uvloop

from headrace.backends.egress import EgressPolicy
from headrace.backends.http import HTTPClient, ignored_proxy_note
from headrace.backends.http_dial import open_socket
from headrace.testing import Resolve, ScriptedUpstream, Secure, Send, response
from headrace.testing.certificates import server_context
from tests.backends.asking import KEY, ask, client_of, whole
from tests.backends.proxy import LoopbackProxy, LoopbackSocks
from tests.backends.test_http_connect import Dialled, Names, client, error_of

GOOD = Send(response(b"good"))
PUBLIC = "93.184.216.34"
LONG = f"socks5://{'u' * 256}@c"


async def test_a_tunnel_through_the_operators_proxy() -> None:
    with ScriptedUpstream([Resolve(), Secure(), GOOD]) as upstream:
        async with LoopbackProxy(upstream.port) as proxy:
            options = {
                "proxy": f"http://user:p%40ss@127.0.0.1:{proxy.port}",
                "resolver": Names(upstream_test=[["93.184.216.34"]]),
            }
            async with client_of(upstream, **options) as asking:
                assert await whole(await ask(asking, upstream.url)) == b"good"
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT upstream.test:{upstream.port} HTTP/1.1\r\n".encode())
    assert b"proxy-authorization: Basic dXNlcjpwQHNz\r\n" in head
    assert KEY.encode() not in head
    assert "proxy-authorization" not in upstream.requests[0].headers


@pytest.mark.parametrize(
    "resolver", [Names(upstream_test=[["93.184.216.34"]]), Names()], ids=["public", "unknown here"]
)
async def test_plain_http_through_the_proxy_has_the_whole_url(resolver: Names) -> None:
    with ScriptedUpstream([Resolve(), GOOD]) as upstream:
        async with (
            LoopbackProxy(upstream.port) as proxy,
            client_of(upstream, proxy=f"http://127.0.0.1:{proxy.port}", resolver=resolver) as asking,
        ):
            assert await whole(await ask(asking, upstream.url)) == b"good"
    assert upstream.requests[0].target == f"http://upstream.test:{upstream.port}/v1/chat/completions"
    assert upstream.requests[0].headers["host"] == f"upstream.test:{upstream.port}"


@pytest.mark.parametrize("named", [False, True])
async def test_addresses_that_are_not_public_are_not_asked_through_the_proxy(named: bool) -> None:
    with ScriptedUpstream([Resolve(), GOOD] if named else [GOOD]) as upstream:
        async with LoopbackProxy(upstream.port) as proxy:
            async with client_of(upstream, proxy=f"http://127.0.0.1:{proxy.port}") as asking:
                assert await whole(await ask(asking, upstream.url)) == b"good"
            assert proxy.heads == []


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://rebound.test/", "http://plain.test/", "http://unknown.test/"]
)
async def test_the_proxy_is_no_way_around_the_policy(url: str) -> None:
    names = Names(rebound_test=[["10.0.0.1"]], plain_test=[["93.184.216.34"]])
    async with LoopbackProxy() as proxy:
        asking = client(names, open_socket, "203.0.113.0/24", proxy=f"http://127.0.0.1:{proxy.port}")
        assert (await error_of(asking, url)).code in ("egress_refused", "upstream_dns")
        assert proxy.heads == []


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\n<html>",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"x" * 20_000,
    ],
)
async def test_a_proxy_that_refuses_is_named(refusal: bytes) -> None:
    async with LoopbackProxy(refusal=refusal) as proxy:
        asking = client(Names(), open_socket, proxy=f"http://user:secret@127.0.0.1:{proxy.port}")
        error = await error_of(asking, "https://a.test/")
    assert error.code == "upstream_unreachable"
    assert f"the proxy 127.0.0.1:{proxy.port}" in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize(
    "url",
    [
        "ftp://proxy:1",
        "proxy:3128",
        "http://",
        "http://a:b@c:99999",
        "socks4://a:1",
        "http://a/b",
        f"socks5://{'u' * 256}@c",
    ],
)
def test_a_proxy_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="HEADRACE_UPSTREAM_PROXY") as caught:
        HTTPClient(egress=EgressPolicy(), proxy=url)
    assert "a:b@" not in str(caught.value)


async def test_a_proxy_in_the_environment_is_not_used_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async with LoopbackProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{proxy.port}")
        asking = HTTPClient(egress=EgressPolicy(), resolver=Names(a_test=[["93.184.216.34"]]), dial=Dialled())
        error = await error_of(asking, "https://a.test/")
        assert proxy.heads == []
    assert "HTTPS_PROXY is set and not used" in error.message
    assert "HEADRACE_UPSTREAM_PROXY" in error.message
    assert "secret" not in error.message


def test_the_note_is_empty_without_a_proxy() -> None:
    assert ignored_proxy_note({}) == ""
    assert ignored_proxy_note({"HTTPS_PROXY": ""}) == ""
    assert "all_proxy" in ignored_proxy_note({"all_proxy": "x"})


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def _joined(folder: Path, *files: str | None) -> str:
    bundle = folder / "bundle.pem"
    bundle.write_text("".join(Path(file).read_text() for file in files if file))
    return str(bundle)


async def _through_tls(folder: Path, *, secure: bool) -> tuple[bytes, list[bytes], str]:
    """What came through a proxy that is itself spoken to by TLS; both ends are of one authority's file."""
    tls, authority = server_context(folder, "good", "127.0.0.1")
    assert authority is not None
    with ScriptedUpstream([Resolve(), *([Secure()] if secure else []), GOOD]) as upstream:
        bundle = _joined(folder, authority, upstream.ca_bundle)
        async with LoopbackProxy(upstream.port, tls=tls) as proxy:
            options: dict[str, Any] = {
                "proxy": f"https://user:pass@127.0.0.1:{proxy.port}",
                "resolver": Names(upstream_test=[[PUBLIC]]),
                "ca_bundle": bundle,
            }
            async with client_of(upstream, **options) as asking:
                answer = await whole(await ask(asking, upstream.url))
        return answer, proxy.heads, upstream.requests[0].target


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [True, False])
def test_a_proxy_spoken_to_by_tls(tmp_path: Path, loop: str, secure: bool) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        answer, heads, target = runner.run(_through_tls(tmp_path, secure=secure))
    assert answer == b"good"
    assert heads[0].startswith(b"CONNECT upstream.test:" if secure else b"POST http://upstream.test:")
    assert b"proxy-authorization: Basic dXNlcjpwYXNz\r\n" in heads[0]
    assert target.startswith("/v1/" if secure else "http://upstream.test:")


async def test_a_proxy_whose_certificate_is_not_trusted_is_named(tmp_path: Path) -> None:
    tls, _ = server_context(tmp_path, "good", "127.0.0.1")
    async with LoopbackProxy(tls=tls) as proxy:
        asking = client(Names(), open_socket, proxy=f"https://127.0.0.1:{proxy.port}")
        error = await error_of(asking, "https://a.test/")
    assert error.code == "upstream_tls"
    assert f"the proxy 127.0.0.1:{proxy.port}" in error.message
    assert "HEADRACE_CA_BUNDLE" in error.message


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("login", [None, (b"us:er", b"p@ss")])
async def test_a_socks_proxy_is_given_the_name(scheme: str, secure: bool, login: tuple[bytes, bytes] | None) -> None:
    with ScriptedUpstream([Resolve(), *([Secure()] if secure else []), GOOD]) as upstream:
        async with LoopbackSocks(upstream.port, login=login, bound=b"\3\4host") as proxy:
            known = "us%3Aer:p%40ss@" if login else ""
            options = {
                "proxy": f"{scheme}://{known}127.0.0.1:{proxy.port}",
                "resolver": Names(upstream_test=[[PUBLIC]]),
            }
            async with client_of(upstream, **options) as asking:
                assert await whole(await ask(asking, upstream.url)) == b"good"
    assert proxy.heads == [f"upstream.test:{upstream.port}".encode()]
    assert proxy.logins == ([login] if login else [])
    assert upstream.requests[0].target == "/v1/chat/completions"


@pytest.mark.parametrize("reply", range(1, 10))
async def test_a_socks_proxy_that_refuses_is_named(reply: int) -> None:
    async with LoopbackSocks(reply=reply) as proxy:
        error = await error_of(
            client(Names(), open_socket, proxy=f"socks5://127.0.0.1:{proxy.port}"), "https://a.test/"
        )
    assert error.code == "upstream_unreachable"
    assert f"the proxy 127.0.0.1:{proxy.port} gave a refusal" in error.message


@pytest.mark.parametrize("user", ["", "ann:wrong@"])
async def test_a_login_that_a_socks_proxy_does_not_take(user: str) -> None:
    async with LoopbackSocks(login=(b"ann", b"right")) as proxy:
        error = await error_of(
            client(Names(), open_socket, proxy=f"socks5://{user}127.0.0.1:{proxy.port}"), "https://a.test/"
        )
    assert error.code == "upstream_unreachable"
    assert "HEADRACE_UPSTREAM_PROXY=…://user:password@host:port" in error.message
    assert "wrong" not in error.message


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_a_proxy_that_is_away_is_named(scheme: str) -> None:
    asking = client(Names(), Dialled(), proxy=f"{scheme}://user:secret@127.0.0.1:9")
    error = await error_of(asking, "https://a.test/")
    assert "the proxy 127.0.0.1:9 (HEADRACE_UPSTREAM_PROXY) cannot be reached" in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize("said", [b"", b"\5", b"\4\0", b"HTTP/1.1 400\r\n\r\n"])
async def test_what_speaks_no_socks_is_named(said: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(3)
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await error_of(client(Names(), open_socket, proxy=f"socks5://127.0.0.1:{port}"), "https://a.test/")
    server.close()
    assert (error.code, f"the proxy 127.0.0.1:{port}" in error.message) == ("upstream_unreachable", True)
