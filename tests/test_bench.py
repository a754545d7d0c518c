"""The benchmark's own parts: it must count right, and call nothing whole that is not."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from bench import targets
from bench.capacity import MOST, STEP, capacities
from bench.decode import SHAPES, measure, table
from bench.figures import Results
from bench.goals import goals
from bench.marks import MARK_BYTES, WINDOW_US, MarkScanner, delay_us, mark
from bench.processes import Process, free_port, processors
from bench.profiling import summary
from bench.report import BEGIN, CAPACITY_BEGIN, CAPACITY_END, END, placed, report
from bench.run import Bench, Measurement
from bench.tally import Summary, Tally, percentiles
from bench.targets import Target
from bench.upstream import Behaviour
from bench.workloads import ALL, Name, Workload
from hypothesis import given
from hypothesis import strategies as st

from headrace.providers.presets import PRESETS

IDLE = 0.1
TOKENS = 30
ANSWER = b"".join(b'data: {"content": "%b"}\n\n' % mark(number) for number in range(TOKENS)) + b"data: [DONE]\n\n"
HEAD = b"HTTP/1.1 %b OK\r\nContent-Length: %d\r\n\r\n"


@given(st.lists(st.integers(0, WINDOW_US - 1), max_size=20), st.lists(st.integers(0, 400), max_size=30))
def test_marks_are_found_at_any_cut(times: list[int], cuts: list[int]) -> None:
    body = b"".join(b'{"content": "%b"}' % mark(due) for due in times)
    scanner, found = MarkScanner(), []
    places = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    for start, end in pairwise(places):
        found += scanner.feed(body[start:end])
    assert [int(digits) for digits in found] == times


@given(st.integers(0, 10**12), st.integers(0, WINDOW_US // 2 - 1))
def test_a_delay_survives_the_end_of_the_window(due: int, passed: int) -> None:
    assert delay_us(due + passed, int(mark(due)[1:])) == passed
    assert len(mark(due)) == MARK_BYTES


@given(st.builds(Behaviour, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)))
def test_a_behaviour_is_read_back_from_the_model_name(behaviour: Behaviour) -> None:
    assert Behaviour.of(behaviour.model) == behaviour


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_a_percentile_is_the_least_value_that_enough_are_not_above(values: list[int]) -> None:
    found = percentiles(values)
    assert found is not None
    for share, value in ((50, found["p50"]), (95, found["p95"]), (99, found["p99"])):
        enough = [each for each in values if sum(other <= each for other in values) * 100 >= share * len(values)]
        assert value == round(min(enough) / 1000, 3)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Process]]:
    port = free_port()
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port)]
    log = tmp_path_factory.mktemp("upstream") / "log"
    with Process(command, cpu=processors()[1], log=log) as process:
        process.wait_listening(port)
        yield port, process


@pytest.fixture(scope="module")
def upstream(serving: tuple[int, Process]) -> int:
    return serving[0]


def load(port: int, behaviour: Behaviour, *options: str) -> Summary:
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    body = targets.openai_body(behaviour.model)
    command = [sys.executable, "-m", "bench.load", "--url", url, "--body", body, "--deadline", "20", *options]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    answer: Summary = json.loads(done.stdout)
    return answer


def test_at_full_pace_every_token_arrives(upstream: int) -> None:
    seen = load(upstream, Behaviour(400), "--tokens", "400", "--streams", "8", "--requests", "20")
    assert (seen["complete"], seen["tokens"], seen["errors"]) == (20, 8000, {})
    assert seen["ttft"]


def test_paced_tokens_come_when_they_are_due(upstream: int) -> None:
    behaviour = Behaviour(tokens=20, gap=10_000, delay=50_000)
    seen = load(upstream, behaviour, "--mode", "hold", "--tokens", "20", "--streams", "10", "--ramp", "0.1")
    assert (seen["complete"], seen["tokens"]) == (10, 200)
    assert seen["seconds"] >= 0.24  # the delay and 19 gaps
    assert seen["ttft"]
    assert seen["ttft"]["p50"] >= 50
    assert seen["latency"]
    assert seen["on_time"] is not None


def test_a_reader_that_comes_late_gets_every_token_in_order(serving: tuple[int, Process]) -> None:
    """More than the kernel takes: the upstream has to wait for its reader, and then go on."""
    port, process = serving
    tokens = 40_000
    body = targets.openai_body(Behaviour(tokens).model).encode()
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.connect(("127.0.0.1", port))
        reader.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        answer = bytearray(reader.recv(1))
        wait_idle(process)
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            answer += reader.recv(65536)
    times = [int(digits) for digits in MarkScanner().feed(bytes(answer))]
    assert len(times) == tokens
    assert all((later - earlier) % WINDOW_US < WINDOW_US // 2 for earlier, later in pairwise(times))
    assert max((later - earlier) % WINDOW_US for earlier, later in pairwise(times)) >= IDLE * 1e6  # it did wait


def wait_idle(process: Process) -> None:
    """Until it has used no processor for a while: it waits for somebody."""
    deadline = time.monotonic() + 20
    before = -1.0
    while (now := process.cpu_seconds()) != before:
        assert time.monotonic() < deadline
        before = now
        time.sleep(IDLE)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (HEAD % (b"500", 0), "status 500"),
        (HEAD % (b"200", len(ANSWER) + 1) + ANSWER, "connection lost"),
        (HEAD % (b"200", len(ANSWER) - 14) + ANSWER[:-14], "no [DONE]"),
        (HEAD % (b"200", len(ANSWER) - 30) + ANSWER[30:], "tokens missing"),
        (HEAD % (b"200", 2 * len(ANSWER)) + 2 * ANSWER, "tokens doubled"),
        (b"hello\r\n\r\n", "not HTTP"),
        (HEAD % (b"200", len(ANSWER)) + ANSWER, ""),
    ],
)
async def test_what_is_wrong_with_an_answer_is_named(answer: bytes, kind: str) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        options = ("--tokens", str(TOKENS), "--streams", "1", "--requests", "1")
        seen = await asyncio.to_thread(load, port, Behaviour(), *options)
    assert seen["errors"] == ({kind: 1} if kind else {})
    assert seen["complete"] == (0 if kind else 1)


def test_nginx_is_measured_beside_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [target for target in targets.ALL if target.name in ("direct", "nginx")]
    if chosen[1].missing():
        pytest.skip(chosen[1].missing())
    monkeypatch.setattr("bench.run.SETTLE_SECONDS", 0.1)
    workload = Workload("memory", Behaviour(10, gap=10_000), 20, None, ramp=0.1, deadline=10, repeats=1, fresh=True)
    direct, nginx = Bench(chosen, [workload], lambda _: None).run()
    assert direct.load["complete"] == nginx.load["complete"] == 20
    assert direct.cpu is None
    assert nginx.cpu is not None
    assert 0 < nginx.cpu < 5
    assert nginx.peak_memory is not None
    assert nginx.peak_memory > 1


def measured(target: str, name: Name, *, cpu: float, ttft: int = 1000, complete: bool = True) -> Measurement:
    tally = Tally()
    tally.tokens, tally.complete = 1000, 10
    tally.body_bytes, tally.wire_bytes = 3000, 1000 if target == "gzip" else 3000
    tally.first_tokens.append(ttft)
    if not complete:
        tally.error("not in time")
    workload = next(each for each in ALL if each.name == name)
    return Measurement(target, workload, tally.summary(tokens_each=100, seconds=1), cpu, 50.0, 60.0)


def everything(*, complete: bool = True, cpu: float = 0.01) -> Results:
    others = [measured("direct", "first", cpu=0), measured("django", "first", cpu=0, ttft=3000)]
    others += [measured(target, name, cpu=0.005) for target in ("nginx",) for name in ("full", "paced")]
    others.append(measured("django", "full", cpu=0.1))
    ours = [measured("headrace", name, cpu=cpu, ttft=1500, complete=complete) for name in ("full", "paced", "memory")]
    shares = (("headrace", 1), ("bare", 1 / 1.06), ("gzip", 1.05))
    extras = [measured(target, "extras", cpu=cpu * share) for target, share in shares]
    extras.append(measured("mirror", "extras", cpu=0.0112, complete=complete))
    return Results([*others, *ours, *extras, measured("headrace", "first", cpu=cpu, ttft=1500)])


def test_goals_are_judged_by_what_was_measured() -> None:
    assert [goal.verdict for goal in goals(everything())] == ["reached"] * 9
    values = [goal.value for goal in goals(everything())]
    assert [*values[:4], *values[5:]] == pytest.approx([2, 10, 2, 25, 6, 5, 100 / 3, 12])
    assert [goal.verdict for goal in goals(everything(cpu=0.03))] == ["reached", "missed", "missed", *["reached"] * 6]
    assert [goal.verdict for goal in goals(Results([]))] == ["not measured"] * 9


def test_incomplete_answers_reach_no_goal() -> None:
    verdicts = [goal.verdict for goal in goals(everything(complete=False))]
    assert verdicts == [*["missed"] * 3, "reached", "missed", *["reached"] * 3, "missed"]


def test_the_report_goes_between_its_markers_again_and_again() -> None:
    text = report(everything(), ["a machine"], {target.name: target.title for target in targets.ALL})
    assert text.count("reached") == 9
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = placed(page, text)
    assert placed(once, text) == once
    assert once.startswith("before\n")
    assert once.endswith(f"{END}\nafter\n")
    assert "old" not in once
    with pytest.raises(ValueError, match="bench: begin"):
        placed("a page", text)


def test_the_page_has_a_place_for_the_report() -> None:
    page = Path(__file__).parents[1] / "docs" / "performance.md"
    assert placed(page.read_text(), "x")
    assert placed(page.read_text(), "x", (CAPACITY_BEGIN, CAPACITY_END))


@given(st.integers(0, MOST // STEP))
def test_the_capacity_is_found(limit: int) -> None:
    def load(_: object, workload: Workload) -> Summary:
        tally = Tally()
        tally.complete = workload.streams
        late = workload.streams > limit * STEP
        tally.latencies.extend([200_000 if late else 50_000] * 100)
        return tally.summary(tokens_each=1, seconds=1) | {"on_time": 0.5 if late else 1.0}

    bench = Bench([Target("some", "Some", lambda _: NotImplemented)], [], lambda _: None)
    with patch.multiple(bench, load=load, prepared=lambda: nullcontext({"some": None}), create=True):
        assert capacities(bench) == {"some": limit * STEP}


def test_a_profile_adds_up_by_function() -> None:
    told = summary("main (a.py:1);work (b.py:2) 3\nmain (a.py:1);work (b.py:9) 1\nmain (a.py:4) 4\n")
    own, whole = told.split("\n\n")
    assert "50.0%  work (b.py)" in own
    assert "100.0%  main (a.py)" in whole


def test_every_dialect_is_weighed() -> None:
    assert SHAPES.keys() == {row.adapter.name for row in PRESETS.values()}
    found = measure({dialect: [shape(number) for number in range(1, 20)] for dialect, shape in SHAPES.items()}, 1)
    lines = list(table(found))
    assert len(lines) == 1 + len(SHAPES)
    assert any(line.startswith("openai-chat") and line.rstrip().endswith("1.00") for line in lines)
