"""Traces as a collector gets them: a real server exports to an OTLP/HTTP endpoint here, and its provider goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from headrace.testing import Close, Hold, ScriptedUpstream, Send, chat_answer, chunk, response, sse, stream_head
from tests.integration.test_prometheus import answer
from tests.live import CHAT, KEY, MESSAGES, LiveServer, blocks, model_at, payloads
from tests.tools import needed

collector = needed(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2", 'pip install "headrace[otel]" opentelemetry-proto'
)
trace_pb2 = needed("opentelemetry.proto.trace.v1.trace_pb2", 'pip install "headrace[otel]" opentelemetry-proto')

PATIENCE = 20.0
OTHER_KEY = "key-of-somebody-who-put-it-into-both-fields"
STREAMS = "/api/projects/default/playground/streams/"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "site=7", "baggage": "person=jane"}
QUESTION = MESSAGES[0]["content"]
BUSY = response(b'{"error": {"message": "busy"}}', status="503 Unavailable", content_type="application/json")


class Collector:
    """An OTLP/HTTP endpoint on loopback."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        found = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with found.changed:
                    assert self.path == "/v1/traces"
                    found.bodies.append(body)
                    found.changed.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing to say."""

        return Handler

    def spans(self) -> list[Any]:
        requests = [collector.ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resources(self) -> list[dict[str, Any]]:
        requests = [collector.ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [attributes(each.resource) for request in requests for each in request.resource_spans]

    def span(self, model: str) -> Any:
        """The span of the stream that asked this model, once it has come."""

        def found() -> Any:
            return next((span for span in self.spans() if span.name == f"chat {model}"), None)

        with self.changed:
            assert self.changed.wait_for(found, PATIENCE), [span.name for span in self.spans()]
            return found()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def attributes(owner: Any) -> dict[str, Any]:
    return {each.key: plain(each.value) for each in owner.attributes}


def plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [plain(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def events(span: Any) -> list[str]:
    return [event.name for event in span.events]


@pytest.fixture(scope="module")
def collected() -> Iterator[Collector]:
    each = Collector()
    yield each
    each.close()


@pytest.fixture(scope="module")
def traced(data_dir: Path, collected: Collector) -> Iterator[LiveServer]:
    with LiveServer.uvicorn(
        data_dir,
        OTEL_EXPORTER_OTLP_ENDPOINT=collected.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
        OTEL_RESOURCE_ATTRIBUTES="a=b",
    ) as live:
        yield live


def test_a_stream_is_a_span_of_the_callers_trace_and_the_provider_continues_it(
    traced: LiveServer, collected: Collector
) -> None:
    with ScriptedUpstream([Send(answer())]) as upstream:
        model = model_at(f"{upstream.url}/v1", modelId="whole")
        served = traced.post(
            "/api/projects/default/playground/chat/stream/", {"messages": MESSAGES, "model": model}, headers=CALLER
        )
        list(blocks(served))
        passed_on = upstream.requests[0].headers
    span = collected.span("whole")
    assert span.kind == trace_pb2.Span.SPAN_KIND_CLIENT
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert passed_on["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01"
    assert passed_on["tracestate"] == "site=7"
    assert "baggage" not in passed_on
    assert events(span) == ["headrace.first_token", "headrace.finish"]
    found = attributes(span)
    first_chunk = found.pop("gen_ai.response.time_to_first_chunk")
    taken = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    assert 0 <= first_chunk <= taken + 0.002  # the loop's clock has milliseconds
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "whole",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "whole",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 64,
        "headrace.stream.id": served.headers["X-Stream-Id"],
    }
    assert span.status.code == trace_pb2.Status.STATUS_CODE_UNSET
    resource = collected.resources()[0]
    assert (resource["service.name"], resource["a"]) == ("headrace", "b")


def test_a_retry_and_a_failure_are_told_by_their_codes(traced: LiveServer, collected: Collector) -> None:
    refusal = response(b'{"error": {"message": "secret words"}}', status="401 Unauthorized")
    with ScriptedUpstream([Send(BUSY), Close()], [Send(refusal), Close()]) as upstream:
        last = payloads(list(blocks(traced.stream(model_at(f"{upstream.url}/v1", modelId="failing")))))[-1]
        own = [request.headers["traceparent"].split("-") for request in upstream.requests]
    assert last["code"] == "upstream_auth"
    span = collected.span("failing")
    assert events(span) == ["headrace.retry", "headrace.finish"]
    assert attributes(span.events[0]) == {"error.type": "upstream_unavailable"}
    assert attributes(span)["error.type"] == "upstream_auth"
    assert (span.status.code, span.status.message) == (trace_pb2.Status.STATUS_CODE_ERROR, "upstream_auth")
    assert span.parent_span_id == b""
    assert {each[1] for each in own} == {span.trace_id.hex()}


def test_a_reader_who_comes_back_is_told_in_the_streams_own_span(traced: LiveServer, collected: Collector) -> None:
    said = b"".join(chunk(sse({"choices": [{"index": 0, "delta": {"content": text}}]})) for text in ("Hel", "lo"))
    with ScriptedUpstream([Send(stream_head() + said), Hold()]) as upstream:
        options = {"onDisconnect": "continue"}
        served = traced.stream(model_at(f"{upstream.url}/v1", modelId="resumed"), streamOptions=options)
        first = blocks(served)
        next(first), next(first)
        place = f"{STREAMS}{served.headers['X-Stream-Id']}/"
        arriving = blocks(traced.get(f"{place}?after=1"))
        assert "lo" in next(arriving)
        assert traced.request("DELETE", place).status == 204
        list(arriving)
    span = collected.span("resumed")
    assert events(span) == ["headrace.first_token", "headrace.resume", "headrace.finish"]
    assert attributes(span)["gen_ai.response.finish_reasons"] == ["cancelled"]
    assert span.status.code == trace_pb2.Status.STATUS_CODE_UNSET


@pytest.mark.parametrize("header", ["", "garbage", "00-0-0-00", f"00-{'0' * 32}-{PARENT}-01", "x" * 5000])
def test_a_trace_that_is_none_begins_a_new_one(traced: LiveServer, collected: Collector, header: str) -> None:
    name = f"odd-{len(header)}"
    with ScriptedUpstream([Send(chat_answer("x"))]) as upstream:
        body = {"messages": MESSAGES, "model": model_at(f"{upstream.url}/v1", modelId=name)}
        assert traced.post(CHAT, body, headers={"traceparent": header}).status == 200
    span = collected.span(name)
    assert span.parent_span_id == b""
    assert span.trace_id.hex() != TRACE


def test_neither_text_nor_a_key_is_in_any_of_it(traced: LiveServer, collected: Collector) -> None:
    with ScriptedUpstream([Send(chat_answer("the whole answer"))]) as upstream:
        list(blocks(traced.stream(model_at(f"{upstream.url}/v1", modelId=f"models/{OTHER_KEY}", apiKey=OTHER_KEY))))
        list(blocks(traced.stream(model_at(f"{upstream.url}/v1", modelId="last"))))
    assert attributes(collected.span("other"))["gen_ai.request.model"] == "other"
    collected.span("last")
    told = b"".join(collected.bodies)
    for text in (KEY, KEY[8:], OTHER_KEY, OTHER_KEY[8:], QUESTION, "the whole answer", "secret words", "jane"):
        assert text.encode() not in told


def test_the_last_spans_are_sent_when_the_server_ends(data_dir: Path, collected: Collector) -> None:
    with (
        ScriptedUpstream([Send(chat_answer("x"))]) as upstream,
        LiveServer.uvicorn(
            data_dir, OTEL_EXPORTER_OTLP_ENDPOINT=collected.url, OTEL_BSP_SCHEDULE_DELAY="3600000"
        ) as live,
    ):
        list(blocks(live.stream(model_at(f"{upstream.url}/v1", modelId="at-the-end"))))
        assert "chat at-the-end" not in [span.name for span in collected.spans()]
    collected.span("at-the-end")


CHATTING = """
import sys
{before}
import django
django.setup()
from headrace import LLMService
from headrace.testing import FakeModel
{between}
said = LLMService(FakeModel(["Hel", "lo"])).chat([{{"role": "user", "content": "Hi"}}]).content
print(said, sorted(name for name in sys.modules if name.partition(".")[0] == "opentelemetry")[:1])
{after}
"""


def chatting(before: str = "", between: str = "", after: str = "", **more: str) -> tuple[str, str]:
    """What a program that asks a model says, and its log."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")} | more
    code = CHATTING.format(before=before, between=between, after=after)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    ],
    ids=["not set up", "disabled", "no exporter"],
)
def test_nothing_of_it_is_imported_where_nobody_wants_it(more: dict[str, str]) -> None:
    said, log = chatting(**more)
    assert said == "Hello []"
    assert "OTEL" not in log


def test_what_is_asked_for_and_not_installed_is_said_once_and_chats_go_on() -> None:
    said, log = chatting(before='sys.modules["opentelemetry"] = None', OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith("Hello")
    assert log.count('pip install "headrace[otel]"') == 1


def test_an_exporter_that_is_unknown_is_said_and_chats_go_on() -> None:
    said, log = chatting(OTEL_TRACES_EXPORTER="nowhere")
    assert said.startswith("Hello")
    assert "'nowhere'" in log


SITE = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
request = trace.get_tracer("site").start_as_current_span("request")
own = request.__enter__()
"""
SEEN = """
import time
deadline = time.monotonic() + 10  # it ends on the loop that produced it
while not kept.get_finished_spans() and time.monotonic() < deadline:
    time.sleep(0.01)
(span,) = kept.get_finished_spans()
print(span.name.startswith("chat fake"), span.parent.span_id == own.get_span_context().span_id)
"""


def test_a_site_that_makes_its_own_spans_has_ours_below_them() -> None:
    said, _ = chatting(between=SITE, after=SEEN)
    assert said.splitlines()[-1] == "True True"
