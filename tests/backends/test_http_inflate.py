"""Packed bodies: every coding at every cut, each flush at once, bombs and broken ones within bounds."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.backends.http_inflate import RATIO_FREE, STEP, Inflater, inflater
from headrace.errors import UpstreamError
from headrace.testing import ScriptedUpstream, Send, response
from tests.backends.asking import ask, client_of, to_the_end, whole
from tests.stream.cutting import CUTS, cut, every

brotli = pytest.importorskip("brotli")
zstd = pytest.importorskip("backports.zstd")
MAX = 8 * 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACK: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without its header": ("deflate", raw_deflate),
    "br": ("br", lambda data: brotli.compress(data, quality=5)),
    "zstd": ("zstd", zstd.compress),
    "gzip, two members": ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])),
    "zstd, two frames": ("zstd", lambda data: zstd.compress(data[:7]) + zstd.compress(data[7:])),
}


def made_by(coding: str) -> Inflater:
    made = inflater(coding, max_size=MAX)
    assert made is not None
    return made


def unpack(coding: str, pieces: Sequence[bytes]) -> bytes:
    unpacking = made_by(coding)
    out = b""
    for piece in pieces:
        out += unpacking.feed(piece)
        while unpacking.pending:
            out += unpacking.feed(b"")
    unpacking.close()
    return out


def error_of(coding: str, pieces: Sequence[bytes]) -> str:
    with pytest.raises(UpstreamError) as caught:
        unpack(coding, pieces)
    return caught.value.code


@pytest.mark.parametrize("name", PACK)
@given(data=st.binary(max_size=500).map(lambda data: data * 20), points=CUTS)
@settings(max_examples=40, deadline=None)
def test_packing_and_unpacking_is_the_identity_at_any_cut(name: str, data: bytes, points: list[int]) -> None:
    coding, pack = PACK[name]
    packed = pack(data)
    assert unpack(coding, cut(packed, points)) == data
    assert unpack(coding, every(packed, 1)) == data


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_what_is_not_packed_is_not_unpacked(coding: str) -> None:
    assert inflater(coding, max_size=MAX) is None


@pytest.mark.parametrize("coding", ["lzma", "gzip, br", "aes128gcm", "*"])
def test_what_is_packed_otherwise_is_said(coding: str) -> None:
    assert error_of(coding, [b"x"]) == "upstream_decode"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_each_flush_comes_out_at_once(coding: str) -> None:
    if coding == "br":
        packer = brotli.Compressor()
        flush, add = packer.flush, packer.process
    elif coding == "zstd":
        frames = zstd.ZstdCompressor()
        flush, add = (lambda: frames.flush(frames.FLUSH_BLOCK)), frames.compress
    else:
        stream = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        flush, add = (lambda: stream.flush(zlib.Z_SYNC_FLUSH)), stream.compress
    unpacking = made_by(coding)
    for number in range(20):
        event = b"data: %d\n\n" % number
        assert unpacking.feed(add(event) + flush()) == event


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("size", [MAX + 1, 50_000_000])
def test_a_bomb_is_noticed_before_it_fills_the_memory(coding: str, size: int) -> None:
    bomb = PACK[coding][1](b"\0" * size)
    unpacking, sizes = made_by(coding), [0]

    def explode() -> None:
        sizes.append(len(unpacking.feed(bomb)))
        while unpacking.pending:
            sizes.append(len(unpacking.feed(b"")))

    tracemalloc.start()
    try:
        with pytest.raises(UpstreamError, match="unpacks to more") as caught:
            explode()
        assert tracemalloc.get_traced_memory()[1] < 4 * STEP + 4 * len(bomb)
    finally:
        tracemalloc.stop()
    assert caught.value.code == "upstream_limit"
    assert sum(sizes) <= MAX


def test_text_that_packs_well_is_no_bomb() -> None:
    event = b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"spam "},"finish_reason":null}]}\n\n'
    packer = zlib.compressobj(wbits=31)
    packed = b"".join(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for _ in range(20_000)) + packer.flush()
    assert len(unpack("gzip", every(packed, 5000))) == len(event) * 20_000 > RATIO_FREE


@pytest.mark.parametrize("name", PACK)
def test_what_stops_in_the_middle_is_truncated(name: str) -> None:
    coding, pack = PACK[name]
    packed = pack(b"some words, and some more of them")
    assert error_of(coding, [packed[:-3]]) == "upstream_truncated"
    assert error_of(coding, [packed[:1]]) == "upstream_truncated"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_nothing_at_all_is_no_error(coding: str) -> None:
    assert unpack(coding, []) == b""


@pytest.mark.parametrize("name", PACK)
@given(data=st.binary(min_size=50, max_size=200), at=st.integers(0, 10_000), flip=st.integers(1, 255), points=CUTS)
@settings(max_examples=40, deadline=None)
def test_a_broken_byte_never_raises_another_error(
    name: str, data: bytes, at: int, flip: int, points: list[int]
) -> None:
    coding, pack = PACK[name]
    packed = bytearray(pack(data))
    packed[at % len(packed)] ^= flip
    try:
        unpack(coding, cut(bytes(packed), points))
    except UpstreamError as error:
        if error.code not in ("upstream_decode", "upstream_truncated", "upstream_limit"):
            raise


def test_what_came_before_a_broken_part_is_handed_out_first() -> None:
    unpacking = made_by("gzip")
    assert unpacking.feed(gzip.compress(b"kept") + b"broken") == b"kept"
    assert unpacking.pending
    with pytest.raises(UpstreamError) as caught:
        unpacking.feed(b"")
    assert caught.value.code == "upstream_decode"


# Through the client.


@pytest.mark.parametrize("name", PACK)
async def test_a_packed_answer_is_read_as_if_it_were_not(name: str) -> None:
    coding, pack = PACK[name]
    body = b"".join(b"data: %d\n\n" % number for number in range(50_000))
    answer = Send(response(pack(body), headers=f"content-encoding: {coding}\r\n"))
    with ScriptedUpstream([answer]) as upstream:
        async with client_of(upstream) as client:
            assert await whole(await ask(client, upstream.url)) == body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (gzip.compress(b"\0" * 50_000_000), "upstream_limit"),
        (gzip.compress(b"words")[:-4], "upstream_truncated"),
        (b"no gzip at all", "upstream_decode"),
    ],
)
async def test_a_packed_answer_that_is_no_good_closes_its_connection(body: bytes, code: str) -> None:
    answer = Send(response(body, headers="content-encoding: gzip\r\n"))
    with ScriptedUpstream([answer]) as upstream:
        async with client_of(upstream) as client:
            _, error = await to_the_end(await ask(client, upstream.url))
            assert error is not None
            assert error.code == code
