"""The figures as Markdown: a table for each workload, the project's goals with what was measured, the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.marks import MARK_BYTES
from bench.run import Measurement
from bench.tally import Summary
from bench.workloads import Name, Workload

NOTHING = "—"
BEGIN = "<!-- bench: begin -->"
END = "<!-- bench: end -->"


@dataclass(frozen=True, slots=True)
class Group:
    """The repeats of one workload with one target; every figure is their median."""

    runs: Sequence[Measurement]

    @property
    def workload(self) -> Workload:
        return self.runs[0].workload

    def figure(self, of: Callable[[Measurement], float | None]) -> float | None:
        known = [value for run in self.runs if (value := of(run)) is not None]
        return median(known) if known else None

    @property
    def cpu(self) -> float | None:
        return self.figure(lambda run: run.cpu_per_event)

    @property
    def first_token(self) -> float | None:
        return self.figure(lambda run: _part(run.load, "ttft", "p50"))

    @property
    def beyond_text(self) -> float | None:
        """MB that the streams took, without the text that a journal has to keep."""
        return self.figure(lambda run: None if run.memory is None else run.memory - text_mb(run.load))


class Results:
    """What was measured, by workload and target."""

    def __init__(self, measured: Sequence[Measurement], titles: dict[str, str]) -> None:
        self._measured = measured
        self._titles = titles

    def markdown(self, machine: Sequence[str]) -> str:
        """The whole report."""
        names = list(dict.fromkeys(run.workload.name for run in self._measured))
        sections = [self._goals(), *(self._section(name) for name in names)]
        return "\n\n".join(["\n".join(f"- {line}" for line in machine), *filter(None, sections)]) + "\n"

    def group(self, workload: Name, target: str) -> Group | None:
        runs = [run for run in self._measured if run.workload.name == workload and run.target == target]
        return Group(runs) if runs else None

    def missed(self) -> list[Goal]:
        """The goals that were measured and not reached."""
        return [goal for goal in goals(self) if goal.reached is False]

    def _goals(self) -> str:
        rows = [[goal.what, goal.shown, goal.limit_shown, goal.verdict] for goal in goals(self)]
        return f"### Goals\n\n{table(['goal', 'measured', 'limit', ''], rows)}" if self.group_names("headrace") else ""

    def group_names(self, target: str) -> list[Name]:
        return [run.workload.name for run in self._measured if run.target == target]

    def _section(self, name: Name) -> str:
        targets = list(dict.fromkeys(run.target for run in self._measured if run.workload.name == name))
        columns = COLUMNS[name]
        rows = []
        for target in targets:
            group = self.group(name, target)
            assert group
            rows.append([self._titles[target], *(cell(self, group) for _, cell in columns)])
        head = ["target", *(title for title, _ in columns)]
        shown = next(run.workload for run in self._measured if run.workload.name == name)
        return f"### {shown.title}\n\n{table(head, rows)}"


@dataclass(frozen=True, slots=True)
class Goal:
    """A promise of the project, and how it stands. `value` None: not measured in this run."""

    what: str
    value: float | None
    limit: float
    unit: str

    @property
    def reached(self) -> bool | None:
        return None if self.value is None else self.value <= self.limit

    @property
    def verdict(self) -> str:
        return {None: "not measured", True: "reached", False: "**missed**"}[self.reached]

    @property
    def shown(self) -> str:
        return NOTHING if self.value is None else f"{self.value:.{0 if '%' in self.unit else 1}f}{self.unit}"

    @property
    def limit_shown(self) -> str:
        return f"≤ {self.limit:g}{self.unit}"


def goals(results: Results) -> list[Goal]:
    def ratio(name: Name, against: str, of: Callable[[Group], float | None], scale: float = 1) -> float | None:
        ours, theirs = results.group(name, "headrace"), results.group(name, against)
        return _scaled(_ratio(of(ours), of(theirs)), scale) if ours and theirs else None

    def cpu(group: Group) -> float | None:
        return group.cpu

    def added(group: Group) -> float | None:
        return added_first_token(results, group)

    memory = results.group("memory", "headrace")
    return [
        Goal("CPU an event at full pace, against nginx", ratio("full", "nginx", cpu), 8, " ×"),
        Goal("CPU an event at full pace, against Django + httpx", ratio("full", "django", cpu, 100), 20, " %"),
        Goal("CPU an event, paced, against nginx", ratio("paced", "nginx", cpu), 5, " ×"),
        Goal("added time to the first token, against Django + httpx", ratio("first", "django", added, 100), 60, " %"),
        Goal("memory of 1,000 open streams beyond their text", memory.beyond_text if memory else None, 60, " MB"),
    ]


def added_first_token(results: Results, group: Group) -> float | None:
    """Milliseconds to the first token that the target adds to the upstream's own."""
    direct = results.group("first", "direct")
    if group.first_token is None or direct is None or direct.first_token is None:
        return None
    return group.first_token - direct.first_token


def text_mb(load: Summary) -> float:
    """The answers' text, which a log keeps so that a stream can be resumed: every token is one mark."""
    return load["tokens"] * MARK_BYTES / 1024**2


Cell = Callable[[Results, Group], str]


def _against(target: str, scale: float, unit: str) -> Cell:
    def cell(results: Results, group: Group) -> str:
        other = results.group(group.workload.name, target)
        return number(_scaled(_ratio(group.cpu, other.cpu if other else None), scale), 1 if scale == 1 else 0, unit)

    return cell


def _cpu(_: Results, group: Group) -> str:
    known = [run.cpu_per_event for run in group.runs if run.cpu_per_event is not None]
    if len(known) < 2:
        return number(group.cpu, 2)
    return f"{number(group.cpu, 2)} ({min(known):.2f}–{max(known):.2f})"


def _complete(_: Results, group: Group) -> str:
    complete = sum(run.load["complete"] for run in group.runs)
    return f"{complete:,}/{sum(run.load['requests'] for run in group.runs):,}"


def _rate(_: Results, group: Group) -> str:
    rate = group.figure(lambda run: run.load["tokens_per_second"])
    return NOTHING if rate is None else f"{rate:,.0f}"


def _spread(key: str, *shown: str) -> Cell:
    def cell(_: Results, group: Group) -> str:
        return " / ".join(number(group.figure(partial(_run_part, key, part)), 2) for part in shown)

    return cell


def _on_time(_: Results, group: Group) -> str:
    return number(_scaled(group.figure(lambda run: run.load["on_time"]), 100), 1, " %")


def _memory(of: Callable[[Measurement], float | None]) -> Cell:
    return lambda _, group: number(group.figure(of), 1)


COLUMNS: dict[Name, list[tuple[str, Cell]]] = {
    "full": [
        ("CPU µs/event", _cpu),
        ("against nginx", _against("nginx", 1, " ×")),
        ("against Django + httpx", _against("django", 100, " %")),
        ("events/s", _rate),
        ("complete", _complete),
    ],
    "paced": [
        ("CPU µs/event", _cpu),
        ("against nginx", _against("nginx", 1, " ×")),
        ("against Django + httpx", _against("django", 100, " %")),
        ("token delay ms p50 / p95 / p99", _spread("latency", "p50", "p95", "p99")),
        ("within 100 ms", _on_time),
        ("complete", _complete),
    ],
    "first": [
        ("first token ms p50 / p95", _spread("ttft", "p50", "p95")),
        ("added ms", lambda results, group: number(added_first_token(results, group), 2)),
        ("complete", _complete),
    ],
    "memory": [
        ("MB before", _memory(lambda run: run.idle_memory)),
        ("MB at the peak", _memory(lambda run: run.peak_memory)),
        ("added MB", _memory(lambda run: run.memory)),
        ("text MB", _memory(lambda run: text_mb(run.load))),
        ("CPU µs/event", _cpu),
        ("within 100 ms", _on_time),
        ("complete", _complete),
    ],
}


def number(value: float | None, digits: int, unit: str = "") -> str:
    return NOTHING if value is None else f"{value:.{digits}f}{unit}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def placed(page: str, report: str) -> str:
    """The page with this report between its markers; ValueError for a page without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{report}\n{END}{after}"


def _part(load: Summary, key: str, part: str) -> float | None:
    spread = load["ttft"] if key == "ttft" else load["latency"]
    if spread is None:
        return None
    return {"p50": spread["p50"], "p95": spread["p95"], "p99": spread["p99"]}[part]


def _run_part(key: str, part: str, run: Measurement) -> float | None:
    return _part(run.load, key, part)


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale
