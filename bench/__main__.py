"""`python -m bench`: measure, print the report, and write it into `docs/performance.md` when asked to."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import capacity, machine, profiling, targets, workloads
from bench.figures import Results
from bench.goals import goals
from bench.processes import BenchError, raise_open_files
from bench.report import CAPACITY_BEGIN, CAPACITY_END, placed, report
from bench.run import Bench
from bench.targets import Target

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
QUIET = 0.2
"""Processors busy with something else, above which delays say more about that than about the targets."""
EXIT_MISSED = 1
EXIT_FAILED = 2
EXIT_TERMINATED = 143


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of five: for large changes only")
    parser.add_argument("--only", default="", help=f"targets, of: {', '.join(each.name for each in targets.ALL)}")
    parser.add_argument("--work", default="", help=f"workloads, of: {', '.join(each.name for each in workloads.ALL)}")
    parser.add_argument("--write", action="store_true", help="put the report into docs/performance.md")
    parser.add_argument("--capacity", action="store_true", help="only: how many streams each target keeps up with")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--profile", action="store_true", help="say where the targets' time goes (with py-spy)")
    return parser.parse_args(argv)


def chosen(names: str, available: Sequence[str]) -> list[str]:
    """The names that were asked for, in their usual order; all, when none was."""
    asked = [name for name in names.replace(",", " ").split() if name]
    unknown = sorted(set(asked) - set(available))
    if unknown:
        raise BenchError(f"There is no {', '.join(unknown)}; there are: {', '.join(available)}.")
    return [name for name in available if not asked or name in asked]


def present(names: Sequence[str]) -> list[Target]:
    """Those of these targets that can be measured here; why another one can't is said."""
    found = [target for target in targets.ALL if target.name in names]
    for target in found:
        if reason := target.missing():
            say(reason)
    return [target for target in found if not target.missing()]


def run(options: argparse.Namespace) -> int:
    raise_open_files()
    names = chosen(options.only, [each.name for each in targets.ALL])
    works = chosen(options.work, [each.name for each in workloads.ALL])
    asked = [workloads.quick(each) if options.quick else each for each in workloads.ALL if each.name in works]
    bench = Bench(present(names), asked, say)
    if options.capacity:
        return measure_capacity(bench, write=options.write)
    if options.profile:
        profiling.program()
        bench.watched = lambda process: profiling.sampled(process, say)
    started, others = time.monotonic(), machine.OtherWork()
    results = Results(bench.run())
    busy = others.processors()
    about = [*machine.description(), f"other work during the run kept {busy:.2f} processors busy"]
    text = report(results, about, {target.name: target.title for target in targets.ALL})
    print(text)
    say(f"It took {time.monotonic() - started:.0f} s.")
    if busy > QUIET:
        say(f"Other work kept {busy:.2f} processors busy: the times are not worth much. Run it on a quiet machine.")
    if options.write and not options.profile:  # a watched process is a slower one
        PAGE.write_text(placed(PAGE.read_text(), text))
    missed = any(goal.verdict == "missed" for goal in goals(results))
    return EXIT_MISSED if options.check and missed else 0


def measure_capacity(bench: Bench, *, write: bool) -> int:
    others = machine.OtherWork()
    found = capacity.capacities(bench)
    titles = {target.name: target.title for target in targets.ALL}
    busy = f"Other work during the run kept {others.processors():.2f} processors busy."
    text = f"{capacity.table(found, titles)}\n\n{busy}\n"
    print(text)
    if write:
        PAGE.write_text(placed(PAGE.read_text(), text, (CAPACITY_BEGIN, CAPACITY_END)))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))  # so that what was started is ended
    try:
        return run(arguments(argv))
    except BenchError as error:
        say(str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_TERMINATED


if __name__ == "__main__":
    sys.exit(main())
