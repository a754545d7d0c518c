"""From a URL to a connection: lookups, the address that is connected to, TLS, proxies, words for each failure."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from headrace.backends import connector as connecting
from headrace.backends.egress import EgressPolicy
from headrace.backends.http import HTTPClient
from headrace.backends.http_dial import open_socket
from headrace.backends.http_pool import MIN_REST
from headrace.errors import UpstreamError
from headrace.testing import Blackhole, Refuse, Resolve, ScriptedUpstream, Secure, Send, response
from tests.backends.asking import KEY, PLENTY, ask, client_of, post, whole, within

GOOD = Send(response(b"good"))


class Names:
    """A resolver of our own: names to answers, one after the other; the last repeats."""

    def __init__(self, **answers: Sequence[Sequence[str] | OSError]) -> None:
        self._answers = {name.replace("_", "."): list(answer) for name, answer in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self._answers.get(host, [socket.gaierror(socket.EAI_NONAME, "no such name")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


class Dialled:
    """Stands where sockets are opened: remembers each address, and opens none."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def __call__(self, ip: str, port: int) -> socket.socket:
        self.addresses.append(ip)
        raise ConnectionRefusedError(111, "Connection refused")


def client(resolver: Any, dial: Any, *allow: str, **options: Any) -> HTTPClient:
    return HTTPClient(egress=EgressPolicy(allow), resolver=resolver, dial=dial, env={}, **options)


async def error_of(asking: HTTPClient, url: str, *, seconds: float = PLENTY, **options: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await asking.send(post(url), deadline=within(seconds), idle=5, **options)
    await asking.close()
    assert KEY not in caught.value.message
    return caught.value


# Where it may go.


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    names, dialled = Names(a_test=[["93.184.216.34", "2606:4700::1111"]]), Dialled()
    error = await error_of(client(names, dialled), "https://a.test/")
    assert error.code == "upstream_unreachable"
    assert sorted(dialled.addresses) == ["2606:4700::1111", "93.184.216.34"]
    assert names.asked == ["a.test"]


@pytest.mark.parametrize("bad", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%eth0"])
@pytest.mark.parametrize("first", [True, False])
async def test_one_bad_address_among_good_ones_refuses_all(bad: str, first: bool) -> None:
    addresses = [bad, "93.184.216.34"] if first else ["93.184.216.34", bad]
    dialled = Dialled()
    error = await error_of(client(Names(a_test=[addresses]), dialled), "https://a.test/")
    assert error.code == "egress_refused"
    assert dialled.addresses == []


async def test_a_name_that_changes_its_mind_is_checked_each_time() -> None:
    names, dialled = Names(a_test=[["93.184.216.34"], ["127.0.0.1"]]), Dialled()
    asking = client(names, dialled)
    with pytest.raises(UpstreamError):
        await ask(asking, "https://a.test/")
    error = await error_of(asking, "https://a.test/")
    assert error.code == "egress_refused"
    assert dialled.addresses == ["93.184.216.34"]


async def test_a_refused_text_is_not_even_looked_up() -> None:
    names, dialled = Names(a_test=[["93.184.216.34"]]), Dialled()
    for url in (
        "http://a.test/",
        "https://localhost/",
        "https://169.254.169.254/",
        "gopher://a.test/",
        "https://u@a.test",
    ):
        assert (await error_of(client(names, dialled), url)).code == "egress_refused"
    assert names.asked == []
    assert dialled.addresses == []


async def test_the_line_in_the_refusal_opens_the_way() -> None:
    names, dialled = Names(ollama_corp_test=[["10.1.2.3"]]), Dialled()
    error = await error_of(client(names, dialled), "http://ollama.corp.test:11434/v1")
    line = error.message.split("HEADRACE_EGRESS_ALLOW=")[1]
    error = await error_of(client(names, dialled, *line.split(",")), "http://ollama.corp.test:11434/v1")
    assert error.code == "upstream_unreachable"
    assert dialled.addresses == ["10.1.2.3"]


# Lookups.


@pytest.mark.parametrize(
    ("answer", "retryable", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), False, "no such name"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), True, "the name server failed"),
        ([], False, "no address"),
    ],
)
async def test_a_failed_lookup_says_how(answer: Any, retryable: bool, words: str) -> None:
    error = await error_of(client(Names(a_test=[answer]), Dialled()), "https://a.test/")
    assert (error.code, error.retryable) == ("upstream_dns", retryable)
    assert words in error.message


async def test_a_hung_lookup_ends_in_time_and_is_shared() -> None:
    class Hung:
        asked = 0

        async def __call__(self, host: str) -> Sequence[str]:
            self.asked += 1
            await asyncio.Event().wait()
            return []

    hung = Hung()
    asking = client(hung, Dialled())
    tasks = [asyncio.create_task(ask(asking, "https://a.test/", seconds=0.2)) for _ in range(5)]
    for made in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(made, UpstreamError)
        assert (made.code, made.retryable) == ("upstream_dns", True)
    assert hung.asked == 1
    await asking.close()


async def test_who_leaves_does_not_take_a_shared_lookup_along() -> None:
    answered = asyncio.Event()

    async def slow(_host: str) -> Sequence[str]:
        await answered.wait()
        return ["127.0.0.1"]

    with ScriptedUpstream([Resolve(), GOOD]) as upstream:
        async with client_of(upstream, resolver=slow) as asking:
            first, second = (asyncio.create_task(ask(asking, upstream.url)) for _ in range(2))
            await asyncio.sleep(0.01)
            first.cancel()
            await asyncio.sleep(0.01)
            answered.set()
            assert await whole(await second) == b"good"


async def test_a_hung_lookup_does_not_take_the_whole_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "DNS_LIMIT", 0.1)
    started = asyncio.get_running_loop().time()
    with ScriptedUpstream([Resolve("timeout")]) as upstream:
        async with client_of(upstream) as asking:
            with pytest.raises(UpstreamError) as caught:
                await ask(asking, upstream.url)
    assert caught.value.code == "upstream_dns"
    assert asyncio.get_running_loop().time() - started < 2


# Connecting.


@pytest.mark.parametrize("answer", ["dead,good", "dead,dead,good", "good,dead"])
async def test_any_address_that_works_will_do(answer: str) -> None:
    with ScriptedUpstream([Resolve(answer), GOOD]) as upstream:
        async with client_of(upstream) as asking:
            assert await whole(await ask(asking, upstream.url)) == b"good"


async def test_a_silent_address_does_not_hold_up_the_next() -> None:
    class SilentFirst:
        cancelled = False

        async def __call__(self, ip: str, port: int) -> socket.socket:
            if ip == "127.0.0.1":
                return await open_socket(ip, port)
            try:
                return await asyncio.Event().wait()  # type: ignore[return-value]
            except asyncio.CancelledError:
                self.cancelled = True
                raise

    dial = SilentFirst()
    with ScriptedUpstream([Resolve("dead,good"), GOOD]) as upstream:
        async with client_of(upstream, dial=dial) as asking:
            started = asyncio.get_running_loop().time()
            assert await whole(await ask(asking, upstream.url)) == b"good"
            assert asyncio.get_running_loop().time() - started < 2
            assert dial.cancelled


async def test_a_loser_that_connects_after_all_is_closed() -> None:
    opened: list[socket.socket] = []
    together = asyncio.Barrier(2)

    async def both_at_once(_ip: str, port: int) -> socket.socket:
        opened.append(await open_socket("127.0.0.1", port))
        ours = opened[-1]
        await together.wait()
        return ours

    with ScriptedUpstream([Resolve("dead,good"), GOOD]) as upstream:
        async with client_of(upstream, dial=both_at_once) as asking:
            assert await whole(await ask(asking, upstream.url)) == b"good"
            assert sorted(sock.fileno() == -1 for sock in opened) == [False, True]


async def test_a_refused_connection_names_host_and_port() -> None:
    with ScriptedUpstream([Refuse()]) as upstream:
        async with client_of(upstream) as asking:
            error = await error_of(asking, upstream.url)
    assert (error.code, error.retryable) == ("upstream_unreachable", True)
    assert f"127.0.0.1:{upstream.port}" in error.message


@pytest.mark.parametrize(("seconds", "connect_timeout"), [(0.2, 10), (10, 0.2)])
async def test_a_connection_that_does_not_come_about_ends_in_time(seconds: float, connect_timeout: float) -> None:
    with ScriptedUpstream([Blackhole()]) as upstream:
        async with client_of(upstream) as asking:
            error = await error_of(asking, upstream.url, seconds=seconds, connect_timeout=connect_timeout)
    assert (error.code, error.retryable) == ("upstream_connect_timeout", True)


# TLS.


async def test_a_trusted_upstream_is_asked_over_tls_and_again() -> None:
    with ScriptedUpstream([Secure(), GOOD]) as upstream:
        async with client_of(upstream) as asking:
            for _ in range(2):
                assert await whole(await ask(asking, upstream.url)) == b"good"
                await asyncio.sleep(2 * MIN_REST)
            assert upstream.accepted == 1


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ("self-signed", "self-signed"),
        ("wrong-host", "another address"),
        ("expired", "expired"),
        ("plain-http-on-tls-port", "http://"),
    ],
)
async def test_no_key_goes_over_a_line_that_is_not_safe(certificate: str, words: str) -> None:
    with ScriptedUpstream([Secure(certificate), GOOD]) as upstream:
        async with client_of(upstream) as asking:
            error = await error_of(asking, upstream.url)
        assert (error.code, error.retryable) == ("upstream_tls", False)
        assert words in error.message
        assert upstream.requests == []
        assert KEY.encode() not in upstream.received


async def test_an_authority_that_nobody_named_is_not_trusted() -> None:
    with ScriptedUpstream([Secure(), GOOD]) as upstream:
        async with client_of(upstream, ca_bundle=None) as asking:
            error = await error_of(asking, upstream.url)
    assert error.code == "upstream_tls"
    assert "HEADRACE_CA_BUNDLE" in error.message


async def test_plain_http_to_a_tls_port_is_told_apart() -> None:
    with ScriptedUpstream([Secure(), GOOD]) as upstream:
        async with client_of(upstream) as asking:
            error = await error_of(asking, upstream.url.replace("https:", "http:"))
    assert error.code == "upstream_protocol"
    assert "https://" in error.message or "closed the connection" in error.message


async def test_a_handshake_that_is_hung_up_on_may_be_tried_again() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    asking = client(Names(), open_socket, f"127.0.0.1:{port}")
    error = await error_of(asking, f"https://127.0.0.1:{port}")
    server.close()
    assert (error.code, error.retryable) == ("upstream_tls", True)


def test_a_file_of_authorities_that_cannot_be_read_is_said_at_once() -> None:
    with pytest.raises(OSError, match="No such file"):
        HTTPClient(egress=EgressPolicy(), ca_bundle="/nowhere/authority.pem")
