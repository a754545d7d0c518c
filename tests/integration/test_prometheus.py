"""Debian's own Prometheus scrapes a server with two workers, and has the figures of what was asked of it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from headrace.backends.loops import background_loop
from headrace.testing import Close, Hold, ScriptedUpstream, Secure, Send, chunk, response, sse, stream_head
from tests.backends.proxy import LoopbackProxy
from tests.deploy.test_monitoring_files import DASHBOARD, PANELS, rules
from tests.integration.test_command import serving, until
from tests.live import KEY, MESSAGES, ROOT, STREAM, blocks, model_at, payloads
from tests.programs import program
from tests.prometheus_server import RunningPrometheus
from tests.tools import needed

needed("prometheus_client", 'pip install "headrace[metrics]"')
pytestmark = pytest.mark.timeout(180)

STREAMS = "/api/projects/default/playground/streams/"
TOKEN = "scrape-0123456789"
ROUNDS = 2
GOOD = 3
LIMIT = 5  # streams that the project may have at once
STREAMS_A_ROUND = GOOD + 7 + LIMIT
PIECES = 8
INPUT, OUTPUT = 7, 64
PRICED = "https://api.openai.com"  # reached through a proxy, which is ours
MODELS = "/api/projects/default/models/"
MODEL = 'gen_ai_provider_name="openai",gen_ai_request_model="{}"'


def delta(text: str, reason: str | None = None, **more: Any) -> bytes:
    return chunk(sse({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}], **more}))


def answer() -> bytes:
    usage = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT}
    pieces = b"".join(delta(f"piece {number} ") for number in range(PIECES))
    return stream_head() + pieces + delta("", "stop", usage=usage) + chunk(sse("[DONE]")) + chunk(b"")


REFUSED = response(b'{"error": {"message": "no such key"}}', status="401 Unauthorized", content_type="application/json")
BUSY = response(b'{"error": {"message": "busy"}}', status="503 Unavailable", content_type="application/json")


@dataclass
class Site:
    """A server with two workers, and the Prometheus that scrapes it."""

    process: Any
    port: int
    prometheus: RunningPrometheus

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, ({"Content-Type": "application/json"} if data else {}) | headers)
        return connection.getresponse()

    def chat(self, url: str, model: str, headers: dict[str, str] | None = None, **fields: Any) -> HTTPResponse:
        body = {"messages": MESSAGES, "model": model_at(f"{url}/v1", modelId=model)} | fields
        return self.ask("POST", STREAM, body, **(headers or {}))

    def store(self, url: str, name: str, fallbacks: list[str]) -> str:
        """The id of a configuration."""
        stored = model_at(f"{url}/v1", modelId=name) | {"name": name, "fallbacks": fallbacks}
        made = self.ask("POST", MODELS, stored)
        assert made.status == 201
        return str(json.loads(made.read())["configId"])

    def workers(self) -> set[int]:
        found = set()
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                if "commands.worker" in Path(f"/proc/{child}/cmdline").read_text():
                    found.add(int(child))
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    program("prometheus", "prometheus")
    with (
        priced() as settings,
        serving(folder, "--workers", "2", **settings) as (process, port, _),
        RunningPrometheus(folder, port, token=TOKEN) as prometheus,
    ):
        yield Site(process, port, prometheus)


@contextmanager
def priced() -> Iterator[dict[str, str]]:
    """The settings of a server that finds, behind its proxy, a provider whose prices are known."""
    with ScriptedUpstream([Secure(host=PRICED.removeprefix("https://")), Send(answer())]) as upstream:
        proxy, loop = LoopbackProxy(upstream.port), background_loop()
        asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result()
        assert upstream.ca_bundle is not None
        try:
            yield {
                "DJANGO_SETTINGS_MODULE": "tests.integration.proxied_settings",
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
                "HEADRACE_METRICS_TOKEN": TOKEN,
                "HEADRACE_EGRESS_ALLOW": "",
                "HEADRACE_PROJECT_STREAMS": str(LIMIT),
                "HEADRACE_UPSTREAM_PROXY": f"http://127.0.0.1:{proxy.port}",
                "HEADRACE_CA_BUNDLE": upstream.ca_bundle,
            }
        finally:
            asyncio.run_coroutine_threadsafe(proxy.__aexit__(None, None, None), loop).result()


@pytest.fixture(scope="module", autouse=True)
def asked(site: Site) -> None:
    """What the tests below count; in two rounds, since a rate needs a difference between two scrapes."""
    for number in range(1, ROUNDS + 1):
        ask_all(site)
        site.prometheus.await_value("sum(headrace_streams_finished_total)", number * STREAMS_A_ROUND)


def ask_all(site: Site) -> None:
    """Every way in which a stream goes on and ends."""
    with ScriptedUpstream([Send(answer())]) as upstream:
        for _ in range(GOOD):
            assert payloads(list(blocks(site.chat(upstream.url, "good"))))[-1]["content"].startswith("piece")
        packed = site.chat(upstream.url, "packed", {"Accept-Encoding": "gzip"})
        assert b"[DONE]" in gzip.decompress(packed.read())
        place = f"{STREAMS}{packed.headers['X-Stream-Id']}/"
        assert len(list(blocks(site.ask("GET", f"{place}?after=3")))) == PIECES - 3 + 1
    with ScriptedUpstream([Send(BUSY), Close()], [Send(answer())]) as upstream:
        list(blocks(site.chat(upstream.url, "retried")))
    with ScriptedUpstream([Send(REFUSED), Close()]) as upstream:
        assert payloads(list(blocks(site.chat(upstream.url, "refused"))))[-1]["code"] == "upstream_auth"
        assert payloads(list(blocks(site.chat(upstream.url, KEY))))[-1]["code"] == "upstream_auth"
    with ScriptedUpstream([Send(stream_head() + delta("Hel")), Hold()]) as upstream:
        stopped = site.chat(upstream.url, "stopped")
        arriving = blocks(stopped)
        next(arriving)
        assert site.ask("DELETE", f"{STREAMS}{stopped.headers['X-Stream-Id']}/").status == 204
        assert list(arriving) == ["data: [DONE]"]
    assert site.chat("http://10.1.2.3", "inside").status == 400  # refused by its text; nothing is connected to
    ask_for_money(site)
    ask_the_next_one(site)
    ask_too_much(site)


def ask_for_money(site: Site) -> None:
    """An answer whose price is known."""
    body = {"messages": MESSAGES, "model": {"providerId": "openai", "modelId": "gpt-4o", "apiKey": KEY}}
    seen = payloads(list(blocks(site.ask("POST", STREAM, body | {"streamOptions": {"includeUsage": True}}))))
    assert seen[-1]["cost"] > 0


def ask_the_next_one(site: Site) -> None:
    """A model that fails, with another that does not."""
    with ScriptedUpstream([Send(REFUSED), Close()]) as first, ScriptedUpstream([Send(answer())]) as spare:
        other = site.store(spare.url, "spare", [])
        model = {"configId": site.store(first.url, "first", [other])}
        seen = payloads(list(blocks(site.ask("POST", STREAM, {"messages": MESSAGES, "model": model}))))
    assert seen[-1]["content"].startswith("piece")


def ask_too_much(site: Site) -> None:
    """One stream more than the project may have."""
    with ScriptedUpstream([Send(stream_head() + delta("Hel")), Hold()]) as upstream:
        held = [begun(site, upstream.url) for _ in range(LIMIT)]
        arriving = [blocks(each) for each in held]
        for each in arriving:
            next(each)
        assert site.chat(upstream.url, "held").status == 429
        for stream, rest in zip(held, arriving, strict=True):
            assert site.ask("DELETE", f"{STREAMS}{stream.headers['X-Stream-Id']}/").status == 204
            assert list(rest) == ["data: [DONE]"]


def begun(site: Site, url: str) -> HTTPResponse:
    """A stream, as soon as there is a place for it: those before it give theirs back when they have ended."""
    tried: list[HTTPResponse] = []

    def begins() -> bool:
        tried.append(site.chat(url, "held"))
        return tried[-1].status == 200

    until(begins, "no place became free")
    return tried[-1]


def finished(model: str, outcome: str) -> str:
    return f'headrace_streams_finished_total{{{MODEL.format(model)},outcome="{outcome}"}}'


def test_it_is_scraped_with_its_token_only(site: Site) -> None:
    site.prometheus.await_value('up{job="headrace"}', 1)
    assert [target["health"] for target in site.prometheus.targets()] == ["up"]
    assert site.ask("GET", "/metrics").status == 401
    assert site.ask("GET", "/metrics", Authorization=f"Bearer {TOKEN}").status == 200


def test_outcomes_are_counted_whichever_worker_had_them(site: Site) -> None:
    for model, outcome, count in (
        ("good", "stop", GOOD),
        ("packed", "stop", 1),
        ("retried", "stop", 1),
        ("refused", "upstream_auth", 1),
        ("other", "upstream_auth", 1),  # a key is no name
        ("stopped", "cancelled", 1),
    ):
        site.prometheus.await_value(finished(model, outcome), ROUNDS * count)
    site.prometheus.await_value("headrace_streams_started_total", ROUNDS * STREAMS_A_ROUND)
    site.prometheus.await_value("headrace_streams_open", 0)
    site.prometheus.await_value("headrace_readers", 0)


def test_the_answers_of_a_model_are_measured_as_opentelemetry_names_them(site: Site) -> None:
    labels = f'gen_ai_operation_name="chat",{MODEL.format("good")}'
    seen = site.prometheus
    seen.await_value(f'gen_ai_client_operation_duration_seconds_count{{{labels},error_type=""}}', ROUNDS * GOOD)
    seen.await_value(f"gen_ai_client_operation_time_to_first_chunk_seconds_count{{{labels}}}", ROUNDS * GOOD)
    seen.await_value(f'gen_ai_client_token_usage_sum{{{labels},gen_ai_token_type="input"}}', ROUNDS * GOOD * INPUT)
    seen.await_value(f'gen_ai_client_token_usage_sum{{{labels},gen_ai_token_type="output"}}', ROUNDS * GOOD * OUTPUT)
    failed = f'{MODEL.format("refused")},error_type="upstream_auth"'
    seen.await_value(f"gen_ai_client_operation_duration_seconds_count{{{failed}}}", ROUNDS)
    edges = {row["metric"]["le"] for row in seen.query(f"gen_ai_client_token_usage_bucket{{{labels}}}")}
    assert {"1.0", "4.0", "1024.0", "6.7108864e+07", "+Inf"} <= edges


def test_what_went_wrong_on_the_way_is_counted(site: Site) -> None:
    retried = f"headrace_retries_total{{{MODEL.format('retried')}}}"
    site.prometheus.await_value(f"sum({retried})", ROUNDS)
    site.prometheus.await_value("headrace_resumes_total", ROUNDS)
    site.prometheus.await_value("headrace_egress_refusals_total", ROUNDS)


def test_bytes_are_counted_before_compression_and_after(site: Site) -> None:
    seen = site.prometheus
    site.prometheus.await_value('sum(headrace_body_bytes_total{encoding="gzip"}) > bool 600', 1)
    body = seen.value('headrace_body_bytes_total{encoding="gzip"}')
    sent = seen.value('headrace_sent_bytes_total{encoding="gzip"}')
    assert body is not None
    assert sent is not None
    assert 1.2 < body / sent < 20
    plain = [seen.value(f'headrace_{kind}_bytes_total{{encoding="identity"}}') for kind in ("body", "sent")]
    assert plain[0] == plain[1] is not None


def test_a_killed_worker_takes_nothing_along_that_was_counted(site: Site) -> None:
    seen, before = site.prometheus, site.workers()
    with ScriptedUpstream([Send(stream_head() + delta("Hel")), Hold()]) as upstream:
        lost = [site.chat(upstream.url, "lost") for _ in range(4)]
        arriving = [blocks(each) for each in lost]
        for each in arriving:
            next(each)
        seen.await_value("headrace_streams_open", 4)
        started = seen.value("headrace_streams_started_total")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(site.workers() - before) == 2, "no new workers")
    seen.await_value('sum(headrace_streams_finished_total{outcome="producer_lost"})', 4)
    seen.await_value("headrace_streams_open", 0)
    seen.await_value(finished("good", "stop"), ROUNDS * GOOD)
    assert seen.value("headrace_streams_started_total") == started
    seen.await_value("sum(headrace_streams_finished_total) - sum(headrace_streams_started_total)", 0)
    assert seen.value("resets(headrace_streams_started_total[1h])") == 0


def test_every_panel_and_every_rule_is_an_expression_that_prometheus_takes(site: Site) -> None:
    """And each shows something, under a name that it has."""
    silent = []
    targets = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
    for title, target in targets:
        expression = target["expr"].replace("$__rate_interval", "1m").replace("$provider", ".*").replace("$model", ".*")
        found = site.prometheus.query(expression)
        if not found:
            silent.append((title, expression))
        for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", "")):
            assert all(label in each["metric"] for each in found), (title, label)
    assert silent == []
    for rule in rules():
        site.prometheus.query(rule["expr"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            inner = variable["query"]["query"].removeprefix("label_values(").rpartition(",")[0]
            assert site.prometheus.query(inner.replace("$provider", ".*"))
