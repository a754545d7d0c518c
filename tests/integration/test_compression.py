"""Compressed streams over a live server: chosen as the client asks, and every batch decodable when it arrives."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Hold, ScriptedUpstream, Send, chat_answer, chunk, sse, stream_head
from tests.live import MESSAGES, STREAM, LiveServer, blocks, model_at

brotli = pytest.importorskip("brotli")
zstd = pytest.importorskip("backports.zstd")

FIRST = sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})
HALF: list[Any] = [Send(stream_head() + chunk(FIRST)), Hold()]
DECODERS = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "zstd": lambda: zstd.ZstdDecompressor().decompress,
    "br": lambda: brotli.Decompressor().process,
}


def asked(server: LiveServer, upstream: ScriptedUpstream, accepted: str | None) -> Any:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    return server.post(STREAM, {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1")}, headers=headers)


@pytest.mark.parametrize("encoding", DECODERS)
def test_an_event_arrives_when_a_plain_one_would(server: LiveServer, encoding: str) -> None:
    with ScriptedUpstream(HALF) as upstream:
        answer = asked(server, upstream, encoding)
        assert answer.headers["Content-Encoding"] == encoding
        assert answer.headers["Vary"] == "Accept-Encoding"
        decode, text = DECODERS[encoding](), b""
        while b"\n\n" not in text:
            text += decode(answer.read1())
        assert json.loads(text[6:])["content"] == "Hel"
        answer.close()


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (None, None),
        ("identity", None),
        ("br, gzip, zstd", "gzip"),
        ("gzip;q=0.5, br", "br"),
        ("gzip;q=0", None),
        ("*", "gzip"),
    ],
)
def test_whole_answers_decode_and_the_client_decides(server: LiveServer, accepted: str | None, chosen: str) -> None:
    with ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream:
        plain = asked(server, upstream, None).read()
        answer = asked(server, upstream, accepted)
        raw = answer.read()
    assert answer.headers["Content-Encoding"] == chosen
    assert (DECODERS[chosen]()(raw) if chosen else raw) == plain


def test_a_setting_turns_it_off_and_another_puts_text_into_the_log(data_dir: Path) -> None:
    with (
        LiveServer.uvicorn(data_dir, HEADRACE_COMPRESSION="off", HEADRACE_LOG_TEXT="on") as server,
        ScriptedUpstream([Send(chat_answer("Hel", "lo"))]) as upstream,
    ):
        answer = asked(server, upstream, "gzip")
        assert "Content-Encoding" not in answer.headers
        assert list(blocks(answer))[-1] == "data: [DONE]"
        assert "Tell me about rivers." in server.log
        assert "Hello" in server.log


def test_no_text_is_logged_otherwise(server: LiveServer) -> None:
    with ScriptedUpstream([Send(chat_answer("Xyzzy-", "plugh"))]) as upstream:
        asked(server, upstream, None).read()
    assert "plugh" not in server.log
    assert "rivers" not in server.log
