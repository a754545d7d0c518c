"""The wire to the server: answers however they are cut, many questions at a time, and addresses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.backends.redis_wire import Address, AddressError, Replies, ReplyError, Wire, command
from tests.backends.redis_servers import RunningServer, valkey_binary

ANSWERS = st.recursive(
    st.one_of(st.none(), st.integers(-(2**62), 2**62), st.binary(max_size=30)),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


def encoded(answer: Any) -> bytes:
    """As a server writes it."""
    if answer is None:
        return b"$-1\r\n"
    if isinstance(answer, int):
        return b":%d\r\n" % answer
    if isinstance(answer, bytes):
        return b"$%d\r\n%b\r\n" % (len(answer), answer)
    return b"*%d\r\n" % len(answer) + b"".join(map(encoded, answer))


@given(st.lists(ANSWERS, max_size=5), st.lists(st.integers(0, 400), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_answers(answers: list[Any], cuts: list[int]) -> None:
    data = b"".join(map(encoded, answers))
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    replies = Replies()
    found = [answer for at, end in pairwise(places) for answer in replies.feed(data[at:end])]
    assert found == answers


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waited_for(data: bytes) -> None:
    try:
        Replies().feed(data)
    except ValueError:
        return


def test_refusals_and_plain_lines() -> None:
    refusal, ok, nothing, empty = Replies().feed(b"-ERR no\r\n+OK\r\n*-1\r\n*0\r\n")
    assert isinstance(refusal, ReplyError)
    assert str(refusal) == "ERR no"
    assert (ok, nothing, empty) == (b"OK", None, [])


def test_an_endless_line_is_refused() -> None:
    with pytest.raises(ValueError, match="endless"):
        Replies().feed(b"+" + b"x" * 100_000)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    running = RunningServer(valkey_binary(), "--requirepass", "a b%c")
    yield running
    running.close()


async def connected(server: RunningServer) -> Wire:
    return await Wire.connect(Address.parse(f"{server.url}?password=a+b%25c&db=3"), 5)


async def test_each_task_gets_its_own_answers_also_beside_one_that_gave_up(server: RunningServer) -> None:
    wire = await connected(server)
    asking = [asyncio.create_task(wire.exchange([command("ECHO", n), command("ECHO", -n)], 5)) for n in range(100)]
    await asyncio.sleep(0)
    for task in asking[::3]:
        task.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    for n, answer in enumerate(answers):
        if n % 3:
            assert answer == [b"%d" % n, b"%d" % -n]
    refusal, fine = await wire.exchange([command("NOSUCH"), command("ECHO", "x" * 300_000)], 5)
    assert isinstance(refusal, ReplyError)
    assert fine == b"x" * 300_000
    wire.close()


async def test_a_late_answer_breaks_the_connection_for_everybody(server: RunningServer) -> None:
    wire = await connected(server)
    late = asyncio.create_task(wire.exchange([command("BLPOP", "nothing", 0)], 0.05))
    behind = asyncio.create_task(wire.exchange([command("PING")], 5))
    for task in (late, behind):
        with pytest.raises(ConnectionError, match="no answer in time"):
            await task
    assert wire.broken
    with pytest.raises(ConnectionError):
        await wire.exchange([command("PING")], 5)


async def test_a_wrong_password_is_an_error_at_the_door(server: RunningServer) -> None:
    with pytest.raises(ConnectionError, match="WRONGPASS") as caught:
        await Wire.connect(Address.parse(f"{server.url}?password=hunter2"), 5)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache", ("cache", 6379, "", 0, "", "")),
        ("redis://:p%40w@10.0.0.1:7000/4", ("10.0.0.1", 7000, "", 4, "", "p@w")),
        ("valkey://u:p@[::1]:1/?db=2", ("::1", 1, "", 2, "u", "p")),
        ("unix:///run/a%20b.sock?db=1&username=u&password=p", ("", 6379, "/run/a b.sock", 1, "u", "p")),
    ],
)
def test_addresses(url: str, expected: tuple[Any, ...]) -> None:
    address = Address.parse(url)
    found = (address.host, address.port, address.path, address.db, address.username, address.password)
    assert found == expected
    assert address.tls is None
    assert "p@w" not in repr(address)


def test_tls_checks_the_server_unless_told_not_to() -> None:
    checked, unchecked = Address.parse("rediss://h").tls, Address.parse("rediss://h?ssl_cert_reqs=none").tls
    assert checked is not None
    assert unchecked is not None
    assert checked.verify_mode is ssl.CERT_REQUIRED
    assert unchecked.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    "url", ["", "cache:6379", "http://cache", "redis://h:x", "redis://h/secret", "redis://h?timeout=1", "redis://[h"]
)
def test_what_is_no_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)
