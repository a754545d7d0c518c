"""`python -m soak.day`: half an hour that is a day in the statistics. `--keep FOLDER` to look at it afterwards."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from soak.day.living import Day, live

ROOT = Path(__file__).resolve().parents[2]
WIRE = ROOT.parent / "shared" / "wire"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m soak.day")
    parser.add_argument("--minutes", type=float, default=28.0, help="of real time, 55 at most (28)")
    parser.add_argument("--pace", type=float, default=3.0, help="streams a second in the fullest hour (3)")
    parser.add_argument("--wire", type=Path, default=WIRE, help="the folder of recordings")
    parser.add_argument("--keep", type=Path, help="an empty folder for the data; else it is thrown away")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headrace-day-") as folder:
        day = Day(given.minutes * 60, given.pace, given.wire, given.keep or Path(folder))
        for name, value in asyncio.run(live(day)).items():
            print(f"{name.replace('_', ' ')}: {value}", flush=True)
    if given.keep:
        print(f"Look at it: HEADRACE_AUTH=required HEADRACE_DATA_DIR={given.keep} headrace serve, then /#/statistics")
