"""The figures as Markdown: the machine, the goals with what was measured, a table for each workload."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.figures import Group, Part, Results, Spread, text_mb
from bench.goals import Goal, goals
from bench.run import Measurement
from bench.workloads import Name

NOTHING = "—"
BEGIN = "<!-- bench: begin -->"
END = "<!-- bench: end -->"
CAPACITY_BEGIN = "<!-- capacity: begin -->"
CAPACITY_END = "<!-- capacity: end -->"

Cell = Callable[[Results, str, Group], str]


def report(results: Results, machine: Sequence[str], titles: Mapping[str, str]) -> str:
    """The whole of it. `titles` are the targets' names in words."""
    sections = ["\n".join(f"- {line}" for line in machine)]
    if any(results.group(name, "headrace") for name in results.workloads):
        sections.append(_goals(goals(results)))
    sections += [_section(results, name, titles) for name in results.workloads]
    return "\n\n".join(sections) + "\n"


def placed(page: str, text: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """The page with this report between its markers; ValueError for a page without them."""
    before, begin, rest = page.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(f"the page has no {marks[0]} … {marks[1]}")
    return f"{before}{begin}\n\n{text}\n{end}{after}"


def _goals(stated: Sequence[Goal]) -> str:
    rows = [
        [goal.what, _number(goal.value, 1, goal.unit), f"≤ {goal.limit:g}{goal.unit}", _verdict(goal)]
        for goal in stated
    ]
    return f"### Goals\n\n{_table(['goal', 'measured', 'limit', ''], rows)}"


def _verdict(goal: Goal) -> str:
    if goal.verdict != "missed":
        return goal.verdict
    return "**missed**" if goal.whole else "**missed**: not every answer was complete"


def _section(results: Results, name: Name, titles: Mapping[str, str]) -> str:
    groups = {target: group for target in results.targets(name) if (group := results.group(name, target))}
    rows = [
        [titles[target], *(cell(results, target, group) for _, cell in COLUMNS[name])]
        for target, group in groups.items()
    ]
    title = next(iter(groups.values())).workload.title
    return f"### {title}\n\n{_table(['target', *(head for head, _ in COLUMNS[name])], rows)}"


def _cpu(_: Results, __: str, group: Group) -> str:
    known = [run.cpu_per_event for run in group.runs if run.cpu_per_event is not None]
    shown = _number(group.cpu, 2)
    return f"{shown} ({min(known):.2f}–{max(known):.2f})" if len(known) > 1 else shown


def _against_nginx(results: Results, target: str, group: Group) -> str:
    return _number(results.cpu_ratio(group.workload.name, target, "nginx"), 1, " ×")


def _against_django(results: Results, target: str, group: Group) -> str:
    return _percent(results.cpu_ratio(group.workload.name, target, "django"), 1)


def _complete(_: Results, __: str, group: Group) -> str:
    return f"{group.complete:,}/{group.requests:,}"


def _added(results: Results, target: str, _: Group) -> str:
    return _number(results.added(target), 2)


def _added_against_django(results: Results, target: str, _: Group) -> str:
    return _percent(results.added_ratio(target, "django"), 0)


def _on_time(_: Results, __: str, group: Group) -> str:
    return _percent(group.figure(lambda run: run.load["on_time"]), 1)


def _more_than_plain(results: Results, target: str, _: Group) -> str:
    more = results.cpu_more("extras", target, "headrace")
    return NOTHING if target == "headrace" else _percent(more, 1)


def _compressed(_: Results, __: str, group: Group) -> str:
    ratio = group.compression
    return NOTHING if ratio is None or ratio <= 1 else f"1 / {ratio:.1f}"


def _rate(_: Results, __: str, group: Group) -> str:
    rate = group.figure(lambda run: run.load["tokens_per_second"])
    return NOTHING if rate is None else f"{rate:,.0f}"


def _spread(of: Spread, *parts: Part) -> Cell:
    return lambda _, __, group: " / ".join(_number(group.spread(of, part), 2) for part in parts)


def _memory(of: Callable[[Measurement], float | None]) -> Cell:
    return lambda _, __, group: _number(group.figure(of), 1)


_FIGURES: list[tuple[str, Cell]] = [
    ("CPU µs/event", _cpu),
    ("against nginx", _against_nginx),
    ("against Django + httpx", _against_django),
]
COLUMNS: dict[Name, list[tuple[str, Cell]]] = {
    "full": [*_FIGURES, ("events/s", _rate), ("complete", _complete)],
    "first": [
        ("first token ms p50 / p95", _spread("ttft", "p50", "p95")),
        ("added ms", _added),
        ("added, against Django + httpx", _added_against_django),
        ("complete", _complete),
    ],
    "paced": [
        *_FIGURES,
        ("token delay ms p50 / p95 / p99", _spread("latency", "p50", "p95", "p99")),
        ("within 100 ms", _on_time),
        ("complete", _complete),
    ],
    "extras": [
        ("CPU µs/event", _cpu),
        ("more than plain", _more_than_plain),
        ("bytes, against uncompressed", _compressed),
        ("within 100 ms", _on_time),
        ("complete", _complete),
    ],
    "memory": [
        ("MB before", _memory(lambda run: run.idle_memory)),
        ("MB at the peak", _memory(lambda run: run.peak_memory)),
        ("added MB", _memory(lambda run: run.memory)),
        ("text MB", _memory(lambda run: text_mb(run.load))),
        ("within 100 ms", _on_time),
        ("complete", _complete),
    ],
}


def _number(value: float | None, digits: int, unit: str = "") -> str:
    return NOTHING if value is None else f"{value:.{digits}f}{unit}"


def _percent(share: float | None, digits: int) -> str:
    return _number(None if share is None else 100 * share, digits, " %")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
