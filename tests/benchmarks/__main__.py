"""Run benchmarks, each in a fresh process: `python -m tests.benchmarks [--markdown] [NAME...]`."""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.harness import verdict

NAMES = tuple(
    "map recording latency children ack ack_postgres fold ingest lateness memory browser".split()
)
COLUMNS = ("benchmark", "ours", "raw", "ratio", "unit", "required", "goal", "verdict")
Figures = dict[str, Any]


def run(name: str) -> Figures | None:
    """Run one and pass its line on; None where it did not end well."""
    command = [sys.executable, "-m", f"tests.benchmarks.{name}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return None
    line = done.stdout.strip().splitlines()[-1]
    print(line, file=sys.stderr, flush=True)
    figures: Figures = json.loads(line)
    return figures


def row(name: str, figures: Figures | None) -> list[str]:
    """One benchmark's cells."""
    if figures is None:
        return [name, *[""] * (len(COLUMNS) - 2), "did not run"]
    known = figures | {"verdict": verdict(figures)}
    return ["" if known[column] is None else str(known[column]) for column in COLUMNS]


def table(rows: Iterable[list[str]]) -> Table:
    """For the terminal."""
    made = Table(*COLUMNS)
    for cells in rows:
        made.add_row(*cells)
    return made


def markdown(rows: Iterable[list[str]]) -> Iterator[str]:
    """For docs/reference/benchmarks.md, with the date and the machine."""
    memory = psutil.virtual_memory().total / 2**30
    yield (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {len(os.sched_getaffinity(0))} cores of "
        f"{_processor()}, {memory:.0f} GB, Python {platform.python_version()}, "
        f"distributed {version('distributed')}:"
    )
    yield ""
    for cells in (list(COLUMNS), ["---"] * len(COLUMNS), *rows):
        yield f"| {' | '.join(cells)} |"


def _processor() -> str:
    """The processor's own name where Linux tells it."""
    with open("/proc/cpuinfo") as file:  # noqa: PTH123
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    """Run those that are named, or all; exits with 1 if one misses what is required."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--markdown", action="store_true", help="print the table of the docs")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    rows = [row(name, run(name)) for name in options.names or NAMES]
    if options.markdown:
        print(*markdown(rows), sep="\n")
    else:
        Console().print(table(rows))
    sys.exit(any(cells[-1] in ("missed", "did not run") for cells in rows))


if __name__ == "__main__":
    main()
