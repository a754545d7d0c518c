"""Encodings for streams: every flush decodes at once, and the choice follows RFC 9110."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.stream.compression import AVAILABLE, PREFERENCE, choose_encoding, compressor

SOURCE = Path(__file__).resolve().parents[2] / "src"


def decoder(encoding: str) -> Callable[[bytes], bytes]:
    """What a client does: each call gives all that can be decoded so far."""
    if encoding == "gzip":
        return zlib.decompressobj(zlib.MAX_WBITS + 16).decompress
    if encoding == "zstd":
        return zstd.ZstdDecompressor().decompress
    return brotli.Decompressor().process


EVENT = st.text(max_size=40).map(lambda text: f'data: {{"type": "content", "content": "{text}"}}\n\n'.encode())
CHUNKS = st.lists(st.one_of(EVENT, st.binary(max_size=300), st.binary(min_size=1, max_size=9).map(lambda b: b * 2000)))


@pytest.mark.parametrize("encoding", PREFERENCE)
@settings(max_examples=150, deadline=None)
@given(chunks=CHUNKS)
def test_every_flush_decodes_to_exactly_what_was_fed(encoding: str, chunks: list[bytes]) -> None:
    encode, decode = compressor(encoding), decoder(encoding)
    for chunk in chunks:
        assert decode(encode.feed(chunk)) == chunk
    assert decode(encode.close()) == b""


@pytest.mark.parametrize("encoding", PREFERENCE)
@settings(max_examples=50, deadline=None)
@given(chunks=CHUNKS)
def test_the_whole_is_one_complete_member(encoding: str, chunks: list[bytes]) -> None:
    encode = compressor(encoding)
    sent = b"".join([encode.feed(chunk) for chunk in chunks]) + encode.close()
    assert _complete(encoding, sent) == b"".join(chunks)


def _complete(encoding: str, sent: bytes) -> bytes:
    """Decoded by one decoder that must have seen the end, with nothing left over."""
    if encoding == "gzip":
        gzip = zlib.decompressobj(zlib.MAX_WBITS + 16)
        whole = gzip.decompress(sent)
        assert gzip.eof
        assert not gzip.unused_data
        return whole
    if encoding == "zstd":
        frame = zstd.ZstdDecompressor()
        whole = frame.decompress(sent)
        assert frame.eof
        assert not frame.unused_data
        return whole
    plain: Any = brotli.Decompressor()
    whole = plain.process(sent)
    assert plain.is_finished()
    return bytes(whole)


@pytest.mark.parametrize("encoding", PREFERENCE)
def test_an_empty_flush_costs_nothing(encoding: str) -> None:
    encode = compressor(encoding)
    encode.feed(b"data: [DONE]\n\n")
    assert encode.feed(b"") == b""


@pytest.mark.parametrize(("encoding", "least"), [("gzip", 2.5), ("zstd", 1.8), ("br", 2.0)])
def test_small_events_become_smaller(encoding: str, least: float) -> None:
    words = ["over", "a", "lazy", "mill", "the", "river", "runs", "by", "day", "and", "night"]
    events = [f'data: {{"type": "content", "content": " {words[i * 7 % 11]}"}}\n\n'.encode() for i in range(600)]
    encode = compressor(encoding)
    sent = sum(len(encode.feed(event)) for event in events) + len(encode.close())
    assert sum(map(len, events)) / sent > least


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("zstd", "zstd"),
        ("br", "br"),
        ("deflate, compress", None),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br, zstd", "zstd"),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "br"),
        ("gzip;q=0.5, br;q=0.6 , zstd; q=0.60", "zstd"),
        ("gzip ; q = 0.9, br;q=0.1", "gzip"),
        ("*", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0, *", "zstd"),
        ("gzip;q=0", None),
        ("identity;q=0", None),
        ("identity;q=0, *", "gzip"),
        ("*;q=0.5, identity;q=0, gzip;q=0.1", "zstd"),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity, gzip", "gzip"),
        ("*;q=0.7, gzip;q=0.3, zstd;q=0.3, br;q=0.3", None),
        ("gzip;q=0.000", None),
        ("gzip;q=abc, br", "br"),
        ("gzip;q=-1, br", "br"),
        ("gzip;q=nan", None),
        ("gzip;q=1e9", None),
        ("gzip;q=2, br;q=0.2", "br"),
        ("gzip;q=., br;q=0.2", "br"),
        ("gzip, gzip;q=0", None),
        (";;,,=,q=1,gzip", "gzip"),
        ("gzip;level=9", "gzip"),
    ],
)
def test_the_choice_follows_the_header(header: str | None, chosen: str | None) -> None:
    assert choose_encoding(header, PREFERENCE) == chosen


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sets(st.sampled_from(PREFERENCE)))
def test_any_header_gives_one_that_we_have_or_none(header: str, available: set[str]) -> None:
    assert choose_encoding(header, available) in available | {None}


QUALITY = st.integers(0, 1000).map(lambda thousandths: f"{thousandths / 1000:.3f}")


@given(st.dictionaries(st.sampled_from([*PREFERENCE, "identity", "*", "deflate"]), QUALITY), st.randoms())
def test_nothing_forbidden_is_chosen_and_nothing_better_is_left(wanted: dict[str, str], random: Any) -> None:
    items = [f"{name};q={quality}" for name, quality in wanted.items()]
    random.shuffle(items)
    chosen = choose_encoding(", ".join(items), PREFERENCE)
    quality = {name: float(wanted.get(name, wanted.get("*", "0"))) for name in (*PREFERENCE, "identity")}
    best = max(quality[name] for name in PREFERENCE)
    if chosen is None:
        assert best == 0 or best < quality["identity"]
    else:
        assert quality[chosen] == best > 0
        assert chosen == next(name for name in PREFERENCE if quality[name] == best)


def test_what_is_not_installed_is_not_offered() -> None:
    script = (
        "import sys\n"
        "for name in ('brotli', 'backports.zstd', 'compression.zstd', 'zlib_ng'): sys.modules[name] = None\n"
        "from headrace.stream.compression import AVAILABLE, choose_encoding, compressor\n"
        "import zlib\n"
        "gzip = compressor('gzip')\n"
        "assert zlib.decompressobj(31).decompress(gzip.feed(b'a')) == b'a'\n"
        "print(AVAILABLE, choose_encoding('br, zstd'), choose_encoding('br, gzip;q=0.1'))\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=SOURCE, capture_output=True, text=True, timeout=30)
    assert shown.stdout == "('gzip',) None gzip\n", shown.stderr


def test_everything_is_installed_here() -> None:
    assert AVAILABLE == PREFERENCE
